package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
)

const pluginPrefix = "fenced-plugin-"

func (a *app) pluginCommand() *cobra.Command {
	var cmds []*cobra.Command
	if a.deps.ListPlugins != nil {
		cmds = append(cmds, a.pluginListCommand(), a.pluginReloadCommand())
	}
	if a.deps.DescribePlugin != nil {
		cmds = append(cmds, a.pluginInfoCommand())
	}
	if a.deps.VerifyPlugin != nil {
		cmds = append(cmds, a.pluginVerifyCommand())
	}
	if a.deps.TestPlugin != nil {
		cmds = append(cmds, a.pluginTestCommand())
	}
	if a.deps.ListAgents != nil {
		cmds = append(cmds, a.pluginAgentsCommand())
	}
	cmds = append(cmds, a.pluginNewCommand())
	return group("plugin", "look at plugins, prove them, and begin one", cmds...)
}

func (a *app) pluginListCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "the plugins that the daemon runs; without a daemon, those on disk",
		Args:  words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), readTimeout)
			defer cancel()
			list, err := a.plugins(ctx, dir)
			if err != nil {
				return err
			}
			a.show(list, func(w io.Writer) { pluginsText(w, list) })
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "plugin-dir", "", "look in this directory and ask no daemon")
	return cmd
}

// plugins asks the daemon; where none answers, or a directory is named, it looks at the disk.
func (a *app) plugins(ctx context.Context, dir string) (client.Plugins, error) {
	if dir == "" {
		c := a.client()
		defer c.Close()
		ask, cancel := context.WithTimeout(ctx, queryTimeout)
		defer cancel()
		list, err := c.Plugins(ask)
		if client.CodeOf(err) != client.CodeUnreachable {
			return list, err
		}
		dir = config.DefaultPluginDir
		a.say("%v; these are the plugins in %s", err, dir)
	}
	list, err := a.deps.ListPlugins(ctx, dir)
	return client.Plugins{API: client.API, Plugins: list}, err
}

func pluginsText(w io.Writer, list client.Plugins) {
	t := &table{}
	t.add("NAME", "VERSION", "KIND", "STATE", "RESTARTS", "DEVICES", "SUMMARY")
	for _, p := range list.Plugins {
		last := p.Summary
		if p.Error != "" {
			last = "ERROR " + p.Error
		}
		t.add(p.Name, orDash(p.Version), orDash(p.Kind), orDash(p.State), fmt.Sprint(p.Restarts), joined(p.Devices, ","), last)
		for _, v := range otherVersions(p) {
			t.add("", orDash(v.Version), "", "not used", "", "", cmp.Or(v.Error, "a higher version is used")+": "+v.Path)
		}
	}
	t.write(w, false, "")
}

// otherVersions are the installed files of a plugin beside the one that is used; where none can be, its Error says why already.
func otherVersions(p client.Plugin) []client.PluginVersion {
	if p.Error != "" {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.Versions), func(v client.PluginVersion) bool { return v.Path == p.Path })
}

// executable finds a plugin by name in the directory, or takes a path.
func executable(dir, name string) string {
	if strings.ContainsRune(name, filepath.Separator) {
		return name
	}
	return filepath.Join(dir, pluginPrefix+strings.TrimPrefix(name, pluginPrefix))
}

func (a *app) pluginInfoCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "info NAME|PATH",
		Short: "what a plugin says of itself: its options, its actions, a sample",
		Args:  words(1, 1, "one NAME or PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), queryTimeout)
			defer cancel()
			p, err := a.deps.DescribePlugin(ctx, executable(dir, args[0]))
			if err != nil {
				return err
			}
			a.show(struct {
				API string `json:"api"`
				client.Plugin
			}{client.API, p}, func(w io.Writer) { pluginText(w, p) })
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "plugin-dir", config.DefaultPluginDir, "where plugins are")
	return cmd
}

func pluginText(w io.Writer, p client.Plugin) {
	fact := func(label, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s "+format+"\n", append([]any{label}, args...)...)
	}
	fmt.Fprintf(w, "%s %s   %s\n", p.Name, orDash(p.Version), p.Summary)
	fact("path", "%s", p.Path)
	fact("kind", "%s, actions %s, protocols %s", orDash(p.Kind), joined(p.Actions, ","), strings.Trim(fmt.Sprint([]uint32(p.Protocols)), "[]"))
	for _, v := range otherVersions(p) {
		fact("not used", "%s (%s): %s", orDash(v.Version), v.Path, cmp.Or(v.Error, "a higher version is used"))
	}
	fact("identity", "%t", p.GivesIdentity)
	fact("times", "settle %s, hold-up %s, effect lags at most %s", took(p.SettleMS), took(p.HoldUpMS), took(p.EffectMS))
	t := &table{}
	t.add("OPTION", "TYPE", "", "DEFAULT", "HELP")
	for _, o := range p.Options {
		var marks []string
		for _, m := range []struct {
			on   bool
			name string
		}{{o.Required, "required"}, {o.Secret, "secret"}, {o.Mapping, "mapping"}} {
			if m.on {
				marks = append(marks, m.name)
			}
		}
		kind := o.Type
		if len(o.Values) > 0 {
			kind += "(" + strings.Join(o.Values, "|") + ")"
		}
		t.add(o.Name, kind, strings.Join(marks, ","), orDash(o.Default), o.Help)
	}
	t.write(w, false, "  ")
	if p.Sample != "" {
		fmt.Fprintln(w, "  sample")
		for _, l := range strings.Split(strings.TrimRight(p.Sample, "\n"), "\n") {
			fmt.Fprintln(w, "    "+l)
		}
	}
}

func (a *app) pluginTestCommand() *cobra.Command {
	var options []string
	var limit time.Duration
	var o PluginTest
	cmd := &cobra.Command{
		Use:   "test PATH",
		Short: "prove a plugin: what it must do, and how it behaves when everything goes wrong",
		Long: "Runs the conformance test. With options of a device it uses that device, and reads it. Nothing is switched without --power: then the\n" +
			"target goes off and on, and ends in the state it was found in.",
		Args: words(1, 1, "one PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Options = map[string]string{}
			for _, pair := range options {
				k, v, ok := strings.Cut(pair, "=")
				if !ok || k == "" {
					return usage("--option wants NAME=VALUE, not %q", pair)
				}
				o.Options[k] = v
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			r, err := a.deps.TestPlugin(ctx, args[0], o)
			if err != nil {
				return err
			}
			r.API = client.API
			a.show(r, func(w io.Writer) { reportText(w, r) })
			if !r.Passed {
				return silent(client.CodeError)
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&options, "option", nil, "NAME=VALUE of the device to test with")
	cmd.Flags().StringVar(&o.Target, "target", "", "the outlet, slot or system at the device")
	cmd.Flags().BoolVar(&o.Power, "power", false, "switch the target off and on (a test device!)")
	cmd.Flags().StringVar(&o.SetState, "set-state", "", "command that puts the target on or off behind the plugin's back: proves that status is fresh")
	cmd.Flags().DurationVar(&limit, "timeout", 5*time.Minute, "give up after this time")
	return cmd
}

func reportText(w io.Writer, r client.PluginReport) {
	t := &table{}
	counts := map[string]int{}
	for _, c := range r.Cases {
		counts[c.Result]++
		t.add(c.Result, c.Name, took(c.MS), c.Text)
	}
	t.write(w, false, "")
	result := "conforms"
	if !r.Passed {
		result = "DOES NOT CONFORM"
	}
	fmt.Fprintf(w, "%s: %s (%d passed, %d failed, %d skipped)\n", r.Path, result, counts[client.CasePass], counts[client.CaseFail], counts[client.CaseSkip])
}

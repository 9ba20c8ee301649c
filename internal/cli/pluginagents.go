package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
)

// agentsTimeout bounds asking all installed agents; some of them import half of a cloud before they say anything.
const agentsTimeout = 3 * time.Minute

func (a *app) pluginAgentsCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "agents [AGENT…]",
		Short: "installed fence agents: class, options, a sample configuration",
		Long:  "Asks the installed fence agents what they are, through the agent plugin. With names: their options and a sample configuration.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			ctx, cancel := context.WithTimeout(ctx, agentsTimeout)
			defer cancel()
			list, err := a.deps.ListAgents(ctx, executable(dir, "agent"), args)
			if err != nil {
				return err
			}
			doc := client.Agents{API: client.API, Agents: list}
			a.show(doc, func(w io.Writer) { agentsText(w, list, len(args) > 0) })
			for _, g := range list {
				if len(args) > 0 && g.Error != "" {
					return silent(client.CodeError)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "plugin-dir", config.DefaultPluginDir, "where plugins are")
	return cmd
}

func agentsText(w io.Writer, list []client.Agent, whole bool) {
	t := &table{}
	t.add("AGENT", "CLASS", "SUMMARY")
	for _, g := range list {
		text := g.Summary
		if g.Error != "" {
			text = "ERROR " + g.Error
		}
		t.add(g.Name, orDash(g.Class), text)
	}
	t.write(w, false, "")
	if !whole {
		return
	}
	for _, g := range list {
		if g.Error != "" {
			continue
		}
		fmt.Fprintf(w, "\n%s is of class %s: %s\nactions %s\n", g.Name, g.Class, g.Why, strings.Join(g.Actions, " "))
		o := &table{}
		o.add("OPTION", "TYPE", "", "DEFAULT", "HELP")
		for _, p := range g.Options {
			var marks []string
			if p.Required {
				marks = append(marks, "required")
			}
			if p.Secret {
				marks = append(marks, "secret")
			}
			kind := p.Type
			if len(p.Values) > 0 {
				kind += "(" + strings.Join(p.Values, "|") + ")"
			}
			o.add(p.Name, kind, strings.Join(marks, ","), orDash(p.Default), p.Help)
		}
		o.write(w, false, "  ")
		fmt.Fprintf(w, "\n%s", g.Sample)
	}
}

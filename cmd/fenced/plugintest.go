package main

import (
	"context"
	"errors"
	"os/exec"
	"strings"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/cli"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/plugins/plugintest"
)

// testPlugin runs the conformance test. Options that the plugin declares secret are handed over as secrets; a test plugin that declares an
// option `knob` is made to misbehave with it.
func testPlugin(ctx context.Context, path string, o cli.PluginTest) (client.PluginReport, error) {
	out := client.PluginReport{API: client.API, Path: path, Passed: true}
	t := plugintest.Options{Path: path, Device: map[string]string{}, Secrets: map[string]host.Secret{}, Target: o.Target, AllowPower: o.Power}
	about, err := describeFile(ctx, path)
	if err != nil {
		about = client.Plugin{} // what is wrong with it is the first case's finding
	}
	for k, v := range o.Options {
		if secret(about, k) {
			t.Secrets[k] = host.NewSecret(v)
		} else {
			t.Device[k] = v
		}
	}
	t.Knobs = knobs(about)
	if o.SetState != "" {
		t.SetState = func(ctx context.Context, state string) error { return setState(ctx, o.SetState, state) }
	}
	err = plugintest.Run(ctx, t, func(c plugintest.Case) {
		text := c.Proves
		if c.Text != "" {
			text += ": " + c.Text
		}
		out.Cases = append(out.Cases, client.PluginCase{Name: c.Name, Result: string(c.Outcome), MS: c.Took.Milliseconds(), Text: text})
		out.Passed = out.Passed && c.Outcome != plugintest.Fail
	})
	return out, err
}

func secret(p client.Plugin, option string) bool {
	for _, o := range p.Options {
		if o.Name == option {
			return o.Secret
		}
	}
	return false
}

// knobs are the ways to misbehave that a test plugin offers under the names that our own use.
func knobs(p client.Plugin) map[string]map[string]string {
	classes := map[string]string{"fail": "refused", "limbo": "limbo", "auth": "auth", "lie": "lie", "unreachable": "unreachable"}
	out := map[string]map[string]string{}
	for _, o := range p.Options {
		if o.Name != "knob" {
			continue
		}
		for _, v := range o.Values {
			if class := classes[v]; class != "" {
				out[class] = map[string]string{"knob": v}
			}
		}
	}
	return out
}

// setState runs the tester's command with the state as its last word.
func setState(ctx context.Context, command, state string) error {
	words := append(strings.Fields(command), state)
	if len(words) < 2 {
		return errors.New("--set-state names no command")
	}
	return exec.CommandContext(ctx, words[0], words[1:]...).Run()
}

// Command fenced-plugin-dummy is power made of files: DIR/TARGET holds on or off, DIR/TARGET.uuid and DIR/TARGET.serial the identity
// behind it (a target has no dot in its name). It is the smallest plugin, the one that tests lean on, and the one to copy from.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
)

func main() { sdk.Main(dummy{}) }

type dummy struct{}

func (dummy) Describe() sdk.Description {
	return sdk.Description{
		Name: "dummy", Version: "1.0.0", Summary: "power made of files, for tests and trials", Kind: sdk.Power, GivesIdentity: true,
		Actions: []sdk.Action{sdk.ActionOff, sdk.ActionOn, sdk.ActionDiag}, Effect: time.Second, Settle: 10 * time.Millisecond, Limit: 8,
		Options: []sdk.Option{
			{Name: "dir", Required: true, Mapping: true, Help: "directory with a file for each target"},
			{Name: "delay", Type: sdk.Duration, Default: "0s", Help: "how long each call takes"},
			{Name: "switching", Type: sdk.Duration, Default: "0s", Help: "how much longer off and on take"},
			{Name: "knob", Type: sdk.Enum, Default: "none", Values: []string{"none", "fail", "hang", "lie", "limbo", "auth"}, Help: "how to misbehave"},
			{Name: "password", Secret: true, Help: "kept and never used"},
		},
		Sample: "plugin: dummy\noptions:\n  dir: /run/dummy   # echo on > /run/dummy/node-1\n",
	}
}

func (dummy) Open(_ context.Context, _ string, o sdk.Options) (sdk.Device, error) {
	return device{dir: o.String("dir"), delay: o.Duration("delay"), switching: o.Duration("switching"), knob: o.String("knob")}, nil
}

type device struct {
	dir, knob        string
	delay, switching time.Duration
}

func (d device) Status(ctx context.Context, target string) (sdk.Status, error) {
	if err := d.call(ctx, target, d.delay); err != nil {
		return sdk.Status{}, err
	}
	text, err := os.ReadFile(filepath.Join(d.dir, target))
	if err != nil {
		return sdk.Status{}, sdk.Unreachable(err)
	}
	uuid, _ := os.ReadFile(filepath.Join(d.dir, target+".uuid")) // no identity is no error
	serial, _ := os.ReadFile(filepath.Join(d.dir, target+".serial"))
	return sdk.Status{State: sdk.ParseState(string(text)), UUIDs: strings.Fields(string(uuid)), Serial: strings.TrimSpace(string(serial))}, nil
}

func (d device) Do(ctx context.Context, target string, action sdk.Action) error {
	if err := d.call(ctx, target, d.delay+d.switching); err != nil || action == sdk.ActionDiag || d.knob == "lie" {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.dir, target+".new"), []byte(action), 0o600); err != nil {
		return sdk.Unreachable(err)
	}
	return os.Rename(filepath.Join(d.dir, target+".new"), filepath.Join(d.dir, target)) // a reader never sees half a word
}

func (d device) List(context.Context) (out []sdk.Target, err error) {
	files, err := filepath.Glob(filepath.Join(d.dir, "*"))
	for _, f := range files {
		if name := filepath.Base(f); !strings.Contains(name, ".") {
			out = append(out, sdk.Target{ID: name})
		}
	}
	return out, err
}

// call takes its time, misbehaves as told, and refuses what is no target.
func (d device) call(ctx context.Context, target string, takes time.Duration) error {
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return sdk.Timeout(ctx.Err())
	}
	switch d.knob {
	case "fail":
		return sdk.Refused(errors.New("told to fail"))
	case "limbo":
		return sdk.Limbo(errors.New("told to be in limbo"))
	case "auth":
		return sdk.Auth(errors.New("told to reject"))
	case "hang": // deaf to the deadline: the host kills this process
		select {}
	}
	if target == "" || strings.Contains(target, ".") || strings.Contains(target, "/") {
		return sdk.Refused(fmt.Errorf("%q is no target", target))
	}
	return nil
}

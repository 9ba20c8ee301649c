package config

import (
	"testing"

	"github.com/spf13/pflag"
)

func TestFind(t *testing.T) {
	for _, v := range variables {
		t.Setenv(v, "")
	}
	t.Setenv("FENCED_CONFIG", "/from/env")
	t.Setenv("FENCED_NODE", "env-node")
	t.Setenv("FENCED_ALLOW_RESET", "1")
	t.Setenv("FENCED_STATE_DIR", "/must/not/count")
	flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
	AddFlags(flags)
	if err := flags.Parse([]string{"--config", "/from/flag", "--system-root", "/Fake", "--run-dir=/r"}); err != nil {
		t.Fatal(err)
	}
	o := Find(flags)
	if o.Path != "/from/flag" || o.SystemRoot != "/Fake" || o.RunDir != "/r" || o.Node != "env-node" || o.StateDir != "" || !o.AllowReset {
		t.Errorf("%+v", o)
	}
	if o := Find(nil); o.Path != "/from/env" || o.SystemRoot != "" {
		t.Errorf("without flags: %+v", o)
	}
	t.Setenv("FENCED_ALLOW_RESET", "true")
	if Find(nil).AllowReset {
		t.Error("only 1 allows a reset")
	}
	// What Find found, Load judges.
	found := false
	_, ps := Load(Options{Path: "/nowhere", Env: o.Env, Strict: true})
	for _, p := range ps {
		found = found || p.Text == `unknown environment variable "FENCED_STATE_DIR"` && !p.Warning
	}
	if !found {
		t.Errorf("the unknown variable is not reported: %s", ps)
	}
}

func TestNearest(t *testing.T) {
	words := []string{"failure_timeout", "lease", "bmc", "node-1", "node-2"}
	for got, want := range map[string]string{"bcm": "bmc", "Lease": "lease", "fail_timeout": "failure_timeout", "node-11": "node-1", "zzz": "", "x": "", "": ""} {
		if n := nearest(got, words); n != want {
			t.Errorf("nearest(%q) = %q, want %q", got, n, want)
		}
	}
}

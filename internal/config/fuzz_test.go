package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// FuzzLoad: whatever stands in a file, Load returns, in words that fit on lines, and what it lets through keeps the promises of Config.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(good))
	if b, err := os.ReadFile(filepath.Join("..", "..", "configs", "fenced.yaml")); err == nil {
		f.Add(b)
	}
	for _, s := range []string{
		"", "a", "- a", "a: b", "a: {b: [c]}", "a: &x b\nc: *x", "? a\n: b", "? [a]\n: b", "%YAML 1.2\n---\na: 1\n...", "a: |\n  b\n", "a: >-\n  b", "a: 'b", "a: \"\\u00\"",
		"nodes:\n  : {}\n", "nodes: {~: {id: 1}}", "nodes: {1: {id: 1}, 1.0: {id: 2}, true: {id: .inf}}", "<<: {a: b}", "!!map {a: b}", "a: !!binary x", "[[[[", "{{{{", "- - - - a",
		"nodes: {n: {levels: [[[]]]}}", "devices: {d: {plugin: bmc, address: \"http://[::1\"}}", "cluster: c\r\nnodes:\r\n  n1:\r\n    id: 1\r\n", "a: b #c\n#d\n", "\ufeffcluster: c\n", "a:\n  - b\n - c\n",
	} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	for name, text := range map[string]string{"authkey": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "secret": "hunter2-very-secret"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	path := filepath.Join(dir, "fenced.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, ps := Load(Options{Path: path, SystemRoot: dir, AnyNode: true})
		if (c == nil) != ps.Fatal() {
			t.Fatalf("config is nil: %t, fatal: %t", c == nil, ps.Fatal())
		}
		for _, p := range ps {
			if strings.ContainsAny(p.String(), "\n\r\x00") || p.Remedy == "" || strings.Contains(p.String(), "hunter2") {
				t.Fatalf("not fit to print: %q", p)
			}
		}
		if c == nil {
			return
		}
		promises(t, c)
	})
}

func promises(t *testing.T, c *Config) {
	t.Helper()
	if errs := fence.CheckTiming(c.Roster.Timing); errs != nil {
		t.Errorf("impossible timings got through: %v", errs)
	}
	last := fence.NodeID(0)
	for _, n := range c.Roster.Nodes {
		if n.ID <= last || n.Name == "" || n.Address == "" || len(n.Levels) == 0 && !n.Witness {
			t.Errorf("node: %+v", n)
		}
		last = n.ID
		for _, l := range n.Levels {
			if len(l.Steps) == 0 {
				t.Errorf("empty level of %s", n.Name)
			}
			for _, s := range l.Steps {
				if _, ok := c.Roster.Device(s.Device); s.Device != "" && !ok {
					t.Errorf("unknown device %s", s.Device)
				}
			}
		}
	}
	b, err := json.Marshal(c.Roster)
	if err != nil || strings.Contains(string(b), "hunter2") {
		t.Errorf("roster: %v %s", err, b)
	}
}

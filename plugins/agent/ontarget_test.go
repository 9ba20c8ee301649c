package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

// on of an agent that registers the machine that it runs on is run for nobody but that machine's own daemon (R18, ADR 0099).
func TestOnTargetIsAskedForOnTheTarget(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "fence_fake"))
	if err != nil {
		t.Fatal(err)
	}
	registers := strings.Replace(string(b), `name="on" automatic="0"`, `name="on" on_target="1" automatic="1"`, 1)
	for name, c := range map[string]struct {
		text     string
		does, no sdk.Action
	}{
		"registers": {registers, sdk.ActionOnTarget, sdk.ActionOn},
		"switches":  {string(b), sdk.ActionOn, sdk.ActionOnTarget},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "n1"), []byte("off\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := openAgent(t, map[string]string{"agent": write(t, "fence_"+name, c.text), "dir": dir, "class": "storage"})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Do(harness.Within(t, 10*time.Second), "n1", c.no); !errors.Is(err, sdk.ClassUnsupported) || !strings.Contains(err.Error(), "on_target") {
			t.Errorf("%s: %s was asked for: %v", name, c.no, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "seen")); err == nil {
			t.Errorf("%s was run for %s", name, c.no)
		}
		if err := d.Do(harness.Within(t, 10*time.Second), "n1", c.does); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		seen, err := os.ReadFile(filepath.Join(dir, "seen"))
		if err != nil || !strings.Contains(string(seen), "action=on\n") {
			t.Errorf("%s was given %q (%v)", name, seen, err)
		}
		if st, err := d.Status(harness.Within(t, 10*time.Second), "n1"); err != nil || st.State != sdk.On {
			t.Errorf("%s: %+v %v", name, st, err)
		}
	}
	m, err := parseMetadata([]byte(registers[strings.Index(registers, "<resource-agent"):]))
	if err != nil {
		t.Fatal(err)
	}
	if s := m.sample("fence_registers", classify("/x/fence_registers", m)); !strings.Contains(s, "on_target: true") {
		t.Errorf("the sample does not say who runs it:\n%s", s)
	}
}

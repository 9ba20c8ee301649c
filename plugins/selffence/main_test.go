package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/plugins/plugintest"
	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

// No test of this package may end the machine that runs it: the variable is taken away before anything else, for this process and its children.
func TestMain(m *testing.M) {
	if err := os.Unsetenv("FENCED_ALLOW_RESET"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, root string) (sdk.Device, error) {
	t.Helper()
	o, err := selffence{}.Describe().NewOptions(map[string]string{"system_root": root})
	if err != nil {
		return nil, err
	}
	return selffence{}.Open(harness.Within(t, 5*time.Second), "self", o)
}

// R24: without the permission that only the daemon gives there is no device; a root that is not quite a directory of a pretended machine is none either.
func TestWithoutPermissionThereIsNoDevice(t *testing.T) {
	for _, root := range []string{"/", "//", "/.", "", ".", "relative", "/tmp/.."} {
		if d, err := open(t, root); err == nil {
			t.Errorf("root %q gives %v", root, d)
		}
	}
}

// A pretended machine goes off, once asked for off and nothing else, and of no target.
func TestOffIsAByteInAPretendedMachine(t *testing.T) {
	root := t.TempDir()
	d, err := open(t, root)
	if err != nil {
		t.Fatal(err)
	}
	ctx := harness.Within(t, 10*time.Second)
	if d.Do(ctx, "", sdk.ActionOn) == nil || d.Do(ctx, "other", sdk.ActionOff) == nil {
		t.Error("it takes another action or target")
	}
	if s, err := d.Status(ctx, ""); err != nil || s.State != sdk.On {
		t.Fatalf("%+v %v", s, err)
	}
	if err := d.Do(ctx, "", sdk.ActionOff); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(root, "proc/sysrq-trigger")); err != nil || string(b) != "b" {
		t.Errorf("%q %v", b, err)
	}
	if s, err := d.Status(ctx, ""); err != nil || s.State != sdk.Off {
		t.Errorf("%+v %v", s, err)
	}
}

// What is back although it was to end this machine has failed: nothing could be pulled here (S2.15).
func TestToBeBackIsFailure(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "proc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "proc/sysrq-trigger"), 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := open(t, root)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Do(harness.Within(t, 10*time.Second), "", sdk.ActionOff); err == nil || !strings.Contains(err.Error(), "still running") {
		t.Errorf("%v", err)
	}
}

// TestConformance: the suite's cases but for identity, which a machine needs not prove to itself, and targets, of which there is one.
func TestConformance(t *testing.T) {
	ctx := harness.Within(t, 5*time.Minute)
	path, root := filepath.Join(t.TempDir(), "fenced-plugin-selffence"), t.TempDir()
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	trigger := filepath.Join(root, "proc/sysrq-trigger")
	if err := os.Mkdir(filepath.Dir(trigger), 0o755); err != nil {
		t.Fatal(err)
	}
	set := func(_ context.Context, state string) error {
		return os.WriteFile(trigger, []byte(map[string]string{"off": "b"}[state]), 0o600)
	}
	without := []string{"identity", "no such target", "malformed option", "misbehaving device"}
	if err := plugintest.Run(ctx, plugintest.Options{Slow: 4, Path: path, Device: map[string]string{"system_root": root}, AllowPower: true, SetState: set}, func(c plugintest.Case) {
		t.Logf("%-4s %-20s %5d ms %s", c.Outcome, c.Name, c.Took.Milliseconds(), c.Text)
		if c.Outcome == plugintest.Fail || c.Outcome == plugintest.Skip && !slices.Contains(without, c.Name) {
			t.Errorf("%s: %s %s", c.Name, c.Outcome, c.Text)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

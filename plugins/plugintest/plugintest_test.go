package plugintest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/plugins/host"
)

var built string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "ft")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for name, pkg := range map[string]string{"dummy": "../dummy", "bad": "./badplugin"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, "fenced-plugin-"+name), pkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "cannot build %s: %v\n%s", pkg, err, out)
			os.Exit(1)
		}
	}
	built = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// state makes a directory with one target and returns how to change it behind a plugin's back.
func state(t *testing.T) (dir string, set func(context.Context, string) error) {
	dir = t.TempDir()
	set = func(_ context.Context, s string) error {
		return os.WriteFile(filepath.Join(dir, "n1"), []byte(s), 0o600)
	}
	if err := set(t.Context(), "on"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "n1.uuid"), []byte("11111111-2222-3333-4444-555555555555"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, set
}

func outcomes(t *testing.T, o Options) map[string]Case {
	t.Helper()
	out := map[string]Case{}
	if err := Run(t.Context(), o, func(c Case) {
		out[c.Name] = c
		t.Logf("%-4s %-20s %5d ms %s", c.Outcome, c.Name, c.Took.Milliseconds(), c.Text)
		if c.Proves == "" || c.Of != "plugin" {
			t.Errorf("case %s does not say what it proves of whom", c.Name)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// The dummy passes everything, and nothing is skipped where the tester gives all he can.
func TestDummyPasses(t *testing.T) {
	t.Parallel()
	dir, set := state(t)
	got := outcomes(t, Options{
		Path: filepath.Join(built, "fenced-plugin-dummy"), Device: map[string]string{"dir": dir}, Target: "n1", AllowPower: true, SetState: set,
		Secrets: map[string]host.Secret{"password": host.NewSecret("correct-horse")},
		Knobs:   map[string]map[string]string{"limbo": {"knob": "limbo"}, "timeout": {"knob": "hang"}, "auth": {"knob": "auth"}, "refused": {"knob": "fail"}, "lie": {"knob": "lie"}},
	})
	if want := len(shape()) + len(power()) + len(hardness()); len(got) != want {
		t.Errorf("%d cases ran, want %d", len(got), want)
	}
	for _, c := range got {
		if c.Outcome != Pass {
			t.Errorf("%s: %s %s", c.Name, c.Outcome, c.Text)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "n1")); err != nil || string(b) != "on" {
		t.Errorf("the target was left %s, %v", b, err)
	}
}

// Nothing is switched without leave, and what could not be tried is said.
func TestNoPowerWithoutLeave(t *testing.T) {
	t.Parallel()
	dir, _ := state(t)
	before, err := os.Stat(filepath.Join(dir, "n1"))
	if err != nil {
		t.Fatal(err)
	}
	got := outcomes(t, Options{Path: filepath.Join(built, "fenced-plugin-dummy"), Device: map[string]string{"dir": dir}, Target: "n1"})
	for _, name := range []string{"off", "fresh status", "misbehaving device"} {
		if c := got[name]; c.Outcome != Skip || c.Text == "" {
			t.Errorf("%s: %s %q", name, c.Outcome, c.Text)
		}
	}
	if after, err := os.Stat(filepath.Join(dir, "n1")); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the target was written: %v", err)
	}
}

// Without a device, as in step 3 of docs/howto/write-a-plugin.md, nothing fails that only a device could show, and it is said what to give.
func TestWithoutDevice(t *testing.T) {
	t.Parallel()
	got := outcomes(t, Options{Path: filepath.Join(built, "fenced-plugin-dummy"), Knobs: map[string]map[string]string{"limbo": {"knob": "limbo"}}})
	for _, c := range got {
		if c.Outcome == Fail {
			t.Errorf("%s: %s", c.Name, c.Text)
		}
	}
	for _, name := range []string{"status", "no such action", "misbehaving device", "deadline", "kill -9"} {
		if c := got[name]; c.Outcome != Skip || !strings.Contains(c.Text, "--option dir=") {
			t.Errorf("%s: %s %q", name, c.Outcome, c.Text)
		}
	}
	if c := got["missing option"]; c.Outcome != Pass {
		t.Errorf("missing option: %s %s", c.Outcome, c.Text)
	}
}

// The cases see what they are for: each of these plugins fails the case that is about its vice. (The tests of the tests.)
func TestVicesAreSeen(t *testing.T) {
	for vice, c := range map[string]struct {
		device map[string]string
		fails  string
		says   string
	}{
		"cached status":    {map[string]string{"status": "cached"}, "fresh status", "the next Status says on"},
		"deaf to deadline": {map[string]string{"status": "hang"}, "deadline", ""},
		"does nothing":     {map[string]string{"do": "panic"}, "off", "panic"},
		"crashes":          {map[string]string{"status": "crash"}, "status", "plugin-died"},
		"no help":          {nil, "describes itself", "has no help"},
		"noisy":            {map[string]string{"status": "note"}, "quiet", "to stdout"},
	} {
		t.Run(vice, func(t *testing.T) {
			t.Parallel()
			dir, set := state(t)
			device := map[string]string{"dir": dir}
			for k, v := range c.device {
				device[k] = v
			}
			s, err := newSubject(Options{Path: filepath.Join(built, "fenced-plugin-bad"), Device: device, Target: "n1", SetState: set, AllowPower: true, Timeout: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(s.dir)
			all := append(append(shape(), power()...), hardness()...)
			var last Case
			for _, one := range all {
				if one.name == c.fails || one.name == "describes itself" || one.name == "status" && c.fails == "quiet" {
					last = s.try(t.Context(), one)
				}
			}
			if c.fails == "describes itself" {
				last = s.try(t.Context(), all[0])
			}
			if last.Name != c.fails || last.Outcome != Fail || !strings.Contains(last.Text, c.says) {
				t.Errorf("%s: %s %q", last.Name, last.Outcome, last.Text)
			}
		})
	}
}

// Whatever a plugin does, the host serves the others.
func TestHost(t *testing.T) {
	t.Parallel()
	n := 0
	if err := RunHost(t.Context(), filepath.Join(built, "fenced-plugin-bad"), func(c Case) {
		n++
		t.Logf("%-4s %-20s %5d ms %s", c.Outcome, c.Name, c.Took.Milliseconds(), c.Text)
		if c.Outcome != Pass || c.Of != "host" {
			t.Errorf("%s: %s %s", c.Name, c.Outcome, c.Text)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if n != len(hostCases) {
		t.Errorf("%d cases ran", n)
	}
}

func TestNotAPlugin(t *testing.T) {
	if err := Run(t.Context(), Options{Path: "/bin/true"}, func(Case) {}); err == nil || !strings.Contains(err.Error(), "fenced-plugin-NAME") {
		t.Errorf("the error is %v", err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "fenced-plugin-x")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	got := outcomes(t, Options{Path: path})
	if len(got) != 1 || got["describes itself"].Outcome != Fail {
		t.Errorf("the cases are %v", got)
	}
}

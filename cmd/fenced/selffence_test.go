package main

import (
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/internal/config"
	fenced "github.com/fenced-project/fenced/internal/daemon"
	"github.com/fenced-project/fenced/test/harness"
)

// A pretended machine is ended by the plugin as the host runs it, before the daemon's own means.
func TestThePluginEndsAPretendedMachine(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	c := &config.Config{
		SystemRoot: root, Simulated: true, PluginDir: pluginDir(t, "selffence"), RunDir: shortDir(t),
		SelfFence: []config.SelfFencer{{Plugin: "selffence", TimeoutMS: harness.Slow(15 * time.Second).Milliseconds()}},
	}
	log := slog.New(slog.DiscardHandler)
	h, err := plugins(c, log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	harness.Await(t, func() error { // its start is no part of it
		_, err := h.Status(harness.Within(t, 10*time.Second), "self-fence 1", "")
		return err
	})
	trigger := filepath.Join(root, "proc/sysrq-trigger")
	last := errors.New("the last resort")
	end := fenced.SelfFence(c, h, func(string) error {
		if b, err := os.ReadFile(trigger); err != nil || string(b) != "b" {
			t.Errorf("the daemon's own means came first: %q, %v", b, err)
		}
		return last
	}, log)
	if err := end("a test"); !errors.Is(err, last) {
		t.Error(err)
	}
}

// R24: what is no self-fence plugin is refused, whatever it would switch.
func TestADeviceIsNoSelfFencer(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	c := &config.Config{
		SystemRoot: "/", AllowReset: true, PluginDir: pluginDir(t, "dummy"), RunDir: shortDir(t),
		SelfFence: []config.SelfFencer{{Plugin: "dummy", TimeoutMS: 1000, Options: map[string]string{"dir": state}}},
	}
	log := slog.New(slog.DiscardHandler)
	h, err := plugins(c, log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	if err := h.Do(harness.Within(t, 20*time.Second), "self-fence 1", "", "off"); err == nil || !strings.Contains(err.Error(), "kind") {
		t.Errorf("a power device ends this machine: %v", err)
	}
}

// shortDir is a directory for sockets, whose paths are bounded.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "f")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// pluginDir is a directory with a plugin of this tree.
func pluginDir(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(harness.Within(t, 3*time.Minute), "go", "build", "-o", filepath.Join(dir, "fenced-plugin-"+name), "../../plugins/"+name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

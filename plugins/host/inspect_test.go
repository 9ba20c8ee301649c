package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// ownPlugins is a plugin directory with a copy of the dummy, which a test may spoil.
func ownPlugins(t *testing.T) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, "fenced-plugin-dummy")
	copyPlugin(t, file)
	return dir, file
}

func copyPlugin(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(plugins, "fenced-plugin-dummy"))
	must(t, err)
	must(t, os.WriteFile(file, b, 0o755))
}

// A plugin whose file is deleted, given away, opened to others or replaced by something else while it runs is out, and the log and Discover
// say so; when the file is in order again, so is the plugin (V15). A plugin that is replaced by a good one is that one from then on.
func TestFileIsWatched(t *testing.T) {
	t.Parallel()
	sum, err := Checksum(filepath.Join(plugins, "fenced-plugin-dummy"))
	must(t, err)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, file string)
		want  string
	}{
		"deleted":       {func(t *testing.T, file string) { must(t, os.Remove(file)) }, "file is not there"},
		"not of root":   {func(t *testing.T, file string) { chown(t, file) }, "must belong to root"},
		"open":          {func(t *testing.T, file string) { must(t, os.Chmod(file, 0o777)) }, "others than its owner can write it"},
		"wrong sum":     {func(t *testing.T, file string) { replace(t, file, "#!/bin/sh\nexit 0\n") }, "SHA-256"},
		"not a program": {func(t *testing.T, file string) { must(t, os.Chmod(file, 0o644)) }, "not executable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, file := ownPlugins(t)
			b := newBench(t, Config{Dir: dir, HealthInterval: 50 * time.Millisecond, Checksums: map[string]string{"dummy": sum}, BackoffMax: 200 * time.Millisecond})
			b.put("n1", "on")
			b.configure(DeviceConfig{Name: "d", Plugin: "dummy"})
			b.warm()
			pid := b.pids()["dummy/main"]
			c.spoil(t, file)
			eventually(t, "the process is ended", func() bool { return !alive(pid) })
			eventually(t, "Discover says why", func() bool {
				infos, err := b.Discover()
				return err == nil && len(infos) == 1 && strings.Contains(strings.Join(infos[0].Problems, "; "), c.want)
			})
			_, err := b.Status(b.within(5*time.Second), "d", "n1")
			wantClass(t, err, ClassPluginDied)
			for _, text := range []string{"plugin process condemned", "plugin is down", "plugin is not used"} {
				if n := strings.Count(b.log.String(), `msg="`+text); n != 1 {
					t.Errorf("the log says %q %d times", text, n)
				}
			}
			must(t, os.RemoveAll(file))
			copyPlugin(t, file)
			eventually(t, "the plugin is back", func() bool {
				r, err := b.Status(b.within(time.Second), "d", "n1")
				return err == nil && r.State == fence.PowerOn
			})
			infos, err := b.Discover()
			if err != nil || len(infos) != 1 || len(infos[0].Problems) != 0 {
				t.Errorf("afterwards Discover says %+v, %v", infos, err)
			}
		})
	}
}

// replace does what a package manager does: the new file is made beside the old one and takes its name.
func replace(t *testing.T, file, text string) {
	t.Helper()
	must(t, os.WriteFile(file+".new", []byte(text), 0o755))
	must(t, os.Rename(file+".new", file))
}

// An upgrade of a plugin is taken up without anybody's help, and costs no call.
func TestUpgradeIsTakenUp(t *testing.T) {
	t.Parallel()
	dir, file := ownPlugins(t)
	b := newBench(t, Config{Dir: dir, HealthInterval: 50 * time.Millisecond})
	b.put("n1", "on")
	b.configure(DeviceConfig{Name: "d", Plugin: "dummy"})
	b.warm()
	pid := b.pids()["dummy/main"]
	text, err := os.ReadFile(file)
	must(t, err)
	replace(t, file, string(text))
	eventually(t, "the new file runs", func() bool {
		b.wantState("d", "n1", fence.PowerOn)
		now := b.pids()["dummy/main"]
		return now != pid && now != 0
	})
	// Nothing changes without a change.
	pid = b.pids()["dummy/main"]
	begin := time.Now()
	eventually(t, "some inspections have passed", func() bool { return time.Since(begin) > 300*time.Millisecond })
	if now := b.pids()["dummy/main"]; now != pid {
		t.Errorf("process %d was replaced by %d for nothing", pid, now)
	}
}

// A plugin that a device needs and that was never there is listed with that problem.
func TestMissingPluginIsListed(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{Dir: t.TempDir()})
	b.configure(DeviceConfig{Name: "d", Plugin: "nowhere"})
	infos, err := b.Discover()
	if err != nil || len(infos) != 1 || infos[0].Name != "nowhere" || len(infos[0].Problems) != 1 {
		t.Errorf("Discover says %+v, %v", infos, err)
	}
}

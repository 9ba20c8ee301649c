package daemon

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/plugins/host"

	"github.com/fenced-project/fenced/client"
)

// TestIsolateIsPerPluginOrDevice: either of them gives a device a process of its own.
func TestIsolateIsPerPluginOrDevice(t *testing.T) {
	c := &config.Config{
		Devices: []config.Device{{Name: "a", Plugin: "x"}, {Name: "b", Plugin: "x", Isolate: true}, {Name: "c", Plugin: "y"}},
		Plugins: []config.Plugin{{Name: "y", Isolate: true}},
	}
	var alone []string
	for _, d := range DeviceConfigs(c) {
		if d.Isolate {
			alone = append(alone, d.Name)
		}
	}
	if !slices.Equal(alone, []string{"b", "c"}) {
		t.Errorf("alone are %v", alone)
	}
}

// TestPluginsAreShownAndReloaded: of two versions the higher runs and is shown with the other; a reload starts it anew, and nobody reloads what no
// device uses.
func TestPluginsAreShownAndReloaded(t *testing.T) {
	dir, run := t.TempDir(), t.TempDir()
	for version, file := range map[string]string{"1.0.0": "fenced-plugin-bad@1.0.0", "2.0.0": "fenced-plugin-bad@2.0.0"} {
		build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, file), "../../plugins/plugintest/badplugin")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("cannot build version %s: %v\n%s", version, err, out)
		}
	}
	short, err := os.MkdirTemp("", "fd") // it holds sockets
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(short)
	h, err := host.New(host.Config{Dir: dir, RunDir: short})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Configure([]host.DeviceConfig{{Name: "d", Plugin: "bad", Options: map[string]string{"dir": run}}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := h.Warm(ctx); err != nil {
		t.Fatal(err)
	}
	d := NewHostDevices(h)
	before := d.look().Plugins
	if len(before) != 1 || before[0].Version != "2.0.0" || before[0].Protocol != 1 || before[0].Kind != "power" || !slices.Equal(before[0].Devices, []string{"d"}) ||
		len(before[0].Versions) != 2 || !before[0].Versions[0].Used || before[0].Versions[1].Used || before[0].Versions[1].Version != "1.0.0" {
		t.Fatalf("shown is %+v", before)
	}
	if _, err := d.Reload(ctx, []string{"bda"}); client.CodeOf(err) != client.CodeNoSuch {
		t.Errorf("a plugin that nobody uses: %v", err)
	}
	got, err := d.Reload(ctx, []string{"bad"})
	if err != nil || len(got.Reloads) != 1 || got.Reloads[0].Error != "" || got.Reloads[0].Before != before[0].PID || got.Reloads[0].PID == before[0].PID {
		t.Errorf("reloaded is %+v, %v", got, err)
	}
	if after := d.Plugins().Plugins; len(after) != 1 || after[0].PID != got.Reloads[0].PID {
		t.Errorf("afterwards shown is %+v", after)
	}
}

// TestAHungPluginDirectoryDelaysNoStatus: status, and with it systemd's word of the loop, never wait for a disk (S4.10, R20).
// part of: S4.10
func TestAHungPluginDirectoryDelaysNoStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := make(chan client.Plugins)
		var looks atomic.Int32
		h := &HostDevices{discover: func() client.Plugins { looks.Add(1); return <-answers }}
		for range 3 {
			begin := time.Now()
			if got := h.Plugins(); len(got.Plugins) != 0 || time.Since(begin) > lookWait {
				t.Fatalf("%v after %s", got, time.Since(begin))
			}
		}
		if looks.Load() != 1 {
			t.Fatalf("%d looks at a disk that hangs", looks.Load())
		}
		answers <- client.Plugins{Plugins: []client.Plugin{{Name: "bmc"}}}
		synctest.Wait()
		if got := h.Plugins(); len(got.Plugins) != 1 || looks.Load() != 1 {
			t.Fatalf("%v after %d looks", got, looks.Load())
		}
	})
}

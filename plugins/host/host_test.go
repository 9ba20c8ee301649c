package host

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/test/harness"
)

// bench is one host with its run directory, log and the files that dummy devices switch.
type bench struct {
	testing.TB
	*Host
	run, files string
	log        *buffer
}

// buffer is a log that tests read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newBench(t testing.TB, c Config) *bench {
	t.Helper()
	run, err := os.MkdirTemp("", "fr") // short: it holds sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	b := &bench{TB: t, run: run, files: t.TempDir(), log: &buffer{}}
	if c.Dir == "" {
		c.Dir = plugins
	}
	c.RunDir = run
	c.Logger = slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if b.Host, err = New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Host.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(b.log.String())
		}
	})
	return b
}

// configure makes the devices, each with the bench's directory.
func (b *bench) configure(devices ...DeviceConfig) {
	b.Helper()
	for i := range devices {
		o := map[string]string{"dir": b.files}
		for k, v := range devices[i].Options {
			o[k] = v
		}
		devices[i].Options = o
	}
	if err := b.Configure(devices); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) warm() {
	b.Helper()
	if err := b.Warm(b.within(10 * time.Second)); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), harness.Slow(d))
	b.Cleanup(cancel)
	return ctx
}

func (b *bench) put(file, text string) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(b.files, file), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) get(file string) string {
	b.Helper()
	text, err := os.ReadFile(filepath.Join(b.files, file))
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

// wantState demands that a fresh read of target at device says state.
func (b *bench) wantState(device, target string, state fence.PowerState) {
	b.Helper()
	r, err := b.Status(b.within(10*time.Second), device, target)
	if err != nil || r.State != state {
		b.Fatalf("Status(%s, %s) = %v, %v; want %s", device, target, r, err, state)
	}
}

func wantClass(t testing.TB, err error, want Class) {
	t.Helper()
	if got := ClassOf(err); got != want {
		t.Fatalf("class %q of %v, want %q", got, err, want)
	}
}

func TestReadAndSwitch(t *testing.T) {
	b := newBench(t, Config{})
	b.put("n1", "on")
	b.put("n1.uuid", "11111111-2222-3333-4444-555555555555")
	b.put("n1.serial", "S1")
	b.configure(DeviceConfig{Name: "d", Plugin: "dummy"})
	r, err := b.Status(b.within(10*time.Second), "d", "n1")
	if err != nil || r.State != fence.PowerOn || r.Identity.Serial != "S1" || len(r.Identity.UUIDs) != 1 {
		t.Fatalf("Status = %+v, %v", r, err)
	}
	for range 2 { // off of what is off is no error
		if err := b.Do(b.within(10*time.Second), "d", "n1", "off"); err != nil {
			t.Fatal(err)
		}
	}
	b.wantState("d", "n1", fence.PowerOff)
	b.put("n1", "on") // behind the plugin's back
	b.wantState("d", "n1", fence.PowerOn)
	b.put("n1", "turning off")
	b.wantState("d", "n1", fence.PowerUnknown)
	wantClass(t, b.Do(b.within(time.Second), "d", "n1", "reboot"), ClassUnsupported)
	_, err = b.Status(b.within(time.Second), "other", "n1")
	wantClass(t, err, ClassUnsupported)
}

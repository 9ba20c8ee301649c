package host

import (
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/test/harness"
)

// A plugin that cannot start is out, says why, and costs nobody else anything.
func TestBadStart(t *testing.T) {
	for name, want := range map[string]string{
		"bad-garbage":   "Unrecognized remote plugin message",
		"bad-silent":    "did not start within",
		"bad-exit":      "cannot find my library",
		"bad-elsewhere": "must be a unix socket in its own directory",
		"bad-version":   "incompatible API version",
		"bad-mute":      "did not start within",
		"bad-name":      `calls itself "another"`,
		"missing":       "no such file",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hang := 2 * time.Second // of those that never start; all others may take what a busy machine takes
			b := newBench(t, Config{StartTimeout: 30 * time.Second, StartTimeouts: map[string]time.Duration{"bad-silent": hang, "bad-mute": hang}})
			b.put("n1", "on")
			b.configure(DeviceConfig{Name: "bad", Plugin: name}, DeviceConfig{Name: "good", Plugin: "dummy"})
			_, err := b.Status(b.within(50*time.Second), "bad", "n1")
			wantClass(t, err, ClassPluginDied)
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error is %q, it lacks %q", err, want)
			}
			if len(err.Error()) > 2*textLimit || strings.ContainsAny(err.Error(), "\x1b\x00\n") {
				t.Errorf("the error is not fit to be shown: %q", err)
			}
			b.wantState("good", "n1", fence.PowerOn)
		})
	}
}

// A slow machine's plugin may have a time of its own to start; all others keep theirs.
func TestStartTimeoutOfOnePlugin(t *testing.T) {
	b := newBench(t, Config{StartTimeout: time.Nanosecond, StartTimeouts: map[string]time.Duration{"dummy": 30 * time.Second}})
	b.put("n1", "on")
	b.configure(DeviceConfig{Name: "late", Plugin: "bad-mute"}, DeviceConfig{Name: "good", Plugin: "dummy"})
	b.wantState("good", "n1", fence.PowerOn)
	if _, err := b.Status(b.within(10*time.Second), "late", "n1"); err == nil || !strings.Contains(err.Error(), "did not start within 1ns") {
		t.Error(err)
	}
}

func TestDescribe(t *testing.T) {
	b := newBench(t, Config{})
	d, err := b.Describe(b.within(10*time.Second), "dummy")
	if err != nil || d.Name != "dummy" || d.Kind != "power" || !d.GivesIdentity || len(d.Options) != 5 || !d.Options[0].Mapping || d.Settle != 10*time.Millisecond {
		t.Fatalf("Describe = %+v, %v", d, err)
	}
	if _, err := b.Describe(b.within(10*time.Second), "../dummy"); err == nil {
		t.Fatal("a path was taken for a plugin's name")
	}
	b.configure(DeviceConfig{Name: "d", Plugin: "dummy"})
	if again, err := b.Describe(b.within(10*time.Second), "dummy"); err != nil || again.Name != "dummy" {
		t.Fatalf("Describe = %+v, %v", again, err)
	}
}

// A restart waits longer and longer, up to the bound, and a long life starts the count again.
func TestBackoff(t *testing.T) {
	l := &lane{host: &Host{config: Config{BackoffMin: time.Second, BackoffMax: 5 * time.Second, BackoffReset: time.Minute}.complete()}, changed: make(chan struct{})}
	for i, want := range []time.Duration{0, 1, 2, 4, 5, 5} {
		l.delay()
		if got := time.Until(l.next).Round(time.Second); got != want*time.Second {
			t.Errorf("wait %d is %v, want %v", i, got, want*time.Second)
		}
	}
	l.failures = 1000 // no overflow
	l.delay()
	if got := time.Until(l.next).Round(time.Second); got != 5*time.Second {
		t.Errorf("after a thousand failures the wait is %v", got)
	}
	l.lost(&process{started: time.Now().Add(-2 * time.Minute)})
	if got := time.Until(l.next); got > 0 {
		t.Errorf("after a long life the wait is %v", got)
	}
}

// A plugin that dies whenever it is started does not hold a call until its deadline: the next level is tried instead.
func TestLongBackoffFailsAtOnce(t *testing.T) {
	b := newBench(t, Config{BackoffMin: 20 * time.Second})
	b.configure(DeviceConfig{Name: "bad", Plugin: "bad-exit"})
	for { // the first start and the immediate second one fail, then the back-off is long
		begin := time.Now()
		_, err := b.Status(b.within(20*time.Second), "bad", "n1")
		wantClass(t, err, ClassPluginDied)
		if strings.Contains(err.Error(), "starts again in") {
			if took := time.Since(begin); took > harness.Slow(time.Second) {
				t.Fatalf("it took %v", took)
			}
			return
		}
	}
}

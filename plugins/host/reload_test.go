package host

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// A reload loses no operation: what is under way ends in the old process, however long it may take; everything else finds the fresh one.
func TestReloadLosesNoOperation(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{Drain: 50 * time.Millisecond})
	b.put("n1", "on")
	b.configure(knob("d", "do", "gate"), DeviceConfig{Name: "other", Plugin: "dummy"}) // it ends when it is told: no pace of the machine's decides
	b.warm()
	before := b.pids()
	done := make(chan error, 1)
	go func() { done <- b.Do(b.within(longestCall), "d", "n1", "off") }()
	eventually(t, "the call is in the plugin", func() bool { return b.callsIn(before["bad/main"]) == 1 })
	got := b.Reload(b.within(10*time.Second), "bad", "none")
	if len(got) != 1 || got[0].Err != nil || got[0].Before != before["bad/main"] || got[0].PID == got[0].Before || got[0].PID == 0 || got[0].Finishing != 1 {
		t.Errorf("it says %+v, before it %v", got, before)
	}
	b.wantState("d", "n1", fence.PowerOn)
	if after := b.pids(); after["bad/main"] != got[0].PID || after["dummy/main"] != before["dummy/main"] {
		t.Errorf("the processes are %v, were %v", after, before)
	}
	b.put("gate", "open")
	must(t, <-done)
	b.wantState("d", "n1", fence.PowerOff)
	eventually(t, "the old process is gone", func() bool { return !alive(before["bad/main"]) })
	if all := b.Reload(b.within(10 * time.Second)); len(all) != 2 {
		t.Errorf("a reload of all reloads %+v", all)
	}
}

// A reload that fails leaves the plugin as it was, and one of a plugin that is down does not wait for its back-off.
func TestReloadThatFails(t *testing.T) {
	t.Parallel()
	dir, file := ownPlugins(t)
	b := newBench(t, Config{Dir: dir, HealthInterval: time.Hour, BackoffMin: time.Hour, BackoffMax: time.Hour})
	b.put("n1", "on")
	b.configure(DeviceConfig{Name: "d", Plugin: "dummy"})
	b.warm()
	pid := b.pids()["dummy/main"]
	good, err := os.ReadFile(file)
	must(t, err)
	replace(t, file, "#!/bin/sh\nexit 3\n")
	got := b.Reload(b.within(10*time.Second), "dummy")
	if len(got) != 1 || got[0].Err == nil || got[0].PID != pid || got[0].Finishing != 0 {
		t.Errorf("it says %+v", got)
	}
	b.wantState("d", "n1", fence.PowerOn)
	if now := b.pids()["dummy/main"]; now != pid {
		t.Errorf("process %d went for a file that does not start, %d runs", pid, now)
	}
	b.condemn(t, pid)
	eventually(t, "the plugin is down for an hour", func() bool {
		_, err := b.Status(b.within(5*time.Second), "d", "n1")
		return err != nil && strings.Contains(err.Error(), "starts again in")
	})
	replace(t, file, string(good))
	if got = b.Reload(b.within(10*time.Second), "dummy"); len(got) != 1 || got[0].Err != nil || got[0].Before != 0 || got[0].PID == 0 {
		t.Errorf("of a plugin that is down it says %+v", got)
	}
	b.wantState("d", "n1", fence.PowerOn)
}

func (b *bench) condemn(t *testing.T, pid int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for p := range b.live {
		if p.run.process() == pid {
			go p.condemn("for a test", true)
			return
		}
	}
	t.Fatalf("process %d is not there", pid)
}

// What did not start gets its chance at once when it is asked for.
func TestReloadForgives(t *testing.T) {
	t.Parallel()
	dir := sameDisk(t)
	install(t, dir, "fenced-plugin-bad@1.0.0", "fenced-plugin-bad@7.0.0")
	b := newBench(t, Config{Dir: dir})
	b.configure(knob("d", "do", "none"))
	b.warm()
	if b.versions("bad")["fenced-plugin-bad@7.0.0"].Problem == "" {
		t.Error("the broken version has no problem")
	}
	b.forgive("bad")
	if p := b.versions("bad")["fenced-plugin-bad@7.0.0"].Problem; p != "" {
		t.Errorf("it still has the problem %q", p)
	}
	got := b.Reload(b.within(10*time.Second), "bad")
	if len(got) != 1 || got[0].Err != nil || got[0].Version != "1.0.0" {
		t.Errorf("it says %+v", got)
	}
	if b.versions("bad")["fenced-plugin-bad@7.0.0"].Problem == "" {
		t.Error("the broken version was not tried again")
	}
}

package host

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// Checksums change while plugins run: what is as it must be goes on, what is not ends with its last call and is out until it may run again (V15).
func TestChecksumsChangeWhilePluginsRun(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{HealthInterval: time.Hour, BackoffMin: time.Hour, BackoffMax: time.Hour})
	sum, err := Checksum(filepath.Join(plugins, "fenced-plugin-bad"))
	must(t, err)
	b.put("n1", "on")
	b.configure(knob("d", "do", "gate"), DeviceConfig{Name: "other", Plugin: "dummy"})
	b.warm()
	before := b.pids()
	b.Demand(b.within(20*time.Second), map[string]string{"bad": strings.ToUpper(sum)})
	if now := b.pids(); now["bad/main"] != before["bad/main"] || now["dummy/main"] != before["dummy/main"] {
		t.Fatalf("what is as it must be was started again: %v, was %v", now, before)
	}
	done := make(chan error, 1)
	go func() { done <- b.Do(b.within(longestCall), "d", "n1", "off") }()
	eventually(t, "the action is in the plugin", func() bool { return b.callsIn(before["bad/main"]) == 1 || len(done) == 1 })
	b.Demand(b.within(20*time.Second), map[string]string{"bad": strings.Repeat("0", 64)})
	if _, err := b.Status(b.within(20*time.Second), "d", "n1"); err == nil || ClassOf(err) != ClassPluginDied {
		t.Errorf("a file that must not be run any more is asked: %v", err)
	}
	b.put("gate", "open")
	must(t, <-done)
	eventually(t, "its process is gone", func() bool { return !alive(before["bad/main"]) })
	if v := b.versions("bad")["fenced-plugin-bad"]; !strings.Contains(v.Problem, "the configuration says 000") {
		t.Errorf("it is said why: %+v", v)
	}
	b.Demand(b.within(20*time.Second), nil)
	b.wantState("d", "n1", fence.PowerOff)
	if now := b.pids(); now["dummy/main"] != before["dummy/main"] {
		t.Error("a plugin that is not concerned was started again")
	}
}

// The way that loses no call: the next version is installed beside the one that runs, and its checksum demanded.
func TestADemandedVersionTakesOver(t *testing.T) {
	t.Parallel()
	dir := sameDisk(t)
	install(t, dir, "fenced-plugin-bad@1.0.0")
	one, err := Checksum(filepath.Join(dir, "fenced-plugin-bad@1.0.0"))
	must(t, err)
	next := filepath.Join(dir, "fenced-plugin-bad@2.0.0")
	build, err := os.ReadFile(filepath.Join(plugins, "fenced-plugin-bad"))
	must(t, err)
	must(t, os.WriteFile(next, append(build, "another build"...), 0o755)) //nolint:gosec // as in production
	two, err := Checksum(next)
	must(t, err)
	b := newBench(t, Config{Dir: dir, HealthInterval: 50 * time.Millisecond, Checksums: map[string]string{"bad": one}})
	b.put("n1", "on")
	b.configure(knob("d", "do", "gate"))
	b.warm()
	if version, _ := b.running("bad"); version != "1.0.0" {
		t.Fatalf("%s runs, with the checksum of another file", version)
	}
	before := b.pids()["bad/main"]
	done := make(chan error, 1)
	go func() { done <- b.Do(b.within(longestCall), "d", "n1", "off") }()
	eventually(t, "the action is in the plugin", func() bool { return b.callsIn(before) == 1 || len(done) == 1 })
	b.Demand(b.within(20*time.Second), map[string]string{"bad": two})
	if version, _ := b.running("bad"); version != "2.0.0" {
		t.Errorf("%s runs: %+v", version, b.versions("bad"))
	}
	b.put("gate", "open")
	must(t, <-done) // in the old process
	b.wantState("d", "n1", fence.PowerOff)
}

// What may not run any more is asked nothing while the next one starts, however long that takes.
func TestNothingIsAskedOfWhatIsNotDemanded(t *testing.T) {
	t.Parallel()
	dir := sameDisk(t)
	install(t, dir, "fenced-plugin-bad@1.0.0")
	one, err := Checksum(filepath.Join(dir, "fenced-plugin-bad@1.0.0"))
	must(t, err)
	b := newBench(t, Config{Dir: dir, StartTimeout: 30 * time.Second, HealthInterval: time.Hour, BackoffMin: time.Hour, BackoffMax: time.Hour, Checksums: map[string]string{"bad": one}})
	b.put("n1", "on")
	b.configure(knob("d", "do", "gate"))
	b.warm()
	b.mu.Lock()
	lanes := len(b.lanes)
	var l *lane
	for _, l = range b.lanes {
	}
	b.mu.Unlock()
	old := l.current()
	if lanes != 1 || old == nil || !old.taking() {
		t.Fatalf("%d lanes, %v", lanes, old)
	}
	done := make(chan error, 1)
	go func() { done <- b.Do(b.within(longestCall), "d", "n1", "off") }()
	eventually(t, "the action is in the plugin", func() bool { return old.calls() == 1 || len(done) == 1 })
	next, starting := filepath.Join(dir, "fenced-plugin-bad@2.0.0"), filepath.Join(t.TempDir(), "starting")
	must(t, syscall.Mkfifo(starting, 0o600))
	must(t, syscall.Mkfifo(starting+".end", 0o600))
	must(t, os.WriteFile(next, []byte("#!/bin/sh\necho started >'"+starting+"'\nread end <'"+starting+".end'\n"), 0o755)) //nolint:gosec // as in production
	two, err := Checksum(next)
	must(t, err)
	demanded := make(chan struct{})
	go func() {
		defer close(demanded)
		b.Demand(b.within(40*time.Second), map[string]string{"bad": two})
	}()
	open := func(name string) *os.File {
		f, err := os.OpenFile(name, os.O_RDWR, 0) // both ends: nobody waits for the other
		must(t, err)
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	pipe, end := open(starting), open(starting+".end")
	word := make([]byte, len("started\n"))
	must(t, pipe.SetReadDeadline(time.Now().Add(30*time.Second)))
	_, err = io.ReadFull(pipe, word)
	must(t, err)
	if old.taking() || old.calls() != 1 {
		t.Errorf("while the next one starts, the old one takes calls: %t; it has %d", old.taking(), old.calls())
	}
	_, err = end.WriteString(strings.Repeat("end\n", 8)) // it does not start after all, whenever it is tried
	must(t, err)
	<-demanded
	if _, err := b.Status(b.within(20*time.Second), "d", "n1"); ClassOf(err) != ClassPluginDied {
		t.Errorf("nothing that may run is there, and the state is asked for: %v", err)
	}
	b.put("gate", "open")
	must(t, <-done)
}

// Whoever lists the plugins while the demand changes may judge a file by the old one a moment too late: that is no verdict on the new one.
func TestAChecksumOfAnEarlierDemandIsNoVerdict(t *testing.T) {
	t.Parallel()
	const file = "fenced-plugin-bad"
	b := newBench(t, Config{})
	sum, err := Checksum(filepath.Join(plugins, file))
	must(t, err)
	old := strings.Repeat("0", 64)
	b.Demand(b.within(20*time.Second), map[string]string{"bad": old})
	if f := b.look(file, old); f.usable() {
		t.Fatal("a file with another checksum is usable")
	}
	if f := b.look(file, ""); f.usable() {
		t.Error("who does not look at the checksum again takes it for a better version")
	}
	b.Demand(b.within(20*time.Second), map[string]string{"bad": sum})
	b.look(file, old)
	if f := b.look(file, sum); !f.usable() {
		t.Errorf("it is not used: %v", f.err)
	}
}

package host

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
)

func TestConfigureRefuses(t *testing.T) {
	b := newBench(t, Config{})
	b.configure(DeviceConfig{Name: "d", Plugin: "dummy"})
	err := b.Configure([]DeviceConfig{
		{Name: "", Plugin: "dummy"},
		{Name: "a", Plugin: "../x"},
		{Name: "e", Plugin: "dummy"},
		{Name: "e", Plugin: "dummy"},
		{Name: "s", Plugin: "dummy", Options: map[string]string{"p": "1"}, Secrets: map[string]Secret{"p": NewSecret("2")}},
	})
	for _, want := range []string{"no name", "no plugin's name", "device e is there twice", "option p twice"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	b.put("n1", "on")
	b.wantState("d", "n1", fence.PowerOn) // nothing of it was applied
}

// A device is opened once for each configuration and once for each process; what did not change stays open, what went is closed.
func TestConfigureOpensAndCloses(t *testing.T) {
	b := newBench(t, Config{})
	b.put("n1", "on")
	b.configure(knob("a", "do", "none"), knob("b", "do", "none"), knob("c", "do", "crash"))
	b.warm()
	for range 3 {
		b.wantState("a", "n1", fence.PowerOn)
	}
	count := func(file, name string) (n int) {
		for _, l := range strings.Fields(b.get(file)) {
			if l == name {
				n++
			}
		}
		return n
	}
	if n := count("opened", "a"); n != 1 {
		t.Fatalf("device a was opened %d times", n)
	}
	b.configure(knob("a", "do", "none"), knob("b", "do", "panic"), knob("c", "do", "crash")) // b changes
	b.warm()
	eventually(t, "the old b is closed", func() bool { return strings.Contains(b.closed(), "b\n") })
	if a, bb := count("opened", "a"), count("opened", "b"); a != 1 || bb != 2 {
		t.Errorf("opened a %d times, b %d times", a, bb)
	}
	b.configure(knob("a", "do", "none"), knob("c", "do", "crash")) // b goes
	_, err := b.Status(b.within(time.Second), "b", "n1")
	wantClass(t, err, ClassUnsupported)
	wantClass(t, b.Do(b.within(10*time.Second), "c", "n1", "off"), ClassPluginDied)
	eventually(t, "a is opened again without being asked", func() bool { return count("opened", "a") == 2 })
	b.configure()
	eventually(t, "no process is left", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.live) == 0
	})
}

func (b *bench) closed() string {
	if !exists(b.files + "/closed") {
		return ""
	}
	return b.get("closed")
}

// Each configuration of a device has an id of its own in the plugin: a call made for old options cannot reach a device with new ones (V6).
func TestIdsAreNotReused(t *testing.T) {
	b := newBench(t, Config{})
	seen := map[string]bool{}
	var old, d *device
	for _, do := range []string{"none", "panic", "none"} {
		b.configure(knob("a", "do", do))
		b.mu.Lock()
		old = d
		d = b.devices["a"]
		id := d.id
		b.mu.Unlock()
		if seen[id] {
			t.Fatalf("the id %s is used again", id)
		}
		seen[id] = true
	}
	_, err := b.laneOf(old) // a call that still waits for its process
	wantClass(t, err, ClassRefused)
	if _, err := b.laneOf(d); err != nil {
		t.Error(err)
	}
}

// An isolated device has a process to itself.
func TestIsolate(t *testing.T) {
	b := newBench(t, Config{})
	b.put("n1", "on")
	alone := knob("alone", "do", "crash")
	alone.Isolate = true
	b.configure(alone, knob("good", "do", "none"))
	b.warm()
	before := b.pids()
	if len(before) != 2 {
		t.Fatalf("the processes are %v", before)
	}
	wantClass(t, b.Do(b.within(10*time.Second), "alone", "n1", "off"), ClassPluginDied)
	b.wantState("alone", "n1", fence.PowerOn)
	if after := b.pids(); after["bad/main"] != before["bad/main"] {
		t.Errorf("the crash of an isolated device cost another's process: %v, %v", before, after)
	}
}

// Calls beyond a device's limit wait, and fail at their deadline without having reached the plugin.
func TestLimit(t *testing.T) {
	b := newBench(t, Config{})
	b.put("n1", "on")
	d := knob("d", "status", "hang")
	d.Limit = 1
	b.configure(d, knob("good", "do", "none"))
	b.warm()
	first := make(chan error, 1)
	go func() {
		_, err := b.Status(b.within(5*time.Second), "d", "n1")
		first <- err
	}()
	eventually(t, "the first call is in the plugin", func() bool { return exists(b.files + "/hanging") })
	_, err := b.Status(b.within(100*time.Millisecond), "d", "n1")
	wantClass(t, err, ClassTimeout)
	if !strings.Contains(err.Error(), "behind 1 earlier") {
		t.Errorf("the error is %q", err)
	}
	b.wantState("good", "n1", fence.PowerOn) // one hung device delays no other
	b.configure()                            // and its process is drained, not waited for
	must(t, b.Host.Close())
	wantClass(t, <-first, ClassPluginDied)
}

func TestListAndProbe(t *testing.T) {
	b := newBench(t, Config{})
	b.put("n1", "on")
	b.put("n1.uuid", "11111111-2222-3333-4444-555555555555")
	b.configure(DeviceConfig{Name: "d", Plugin: "dummy"}, DeviceConfig{Name: "none", Plugin: "dummy", Options: map[string]string{"dir": "/nonexistent"}})
	p, err := b.Probe(b.within(10*time.Second), "d", "n1")
	if err != nil || !p.Reachable || len(p.Identity.UUIDs) != 1 {
		t.Errorf("Probe = %+v, %v", p, err)
	}
	_, err = b.Probe(b.within(10*time.Second), "none", "n1")
	wantClass(t, err, ClassUnreachable)
	ts, err := b.List(b.within(10*time.Second), "d")
	if err != nil || len(ts) != 1 || ts[0].ID != "n1" {
		t.Errorf("List = %v, %v", ts, err)
	}
	b.configure(knob("d", "do", "none"))
	_, err = b.List(b.within(10*time.Second), "d")
	wantClass(t, err, ClassUnsupported)
}

// Every class that a plugin gives arrives as it was given.
func TestClasses(t *testing.T) {
	b := newBench(t, Config{Grace: 100 * time.Millisecond})
	b.put("n1", "on")
	for knob, want := range map[string]Class{"fail": ClassRefused, "limbo": ClassLimbo, "auth": ClassAuth, "hang": ClassTimeout} {
		b.configure(DeviceConfig{Name: knob, Plugin: "dummy", Options: map[string]string{"knob": knob}})
		b.warm()
		r, err := b.Status(b.within(300*time.Millisecond), knob, "n1")
		wantClass(t, err, want)
		if r.State != fence.PowerUnknown {
			t.Errorf("%s: the state is %s", knob, r.State)
		}
		wantClass(t, b.Do(b.within(300*time.Millisecond), knob, "n1", "off"), want)
	}
	b.configure(DeviceConfig{Name: "d", Plugin: "dummy", Options: map[string]string{"colour": "red"}})
	wantClass(t, b.Do(b.within(10*time.Second), "d", "n1", "off"), ClassRefused)
}

func TestSecretPrintsStars(t *testing.T) {
	s := NewSecret("correct-horse")
	hidden := struct{ s Secret }{s}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "c", DeviceConfig{Secrets: map[string]Secret{"p": s}})
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v %#v %q %x", s, s, s, s), fmt.Sprintf("%v", map[string]Secret{"p": s}), fmt.Sprintf("%v %+v %#v", hidden, hidden, hidden), log.String()} {
		if strings.Contains(text, "correct") || strings.Contains(text, "636f7272") {
			t.Errorf("the secret is in %q", text)
		}
	}
}

package host

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// A look gives way to an operation at once, also where the plugin is deaf to it, and costs nobody its process (R28).
func TestALookGivesWay(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"slow", "hang"} {
		b := newBench(t, Config{})
		b.put("n1", "on")
		d := knob("d", "status", how)
		d.Limit = 1
		b.configure(d, knob("other", "status", "none"))
		b.warm()
		pid := b.pids()["bad/main"]
		for range 3 { // a deaf plugin holds three of them in the end
			looked := make(chan error, 1)
			go func() {
				_, err := b.Look(b.within(50*time.Second), "d", "n1")
				looked <- err
			}()
			eventually(t, "the look is in the plugin", func() bool { return b.callsIn(pid) == 1 })
			must(t, b.Do(b.within(20*time.Second), "d", "n1", "off"))
			if err := <-looked; !errors.Is(err, ErrGaveWay) {
				t.Errorf("%s: the look came to %v", how, err)
			}
			if b.callsIn(pid) != 0 || b.pids()["bad/main"] != pid {
				t.Errorf("%s: %d calls in process %d, was %d", how, b.callsIn(pid), b.pids()["bad/main"], pid)
			}
		}
		if got := b.get("n1"); got != "off" {
			t.Errorf("%s: it is %s", how, got)
		}
	}
}

// Whoever asked may end it as well, and it never begins beside anything.
func TestALookIsRefusedBesideAnOperation(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{})
	b.put("n1", "on")
	b.configure(knob("d", "do", "gate"), knob("l", "status", "hang"))
	b.warm()
	pid := b.pids()["bad/main"]
	done := make(chan error, 1)
	go func() { done <- b.Do(b.within(longestCall), "d", "n1", "off") }()
	eventually(t, "the action is in the plugin", func() bool { return b.callsIn(pid) == 1 || len(done) == 1 })
	if r, err := b.Look(b.within(20*time.Second), "d", "n1"); !errors.Is(err, ErrGaveWay) || r.State != fence.PowerUnknown {
		t.Errorf("%+v, %v", r, err)
	}
	b.put("gate", "open")
	must(t, <-done)
	if r, err := b.Look(b.within(20*time.Second), "d", "n1"); err != nil || r.State != fence.PowerOff {
		t.Errorf("afterwards: %+v, %v", r, err)
	}
	ctx, end := context.WithCancel(b.within(50 * time.Second))
	looked := make(chan error, 1)
	go func() {
		_, err := b.Look(ctx, "l", "n1")
		looked <- err
	}()
	eventually(t, "the look is in the plugin", func() bool { return b.callsIn(pid) == 1 })
	end()
	if err := <-looked; !errors.Is(err, ErrGaveWay) {
		t.Errorf("it came to %v", err)
	}
}

// A look that fails by itself says why: only one that was ended says nothing (R28: a refused login must be known).
func TestALookThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	var c crossing
	ctx, leave, err := c.enter(context.Background(), looks)
	must(t, err)
	if leave(); yields(ctx, looks) {
		t.Error("a look that is over looks as if it had been ended")
	}
	b := newBench(t, Config{})
	b.configure(knob("d", "status", "tell"))
	b.warm()
	for range 50 {
		if _, err := b.Look(b.within(20*time.Second), "d", "n1"); ClassOf(err) != ClassAuth {
			t.Fatalf("it came to %v", err)
		}
	}
}

package embedded

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/membership"
)

// place is a store "s" whose run number 5 has its place, as one node sees it: after each turn that node has sent a ping.
type place struct {
	t   *testing.T
	f   *floors
	now time.Time
}

const pingEvery = 200 * time.Millisecond

func newPlace(t *testing.T) *place {
	p := &place{t: t, f: newFloors(nil, 4*time.Second, 10), now: time.Now()}
	p.turns(20)
	p.shows(5, "original", "")
	return p
}

func (p *place) turns(n int) {
	for range n {
		p.now = p.now.Add(pingEvery)
		p.f.turn()
		p.f.sends(p.f.sent + 1)
	}
}

// shows lets a run show itself and demands that its refusal has a part; "" is none.
func (p *place) shows(starts uint64, instance, want string) string {
	p.t.Helper()
	got := p.f.check(shown{Store: "s", Starts: starts, Instance: instance, Position: position{3, 70}, From: "192.0.2.9"}, p.now)
	if want == "" && got != "" || !strings.Contains(got, want) {
		p.t.Fatalf("run %d %s: %q, want %q", starts, instance, got, want)
	}
	return got
}

// heard lets the original be heard; it acknowledges this node's pings up to a number.
func (p *place) heard(acked uint64) {
	p.f.hears(ping{Node: 3, Store: "s", Starts: 5, Instance: "original"}, acked, pingEvery)
}

func TestRestartIsNoCopy(t *testing.T) {
	t.Run("slow enough: let in at once", func(t *testing.T) {
		p := newPlace(t)
		p.turns(quietTurns)
		p.shows(6, "next", "")
	})
	t.Run("at once: let in after a short silence", func(t *testing.T) {
		p := newPlace(t)
		for range quietTurns {
			p.shows(6, "next", notQuiet)
			p.turns(1)
		}
		p.shows(6, "next", "")
	})
	t.Run("goodbye: let in at once", func(t *testing.T) {
		p := newPlace(t)
		p.shows(6, "next", notQuiet)
		p.f.leaves("s", "somebody else")
		p.shows(6, "next", notQuiet)
		p.f.leaves("s", "original")
		p.heard(p.f.sent) // what was on its way
		p.shows(6, "next", "")
	})
	t.Run("packets that were late or sent twice prove nothing", func(t *testing.T) {
		p := newPlace(t)
		before := p.f.sent
		p.shows(6, "next", notQuiet)
		for range 5 {
			p.turns(1)
			p.heard(before)
			p.shows(6, "next", notQuiet)
		}
		p.turns(quietTurns)
		p.shows(6, "next", "")
	})
	t.Run("and its next one is none either", func(t *testing.T) {
		p := newPlace(t)
		p.turns(quietTurns)
		p.shows(6, "next", "")
		p.shows(7, "third", notQuiet)
		p.turns(quietTurns)
		p.shows(7, "third", "")
	})
}

// R3: both are heard, so the one that came later is a copy, for good; the original's own next start is none.
func TestCopyBesideItsOriginal(t *testing.T) {
	p := newPlace(t)
	p.shows(6, "copy", notQuiet)
	p.turns(1)
	p.heard(p.f.sent)
	reason := p.shows(6, "copy", "in use by another daemon")
	if kind := kindOfRefusal(reason); kind != membership.RefusedCopy || !strings.Contains(reason, "from 192.0.2.9") {
		t.Errorf("kind %q of %q", kind, reason)
	}
	p.shows(5, "original", "")
	p.turns(50)
	p.shows(6, "copy", "in use by another daemon")
	p.shows(6, "next", "")
	p.shows(6, "copy", "in use by another daemon")
}

// A copy that was started as often as its original is refused whoever is heard.
func TestCopyOfTheSameStart(t *testing.T) {
	p := newPlace(t)
	p.shows(5, "copy", notQuiet)
	p.turns(1)
	p.heard(p.f.sent)
	p.shows(5, "copy", "in use by another daemon that is heard")
	p = newPlace(t)
	p.turns(quietTurns)
	if kind := kindOfRefusal(p.shows(5, "copy", "or was restored from a copy")); kind != membership.RefusedStore {
		t.Errorf("kind %q", kind)
	}
}

// Where the original is heard and hears nothing, who is the copy is not proven: the newcomer waits, and after a while that is told.
func TestOriginalThatHearsNothing(t *testing.T) {
	p := newPlace(t)
	before := p.f.sent
	p.shows(6, "copy", notQuiet)
	for range 25 {
		p.turns(1)
		p.heard(before)
	}
	if kind := kindOfRefusal(p.shows(6, "copy", "still in use by the daemon that had it before")); kind != "" {
		t.Errorf("kind %q: nothing is proven", kind)
	}
	p.turns(quietTurns)
	p.shows(6, "copy", "")
}

// A process that was stopped has the original's pings waiting: it judges nobody before it had the time to read them.
func TestStoppedProcessLetsNoCopyIn(t *testing.T) {
	p := newPlace(t)
	p.now = p.now.Add(time.Minute)
	p.shows(6, "copy", notQuiet)
	p.turns(1)
	p.heard(p.f.sent)
	p.shows(6, "copy", "in use by another daemon")
}

// A process that has just started knows the store from its own disk and has not listened yet.
func TestFreshProcessListensFirst(t *testing.T) {
	fresh := func() *place {
		return &place{t: t, f: newFloors(map[string]floor{"s": {Starts: 5, Instance: "original", Position: position{3, 70}}}, 4*time.Second, 10), now: time.Now()}
	}
	p := fresh()
	p.shows(6, "copy", notQuiet)
	p.turns(1)
	p.heard(p.f.sent)
	p.shows(6, "copy", "in use by another daemon")
	p = fresh()
	p.shows(6, "next", notQuiet)
	p.turns(quietTurns)
	p.shows(6, "next", "")
}

// Members that disagree: who has not heard the original for long believes those who have, and only while that is news.
func TestOriginalIsHeardByOthers(t *testing.T) {
	says := func(p *place, age time.Duration) {
		p.f.hears(ping{Node: 2, Store: "t", Rows: []row{{Node: 3, Tag: tag("original"), Starts: 5, AgeMS: age.Milliseconds()}}}, 0, pingEvery)
	}
	p := newPlace(t)
	p.turns(10)
	says(p, pingEvery)
	p.shows(6, "copy", notQuiet)
	for age := pingEvery; age < 20*pingEvery; age += pingEvery { // the original died: the others' word grows old
		p.turns(1)
		says(p, age)
	}
	p.shows(6, "copy", "")
	p = newPlace(t) // who was heard directly a moment ago is known better: a restart is not held up by what others heard
	p.shows(6, "next", notQuiet)
	for range quietTurns {
		says(p, 0)
		p.turns(1)
	}
	p.shows(6, "next", "")
}

// More copies than are remembered: none gets in beside the original, and nothing grows.
func TestManyCopies(t *testing.T) {
	p := newPlace(t)
	for i := range 10 * maxRivals {
		p.shows(6, fmt.Sprint("copy ", i), notQuiet)
	}
	p.turns(1)
	p.heard(p.f.sent)
	for i := range 10 * maxRivals {
		if p.f.check(shown{Store: "s", Starts: 6, Instance: fmt.Sprint("copy ", i), Position: position{3, 70}}, p.now) == "" {
			t.Fatalf("copy %d was let in", i)
		}
	}
	if n := len(p.f.known["s"].rivals); n > maxRivals {
		t.Errorf("%d rivals are remembered", n)
	}
}

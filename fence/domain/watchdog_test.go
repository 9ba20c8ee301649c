package domain

import (
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// watching is a world of three whose node 3 has announced an open watchdog; lease 5 s.
func watching(t *testing.T, level int) *world {
	w := newWorld(t, 3)
	w.s.Feature = level
	w.s.Roster.Timing.LeaseMS = 5000
	w.s.Roster.Nodes[2].Levels = []fence.Level{{Steps: []fence.Step{{Wait: fence.WaitWatchdog}}}}
	w.opens(3)
	return w
}

func dog() fence.Watchdog {
	return fence.Watchdog{Kind: "iTCO_wdt", Open: true, LeaseMS: 5000, HardwareMS: 10_000}
}

// opens has a node say again that its watchdog is open, as of what it has applied.
func (w *world) opens(id fence.NodeID) []Event { return w.watches(id, dog(), w.s.Node(id).ClosedAt) }

func (w *world) watches(id fence.NodeID, d fence.Watchdog, since uint64) []Event {
	return w.must(id, Entry{Announce: &Announce{Clean: true, Machine: machine(id), Roster: w.s.RosterHash, Feature: FeatureLevel, Watchdog: d, WatchdogSince: since}})
}

// waited is the evidence that node 1 waited for node 3's watchdog.
func (w *world) waited(ms int64) fence.Evidence {
	v := w.s.Node(3).Victim
	return fence.Evidence{Kind: fence.EvidenceWatchdog, Claim: v.Claim.Number, ReadIndex: w.s.Index, WaitedMS: ms}
}

func (w *world) admissible(ms int64) error {
	n := w.s.Node(3)
	return fence.Admissible(n.Victim.Victim, w.waited(ms), w.s.Judge(n))
}

// R15: an announced open watchdog of the victim's own life is evidence after its whole time, and not a millisecond before.
func TestWatchdogOfTheVictim(t *testing.T) {
	w := watching(t, FeatureWatchdog)
	w.view(1, 2)
	w.claim(1, 3)
	if err := w.admissible(18_500); err != nil {
		t.Error(err)
	}
	if err := w.admissible(18_499); err == nil {
		t.Error("too early, and taken")
	}
}

// R14: what lets a life close its watchdog says so to all: from that entry on nobody counts on it, and a word from before it is void.
func TestAClosedWatchdogDoesNotCount(t *testing.T) {
	for name, closing := range map[string]func(*world){
		"disarmed":  func(w *world) { w.must(1, Entry{Arm: &Arm{By: "op"}}) },
		"left":      func(w *world) { w.must(3, Entry{Leave: &Leave{Force: true}}) },
		"stateless": func(w *world) { w.must(3, w.off(3)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := watching(t, FeatureWatchdog)
			w.s.Roster.Policy.IdleStateless = true
			n := w.s.Node(3)
			if !n.Watchdog.Open {
				t.Fatal("not open before")
			}
			before := n.ClosedAt
			if closing(w); w.s.Node(3).Watchdog.Open {
				t.Fatal("it counts on")
			}
			if name == "left" {
				return
			}
			if name == "disarmed" {
				w.must(1, Entry{Arm: &Arm{Armed: true, By: "op"}})
			} else {
				w.must(3, Entry{Stateful: &Stateful{On: true}})
			}
			if w.watches(3, dog(), before); w.s.Node(3).Watchdog.Open {
				t.Error("a word from before it was closed opens it")
			}
			if w.opens(3); !w.s.Node(3).Watchdog.Open {
				t.Error("opened again, and not counted")
			}
		})
	}
}

// A disarmed cluster has no open watchdog.
func TestUnarmedWatchdog(t *testing.T) {
	w := watching(t, FeatureWatchdog)
	w.must(1, Entry{Arm: &Arm{By: "op"}})
	if w.opens(3); w.s.Node(3).Watchdog.Open {
		t.Error("it counts while nobody is armed")
	}
}

// R15: a later life says nothing about the watchdog of the one before, and a victim nothing new about its own.
func TestWatchdogBelongsToALife(t *testing.T) {
	w := watching(t, FeatureWatchdog)
	w.s.Node(3).Watchdog.Open = false
	w.view(1, 2)
	w.boots[3]++
	w.view(1, 2, 3)
	m := machine(3)
	m.Virtual = true // its new boot id alone proves nothing, so the victim stays
	w.s.Node(3).Victim.Machine.Virtual = true
	w.must(3, Entry{Announce: &Announce{Clean: true, Machine: m, Roster: w.s.RosterHash, Feature: FeatureLevel, Watchdog: dog(), WatchdogSince: w.s.Node(3).ClosedAt}})
	n := w.s.Node(3)
	if n.Victim == nil || n.Victim.Watchdog.Open || w.s.Judge(n).Watchdog.Open {
		t.Fatalf("the new life's watchdog counts for the old one: %+v", n.Victim)
	}

	w = watching(t, FeatureWatchdog)
	w.must(1, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op", Reason: "x"}})
	longer := dog()
	longer.HardwareMS = 2000
	w.must(3, Entry{Announce: &Announce{Why: "x", Machine: machine(3), Roster: w.s.RosterHash, Feature: FeatureLevel, Watchdog: longer, WatchdogSince: w.s.Node(3).ClosedAt}})
	if n := w.s.Node(3); n.Victim == nil || n.Victim.Watchdog != dog() || n.Watchdog != dog() {
		t.Fatalf("a victim changed what is counted for it: %+v", n.Victim)
	}
}

// V10: at join the announced values are held against the roster's; what breaks them does not count, and is told. Nobody is kept out by it.
func TestWatchdogInequalityAtJoin(t *testing.T) {
	for name, change := range map[string]func(*world, *fence.Watchdog){
		"a longer lease than the roster's": func(_ *world, d *fence.Watchdog) { d.LeaseMS = 5001 },
		"no lease":                         func(_ *world, d *fence.Watchdog) { d.LeaseMS = 0 },
		"no kind":                          func(_ *world, d *fence.Watchdog) { d.Kind = "" },
		"too quick to be fed":              func(_ *world, d *fence.Watchdog) { d.HardwareMS = 1999 },
		"too slow for the cluster":         func(w *world, d *fence.Watchdog) { w.s.Roster.Timing.AssumeDeadMS, d.HardwareMS = 18_500, 11_000 },
	} {
		w := watching(t, FeatureWatchdog)
		d := dog()
		change(w, &d)
		ev := w.watches(3, d, w.s.Node(3).ClosedAt)
		if n := w.s.Node(3); n.Watchdog.Open || n.Phase != PhaseMember || len(ev) != 1 || ev[0].Kind != EventRefused {
			t.Errorf("%s: %+v, %s, %v", name, n.Watchdog, n.Phase, ev)
		}
	}
}

// V10: a roster may not make the wait shorter than a watchdog that is open now takes.
func TestWatchdogInequalityInARoster(t *testing.T) {
	w := watching(t, FeatureWatchdog)
	_, err := w.apply(1, w.next(func(r *fence.Roster) { r.Timing.AssumeDeadMS = 18_499 }))
	if err == nil || !strings.Contains(err.Error(), "the open watchdog of n3") {
		t.Fatalf("%v", err)
	}
	w.must(1, w.next(func(r *fence.Roster) { r.Timing.AssumeDeadMS = 18_500 }))
}

// R11: below the level everything is as builds of before do it, and the new field is refused alike by all.
func TestWatchdogBelowTheLevel(t *testing.T) {
	w := watching(t, FeatureWatchdog-1)
	w.s.Roster.Policy.IdleStateless = true
	w.must(3, w.off(3))
	n := w.s.Node(3)
	if !n.Watchdog.Open || n.ClosedAt != 0 {
		t.Errorf("%+v %d", n.Watchdog, n.ClosedAt)
	}
	if _, err := w.apply(1, w.next(func(r *fence.Roster) { r.Timing.AssumeDeadMS = 60_000 })); err == nil || !strings.Contains(err.Error(), "R11") {
		t.Errorf("%v", err)
	}
	w.must(3, Entry{Stateful: &Stateful{On: true}})
	w.view(1, 2)
	if v := w.s.Node(3).Victim; v == nil || v.Watchdog.Open || !w.s.Judge(w.s.Node(3)).Watchdog.Open {
		t.Errorf("%+v", v)
	}
}

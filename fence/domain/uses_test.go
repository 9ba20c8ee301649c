package domain

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// R18: what a life has said that it uses counts as long as it may go on, though another boot of its node was there meanwhile and its file says less now.
func TestWhatALifeSaidOutlivesAnotherBoot(t *testing.T) {
	w := cutWorld(t, 3)
	w.announce(3, "san", "nfs")
	w.view(1, 2)
	first := w.boots[3]
	w.boots[3] += 5
	w.view(1, 2, 3)
	w.view(1, 2)
	w.boots[3] = first
	w.view(1, 2, 3)
	if n := w.s.Node(3); !slices.Equal(n.Shared, []string{"nfs", "san"}) {
		t.Errorf("%v", n.Shared)
	}
	w.must(3, Entry{Announce: &Announce{Machine: machine(3), Roster: w.s.RosterHash, Feature: 3, Shared: []string{"san"}}})
	w.claim(1, 3)
	w.refused(1, Entry{Verdict: w.cutProof(3)}, "from nfs")
}

// R10, R18: after a cold start nobody remembers whether the ways of a cut life are still closed. That life is named, though its daemon is there, and its
// ways are closed and read anew.
func TestAColdStartReadsACutAnew(t *testing.T) {
	for name, arrive := range map[string]func(*world){
		"not there": func(w *world) { w.view(1, 2) },
		"there":     func(w *world) { w.view(1, 2); w.view(1, 2, 3) },
		"there, after another boot": func(w *world) {
			first := w.boots[3]
			w.boots[3] += 5
			w.view(1, 2, 3)
			w.boots[3] = first
			w.view(1, 2, 3)
		},
	} {
		w := cutWorld(t, 3)
		w.cut()
		life := w.s.Node(3).Life
		w.boots[1]++
		w.boots[2]++
		arrive(w)
		w.announce(1, "san")
		w.announce(2, "san")
		n := w.s.Node(3)
		if got := w.s.OverdueLife(n); got != life || !slices.Equal(w.s.Unresolved(), []fence.NodeID{3}) {
			t.Fatalf("%s: %s, unresolved %v", name, got, w.s.Unresolved())
		}
		w.must(1, Entry{Overdue: &Overdue{Lives: []fence.Incarnation{life}}})
		w.claim(1, 3)
		w.must(1, Entry{Verdict: w.cutProof(3)})
		if len(w.s.Unresolved()) > 0 || !w.s.IsCut(life) || w.s.Eligible(3) {
			t.Errorf("%s: %+v", name, w.s.Node(3))
		}
	}
}

// R29: a program that waits for the release of a cut life has it, whatever else was decided of its node since.
func TestACutSatisfiesAfterAnotherVerdict(t *testing.T) {
	w := cutWorld(t, 3)
	w.guest()
	w.cut()
	life, cut := w.s.Node(3).Life, *w.s.Node(3).Last
	w.boots[3]++
	w.view(1, 2, 3)
	w.view(1, 2)
	w.must(1, Entry{Request: &Request{ID: "op", Node: 3, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	v := w.s.Node(3).Victim
	if v.Incarnation == life {
		t.Fatal(v)
	}
	w.must(1, Entry{Ack: &Ack{Node: 3, Boot: v.Boot, By: "op", Reason: "the copy is destroyed"}})
	if !w.s.IsCut(life) || w.s.Node(3).Last.Incarnation == life {
		t.Fatalf("%+v", w.s.Node(3))
	}
	ev := w.must(2, Entry{Request: &Request{ID: "dlm", Node: 3, Boot: life.Boot, Action: fence.ActionReboot, Cause: fence.CauseReported, By: "dlm"}})
	if w.s.Node(3).Victim != nil || ev[0].Verdict == nil || ev[0].Verdict.Index != cut.Index || ev[0].Verdict.Kind != fence.VerdictCut {
		t.Errorf("%+v", ev)
	}
}

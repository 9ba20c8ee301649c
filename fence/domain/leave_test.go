package domain

import (
	"errors"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

func TestALeaveTakesQuorumFromNobodyUnlessForced(t *testing.T) {
	w := newWorld(t, 3)
	w.must(3, Entry{Leave: &Leave{}})
	_, err := w.apply(2, Entry{Leave: &Leave{}})
	if !errors.Is(err, fence.ErrUnsafe) || !w.s.Clean(2) || !w.s.Node(2).Stateful {
		t.Fatalf("%v: %+v", err, w.s.Node(2))
	}
	w.must(2, Entry{Leave: &Leave{Force: true}})
	if w.s.Node(2).Phase != PhaseLeft || w.s.Node(2).Stateful {
		t.Fatalf("%+v", w.s.Node(2))
	}
	w.view(1)
	w.view(1, 2, 3)
	if len(w.s.Victims()) != 0 {
		t.Fatal("a clean leave is nobody's victim (S2.12)")
	}
}

func TestNobodyLeavesAViewWithoutQuorum(t *testing.T) { // R30
	w := newWorld(t, 5)
	w.view(1, 2)
	w.refused(2, Entry{Leave: &Leave{Force: true}}, "no quorum")
}

func TestWhoLeftAndFindsStateIsDirtyAgain(t *testing.T) { // S2.11: bad news is never refused
	w := newWorld(t, 3)
	w.must(3, Entry{Leave: &Leave{}})
	n := w.s.Node(3)
	w.refused(3, Entry{Announce: &Announce{Clean: true, Since: n.Arrived, Machine: machine(3), Roster: w.s.RosterHash}}, "only a reset makes it clean")
	w.must(3, Entry{Announce: &Announce{Why: "dlm lockspace x", Since: n.Arrived, Machine: machine(3), Roster: w.s.RosterHash}})
	if n := w.s.Node(3); n.Phase != PhaseDirty || len(w.s.Unresolved()) != 1 {
		t.Fatalf("%+v", n)
	}
	w.view(1, 2)
	if v := w.s.Node(3).Victim; v == nil || v.Boot != "b3.0" {
		t.Fatalf("%+v", w.s.Node(3))
	}
}

func TestALeftLifeCanStillBeFencedByRequest(t *testing.T) { // R29: as long as its daemon is there, an operator is obeyed
	w := newWorld(t, 3)
	w.must(3, Entry{Leave: &Leave{}})
	w.must(1, Entry{Request: &Request{ID: "x", Node: 3, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
	if w.s.Node(3).Victim == nil {
		t.Fatalf("%+v", w.s.Node(3))
	}
}

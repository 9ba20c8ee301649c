package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// answering is a claim by an actor that still hears the victim.
func (w *world) answering(node fence.NodeID) Entry {
	e := w.claimEntry(node)
	e.Claim.Answers = true
	return e
}

func TestTheBrakeIsOneForAllMembers(t *testing.T) { // R21, V13: two members that claim at once claim one victim between them
	w := newWorld(t, 7)
	w.view(1, 2, 3, 4)
	w.must(1, w.answering(5))
	w.refused(2, w.answering(6), "at most 1 may be")
	w.claim(2, 6) // a silent one is not held
	w.must(2, Entry{ClaimEnd: &ClaimEnd{Node: 6, Number: 1, Quiet: true}})
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 5, Number: 1, Quiet: true}})
	w.must(2, w.answering(5)) // it counts victims, not attempts, whoever makes them
	w.must(1, Entry{Request: &Request{ID: "r", Node: 7, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	w.must(1, w.answering(7)) // an operator exceeds it by name
	b, err := w.s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if s, err := Restore(b); err != nil || len(s.Answering) != 2 {
		t.Fatalf("a joiner counts anew: %v %v", s.Answering, err)
	}
}

func TestTheBrakesWindowEndsByAMembersWord(t *testing.T) { // R21
	w := newWorld(t, 5)
	w.view(1, 2, 3)
	life := w.s.Node(4).Victim.Incarnation
	w.refused(1, Entry{Window: &Window{Life: life}}, "does not count")
	w.must(1, w.answering(4))
	w.refused(4, Entry{Window: &Window{Life: life}}, "not in the view")
	w.refused(2, w.answering(5), "at most 1 may be")
	w.must(3, Entry{Window: &Window{Life: life}})
	w.must(2, w.answering(5))
}

func TestPowerOnOfANodeThatNobodySawNamesItsNode(t *testing.T) { // R9: the walk's result is found by the node that it is for
	w := &world{t: t, s: New(), boots: map[fence.NodeID]int{}}
	w.view(1, 2)
	w.must(1, Entry{Roster: &Roster{Roster: roster(3)}})
	w.view(1, 2)
	w.clean(1)
	w.clean(2)
	w.must(1, Entry{Arm: &Arm{Armed: true, By: "op"}})
	w.must(1, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionOn, Cause: fence.CauseOperator, By: "op"}})
	if p := w.s.Node(3).PowerOn; p == nil || p.For.Node != 3 || !p.For.Unknown() {
		t.Fatalf("it is for %+v", p)
	}
}

func TestWhoCallsItselfDirtyCountsToo(t *testing.T) { // R21, 0063: one bad probe in a new build calls a whole cluster dirty
	w := newWorld(t, 5)
	w.s.Roster.Policy.MaxConcurrent = 64
	for _, id := range []fence.NodeID{4, 5} {
		w.must(id, Entry{Announce: &Announce{Why: "dlm", Machine: machine(id), Roster: w.s.RosterHash}})
	}
	w.must(1, Entry{Overdue: &Overdue{Lives: []fence.Incarnation{w.s.OverdueLife(w.s.Node(4)), w.s.OverdueLife(w.s.Node(5))}}})
	four, five := w.claimEntry(4), w.claimEntry(5)
	four.Claim.Answers, five.Claim.Answers = true, true
	w.must(1, four)
	w.must(1, Entry{Verdict: w.proof(4)})
	w.refused(1, five, "R21")
	w.must(1, Entry{Request: &Request{ID: "r", Node: 5, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	w.must(1, five) // a person said so
}

package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// What test/mutants broke without anybody noticing.

func TestAMinorityDecidesNothing(t *testing.T) { // V3, R30: claims, requests and overdue lives, as verdicts and acknowledgements
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	w.view(1, 2)
	w.refused(1, w.claimEntry(5), "no quorum")
	w.refused(1, Entry{Request: &Request{ID: "r", Node: 2, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}}, "no quorum")
	w.refused(1, Entry{Overdue: &Overdue{Lives: []fence.Incarnation{{Node: 5, Boot: "b5.0"}}}}, "no quorum")
}

func TestSnapshotKeepsWhatIsOverAndWhatIsInFlight(t *testing.T) { // R9, R16: a joiner admits nobody whom the others would not
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	w.claim(1, 5)
	p := w.proof(5)
	p.Quiet = false
	w.must(1, Entry{Verdict: p})
	b, err := w.s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Restore(b)
	if err != nil {
		t.Fatal(err)
	}
	if !s.IsOver(fence.Incarnation{Node: 5, Boot: "b5.0"}) {
		t.Error("a life that has a verdict would be admitted")
	}
	if n := s.Node(5); len(n.Unquiet) != 1 || n.PowerOn == nil {
		t.Errorf("nobody waits for what is in flight, or the node stays off: %+v", n)
	}
}

func TestAStatelessVictimsNextDaemonIsRefusedToo(t *testing.T) { // R2, R29: the same boot is no rebirth, also where R12 has nothing to say
	w := newWorld(t, 3)
	w.stateless(3)
	w.must(1, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
	same := Origin{Incarnation: w.origin(3).Incarnation, Instance: "another daemon"}
	w.index++
	w.s.ApplyView(w.index, []Origin{w.origin(1), w.origin(2), same}, true)
	w.index++
	ev, err := w.s.Apply(w.index, same, Entry{Announce: &Announce{Clean: true, Machine: machine(3), Roster: w.s.RosterHash, Since: w.s.Node(3).Arrived}})
	if n := w.s.Node(3); err != nil || !has(ev, EventRefused) || n.Victim == nil || n.Pending != nil {
		t.Fatalf("a victim's own life waits to be admitted, and nobody claims meanwhile: %+v %v", n, err)
	}
}

func TestAnUnknownNodeIsNotRemoved(t *testing.T) { // R5: away, nobody's victim yet, and perhaps writing
	w := newWorld(t, 3)
	w.boots = map[fence.NodeID]int{1: 1, 2: 1}
	w.view(1, 2) // cold start: nobody can vouch for 3
	r := roster(3)
	r.Version, r.Nodes = 2, r.Nodes[:2]
	w.refused(1, Entry{Roster: &Roster{Roster: r, By: "op"}}, "cannot be removed")
}

package domain

import (
	"errors"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

func (w *world) replaceEntry(id fence.NodeID, fresh *fence.Machine) Entry {
	return Entry{Replace: &Replace{Node: id, Old: w.s.Node(id).Machine, New: fresh, By: "op", Reason: "new board"}}
}

func (w *world) announceAs(id fence.NodeID, m fence.Machine) []Event {
	return w.must(id, Entry{Announce: &Announce{Clean: true, Machine: m, Roster: w.s.RosterHash}})
}

func TestAReplacedMachineIsAcceptedOnceAndTheOldOneNever(t *testing.T) { // R2, S5.6
	w := newWorld(t, 3)
	spare := machine(9)
	w.view(1, 2) // node 3 has failed
	w.refused(1, w.replaceEntry(3, nil), "operation 1 on it is open")
	w.boots[3] = 1
	w.view(1, 2, 3)
	w.announceAs(3, spare)
	w.refused(1, w.replaceEntry(3, nil), "operation 1 on it is open") // the old life is not proven over
	w.claim(1, 3)
	w.must(1, Entry{Verdict: w.proof(3)})
	w.announceAs(3, spare)
	if w.s.Clean(3) || w.s.Node(3).Foreign == nil {
		t.Fatalf("a spare took the place by itself: %+v", w.s.Node(3))
	}
	w.s.Node(3).Unquiet = nil
	w.s.Node(3).Proven = []string{"map-bmc-3"}
	w.must(1, w.replaceEntry(3, nil))
	n := w.s.Node(3)
	if !n.Machine.Same(spare) || n.Proven != nil || n.Foreign != nil {
		t.Fatalf("%+v", n)
	}
	w.announceAs(3, spare)
	if !w.s.Clean(3) {
		t.Fatalf("%+v", n)
	}
	w.must(3, Entry{Leave: &Leave{}})
	w.view(1, 2)
	w.boots[3] = 2
	w.view(1, 2, 3)
	w.announceAs(3, machine(3))
	if w.s.Clean(3) || w.s.Node(3).Why == "" {
		t.Fatalf("the old machine is back under this name: %+v", w.s.Node(3))
	}
}

func TestTheOldMachineDoesNotComeBeforeTheNewOne(t *testing.T) { // R2: given up while neither is there
	w := newWorld(t, 3)
	w.must(3, Entry{Leave: &Leave{}})
	w.view(1, 2)
	w.must(1, w.replaceEntry(3, nil))
	w.boots[3] = 1
	w.view(1, 2, 3)
	w.announceAs(3, machine(3))
	if w.s.Clean(3) {
		t.Fatal("the machine that was given up is a member")
	}
	w.must(3, Entry{Leave: nil, Stateful: nil, Announce: &Announce{Clean: true, Machine: machine(8)}})
	if !w.s.Clean(3) {
		t.Fatalf("%+v", w.s.Node(3))
	}
}

func TestWhatReplacingNeeds(t *testing.T) {
	w := newWorld(t, 3)
	w.refused(1, w.replaceEntry(3, nil), "in the view") // both at once: the old one works
	w.must(3, Entry{Leave: &Leave{}})
	w.view(1, 2)
	e := w.replaceEntry(3, nil)
	e.Replace.Reason = ""
	w.refused(1, e, "reason")
	e = w.replaceEntry(3, nil)
	e.Replace.Old = machine(7)
	if _, err := w.apply(1, e); !errors.Is(err, fence.ErrStale) {
		t.Fatalf("%v", err)
	}
	two := machine(2)
	w.refused(1, w.replaceEntry(3, &two), "machine of n2")
	w.refused(1, w.replaceEntry(3, &fence.Machine{UUID: "none"}), "identifies no machine")
	w.view(1)
	w.refused(1, w.replaceEntry(3, nil), "no quorum")
	w.view(1, 2)
	nine := machine(9)
	w.must(1, w.replaceEntry(3, &nine))
	w.boots[3] = 1
	w.view(1, 2, 3)
	w.announceAs(3, machine(8))
	if w.s.Clean(3) {
		t.Fatal("another machine than the one that was named is a member")
	}
}

func TestADeclaredMachineChangesOnlyWhenTheOldLifeIsOver(t *testing.T) { // R2: evidence about the new one says nothing of the old
	w := newWorld(t, 3)
	nine := machine(9)
	e := w.next(func(r *fence.Roster) { r.Nodes[2].Machine = &nine })
	w.refused(1, e, "in the view")
	w.view(1, 2)
	w.refused(1, e, "operation 1 on it is open")
	w.must(1, Entry{Ack: &Ack{Node: 3, Boot: "b3.0", By: "op", Reason: "burnt"}})
	w.must(1, e)
	if n := w.s.Node(3); !n.Machine.Same(nine) || !n.former(machine(3)) {
		t.Fatalf("%+v", n)
	}
	w.refused(1, w.replaceEntry(3, nil), "declared in the configuration")
	three := machine(3)
	w.must(1, w.next(func(r *fence.Roster) { r.Nodes[2].Machine = &three })) // back again, by name
	if n := w.s.Node(3); n.former(three) || !n.former(nine) {
		t.Fatalf("%+v", n)
	}
}

func TestACleanLifeElsewhereLeavesTheNodeToFear(t *testing.T) { // 0026: a spare came and went while the node was unknown
	w := newWorld(t, 3)
	for id := fence.NodeID(1); id <= 2; id++ {
		w.boots[id]++
	}
	w.view(1, 2)
	w.clean(1)
	w.clean(2)
	w.boots[3] = 1
	w.view(1, 2, 3)
	w.announceAs(3, machine(9))
	w.refused(1, w.replaceEntry(3, nil), "nobody knows")
	w.view(1, 2)
	life := w.s.OverdueLife(w.s.Node(3))
	if !life.Unknown() {
		t.Fatalf("the spare's life %s is to be fenced, not the one that nobody knows of", life)
	}
	w.must(1, Entry{Overdue: &Overdue{Lives: []fence.Incarnation{life}}})
	if v := w.s.Node(3).Victim; v == nil || !v.Machine.Same(machine(3)) {
		t.Fatalf("%+v", v)
	}
}

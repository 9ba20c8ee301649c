package domain

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/fenced-project/fenced/fence"
)

// TestRosterChangesLoseNobody mixes every kind of entry and view with nodes that are added, removed, renamed, replaced and declared: no
// victim and no life that may hold state is ever forgotten, a boot that is over never comes back, and a copy follows to the same state.
func TestRosterChangesLoseNobody(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, 4)
		held, over := lives{}, map[fence.Incarnation]bool{}
		held.follow(w.s, nil)
		twin := w.copy(rt)
		for range rapid.IntRange(5, 60).Draw(rt, "steps") {
			before, open := w.snap(), openVictims(w.s)
			var events []Event
			var err error
			if kind := rapid.IntRange(0, 19).Draw(rt, "kind"); kind <= 2 {
				events = w.drawView(rt, twin, kind == 2)
			} else {
				by := fence.NodeID(rapid.IntRange(1, 6).Draw(rt, "by"))
				e := w.drawAny(rt, kind, by)
				events, err = w.apply(by, e)
				if n := w.s.Node(by); err != nil && w.snap() != before {
					rt.Fatalf("a rejected entry changed the state: %v %+v", err, n)
				}
				twinApply(w, twin, by, e)
			}
			w.invariants(rt, events, open)
			held.follow(w.s, events)
			if life, ok := held.lost(w.s); ok {
				rt.Fatalf("life %s may hold state and nobody minds: %+v", life, w.s.Node(life.Node))
			}
			for _, e := range events {
				if e.Kind == EventVerdict && !e.Life.Unknown() {
					over[e.Life] = true
				}
				if e.Kind == EventClean && over[e.Life] {
					rt.Fatalf("life %s has a verdict and is a member (R16)", e.Life)
				}
			}
			if twin.Hash() != w.s.Hash() {
				rt.Fatal("two members with the same log have different states (I3)")
			}
		}
	})
}

func (w *world) copy(rt *rapid.T) *State {
	b, err := w.s.Snapshot()
	if err != nil {
		rt.Fatal(err)
	}
	s, err := Restore(b)
	if err != nil {
		rt.Fatal(err)
	}
	return s
}

// twinApply gives the copy the entry that w has just applied, with what w.apply filled in.
func twinApply(w *world, twin *State, by fence.NodeID, e Entry) {
	if n := twin.Node(by); e.Announce != nil && e.Announce.Since == 0 && n != nil {
		a := *e.Announce
		a.Since = n.Arrived
		e.Announce = &a
	}
	_, _ = twin.Apply(w.index, w.origin(by), e)
}

func (w *world) drawView(rt *rapid.T, twin *State, reboot bool) []Event {
	if reboot {
		w.boots[fence.NodeID(rapid.IntRange(1, 6).Draw(rt, "reboot"))]++
	}
	ids := rapid.SliceOfNDistinct(rapid.IntRange(1, 6), 0, 6, rapid.ID).Draw(rt, "members")
	ids = slices.DeleteFunc(ids, func(id int) bool { return w.s.Node(fence.NodeID(id)) == nil && id > 4 })
	ev := w.view(nodeIDs(ids)...)
	twin.ApplyView(w.index, w.s.View.Members, w.s.View.Quorate)
	return ev
}

func (w *world) drawAny(rt *rapid.T, kind int, by fence.NodeID) Entry {
	node := w.s.Nodes[rapid.IntRange(0, len(w.s.Nodes)-1).Draw(rt, "node")].ID
	if kind < 14 && w.s.Node(by) != nil {
		return w.draw(rt, kind, node, by)
	}
	machine9 := machine(fence.NodeID(rapid.IntRange(7, 9).Draw(rt, "machine")))
	if kind == 19 {
		r := &Replace{Node: node, Old: w.s.Node(node).Machine, By: "op", Reason: "new"}
		if rapid.Bool().Draw(rt, "named") {
			r.New = &machine9
		}
		return Entry{Replace: r}
	}
	e := w.next(func(r *fence.Roster) {
		i := rapid.IntRange(0, len(r.Nodes)-1).Draw(rt, "which")
		switch kind {
		case 14, 15: // out
			if len(r.Nodes) > 1 {
				r.Nodes = slices.Delete(r.Nodes, i, i+1)
			}
		case 16: // in
			for _, n := range roster(6).Nodes {
				if _, have := r.Node(n.ID); !have {
					r.Nodes = append(r.Nodes, n)
					break
				}
			}
			slices.SortFunc(r.Nodes, func(a, b fence.RosterNode) int { return int(a.ID) - int(b.ID) })
			r.Devices = roster(6).Devices
		case 17:
			r.Nodes[i].Name += "x"
		default:
			r.Nodes[i].Machine = &machine9
		}
	})
	e.Roster.Force = rapid.Bool().Draw(rt, "force")
	return e
}

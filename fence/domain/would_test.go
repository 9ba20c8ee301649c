package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// What a disarmed cluster would have done is told with a number of its own and with the action, and nobody is a victim for it. Before its level it
// has neither, and the numbers of operations stay what members of an older build count (R11).
func TestWhatADisarmedClusterWouldHaveDone(t *testing.T) {
	for level, want := range map[int]Event{
		FeatureWould - 1: {},
		FeatureWould:     {Operation: 1, Action: fence.ActionOff},
	} {
		w := newWorld(t, 5)
		w.must(1, Entry{Arm: &Arm{By: "op"}})
		w.s.Feature, w.s.Roster.Nodes[4].Action = level, fence.ActionOff
		before := w.s.Operations
		var got *Event
		for _, e := range w.view(1, 2, 3, 4) {
			if e.Kind == EventWould {
				got = &e
			}
		}
		if got == nil || got.Node != 5 || got.Life.Boot != "b5.0" || got.Operation != want.Operation || got.Action != want.Action {
			t.Fatalf("level %d: %+v", level, got)
		}
		if n := w.s.Node(5); n.Victim != nil || !n.Unknown || w.s.Operations != before+want.Operation {
			t.Errorf("level %d: %d operations before, %d now, %+v", level, before, w.s.Operations, n)
		}
		w.must(1, Entry{Arm: &Arm{Armed: true, By: "op"}})
		w.view(1, 2, 3)
		if id := w.s.Node(4).Victim.ID; id != before+want.Operation+1 {
			t.Errorf("level %d: the next operation has the number %d", level, id)
		}
	}
}

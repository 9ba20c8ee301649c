package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// Its word that it holds nothing is that of one daemon: the next one of the same life was admitted since, and may hold what it likes between
// its leave and the scan after it.
func TestAnotherDaemonOfTheDrilledLifeEndsTheDrill(t *testing.T) { // R12
	w := drillWorld(t, 4)
	w.drill(3)
	w.must(3, Entry{Leave: &Leave{}})
	w.must(3, Entry{DrillReady: &DrillReady{Node: 3, Drill: w.s.Node(3).Drill.ID}})
	again := w.origin(3)
	again.Instance = "another"
	w.index++
	w.s.ApplyView(w.index, []Origin{w.origin(1), w.origin(2), again, w.origin(4)}, true)
	if n := w.s.Node(3); n.Drill != nil || n.LastDrill == nil || n.LastDrill.Passed || n.PowerOn != nil {
		t.Fatalf("drill %+v, last %+v", n.Drill, n.LastDrill)
	}
	w.refused(1, w.drillClaimEntry(3), "has no drill")
}

// What a drill switched off comes back also when the node became a victim before it was switched on again, by whatever level that is proven.
func TestAVictimOfADrillIsPoweredOnAgain(t *testing.T) { // R9
	end := func(w *world, action fence.Action) *Node {
		n := w.s.Node(3)
		if n.Victim == nil || n.PowerOn != nil {
			t.Fatalf("%+v", n)
		}
		n.Victim.Action = action
		w.claim(2, 3)
		p := w.proof(3)
		p.Evidence.Devices[0].Before = fence.PowerOff
		w.must(2, Entry{Verdict: p})
		return n
	}
	request := func(w *world) {
		w.must(2, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	}
	start := func(w *world) {
		for _, id := range []fence.NodeID{1, 2, 4, 5} {
			w.boots[id] = 1
		}
		w.view(1, 2, 4, 5)
		for _, id := range []fence.NodeID{1, 2, 4, 5} {
			w.clean(id)
		}
		w.must(2, Entry{Overdue: &Overdue{Lives: []fence.Incarnation{w.s.OverdueLife(w.s.Node(3))}}})
	}
	for name, after := range map[string]func(w *world){"a request": request, "a cold start": start} {
		w := drillWorld(t, 5)
		w.drilledOff(3)
		after(w)
		if n := end(w, fence.ActionReboot); n.PowerOn == nil || n.PowerOn.Level >= 0 || !n.PowerOn.Force {
			t.Errorf("%s: it stays off, or what the drill switched does: %+v", name, n.PowerOn)
		}
		w = drillWorld(t, 5)
		w.drilledOff(3)
		after(w)
		if n := end(w, fence.ActionOff); n.PowerOn != nil || !n.OffHeld {
			t.Errorf("%s: it is to stay off: %+v", name, n.PowerOn)
		}
	}
}

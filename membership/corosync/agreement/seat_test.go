package agreement

import "testing"

// R3, L1: a store that was wiped counts as soon as a view has told of it, not only from the next change of the ring on: whoever voted before may fall
// silent, and a quorum must still be there.
func TestAStoreCountsOnceAViewHasToldOfIt(t *testing.T) {
	w := agreed(t, 9)
	n, silent := w.nodes[2], w.nodes[1]
	n.crash()
	w.run(1500)
	n.disk, n.starts, n.store = Durable{}, 0, "another-store"
	n.start()
	w.settle()
	w.run(2000)
	for _, o := range w.nodes {
		if !o.m.open || o.m.plan.Votes != 3 || len(o.m.plan.Voters) != 3 {
			t.Errorf("node %d: open %t, %d votes are counted", o.id, o.m.open, o.m.plan.Votes)
		}
	}
	at := w.nodes[0].m.applied.ViewAt
	for range 4000 {
		w.now += int64(w.rnd.IntN(4))
		if o := w.nodes[w.rnd.IntN(3)]; o != silent { // its process is stopped; corosync says nothing of that
			w.stepOf(o)
		}
	}
	if s := w.nodes[0].m.Status(); w.nodes[0].m.applied.ViewAt == at || len(w.nodes[0].m.applied.View.Members) != 2 || s.Waiting != "" {
		t.Errorf("with a voter silent: %+v, view %v", s, w.nodes[0].m.applied.View.Members)
	}
}

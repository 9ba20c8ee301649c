package embedded

import "testing"

// TestAStartCostsOneEntry: a node that comes back behind the others says once that it started, not once for each turn until it has caught up
// with its own word.
func TestAStartCostsOneEntry(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	log := func() uint64 { return p.readers[1].P.(*Provider).running().LastIndex() }
	for range 5 {
		before := log()
		p.kill(3)
		p.settle(1, 2)
		p.start(3, 1)
		p.settle(1, 2, 3)
		if grown := log() - before; grown > 12 { // two views, the start, and what a change of leader adds
			t.Fatalf("a restart of one node wrote %d entries", grown)
		}
	}
}

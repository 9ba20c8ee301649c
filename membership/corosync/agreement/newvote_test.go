package agreement

import (
	"fmt"
	"testing"

	"github.com/fenced-project/fenced/membership"
)

// The store of a node was wiped; its daemon has caught up and is in a view, so the log knows the new store, and it may vote (R3). It does so at once:
// another voter that falls silent in a ring that stays as it is, is missed by those two, who are a quorum (L1).
func TestANewStoreVotesInTheViewThatBringsIt(t *testing.T) {
	for s := range uint64(10) {
		w := agreed(t, s)
		one, two, three := w.nodes[0], w.nodes[1], w.nodes[2]
		three.crash()
		three.disk, three.starts, three.store, three.self = Durable{}, 0, fmt.Sprintf("wiped-%d", s), membership.Self{}
		w.run(3000)
		three.start()
		w.settle()
		one.still, one.slow = true, true
		for i := 0; len(two.view.Members) != 2 || len(three.view.Members) != 2; i++ {
			w.now += int64(w.rnd.IntN(4))
			w.stepOf(w.nodes[1+w.rnd.IntN(2)]) // node 1 is stopped, and its corosync runs on
			if i > 100_000 {
				t.Fatalf("seed %d: node 2 has the view %v, %+v", s, names(two.view), two.m.Status())
			}
		}
	}
}

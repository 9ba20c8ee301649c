package agreement

import (
	"math/bits"
	"testing"
)

// even_split: lowest-id. Of every way to split a cluster at most one side has the quorum; of two even halves it is the one with the lowest node,
// and where there is a majority it is the majority.
func TestLowestIDDecidesEvenSplits(t *testing.T) {
	for n := 1; n <= 7; n++ {
		quorate := func(side int) bool {
			sum, need := 0, 0
			for i := range n {
				own, needed := LowestID(1, n, i == 0)
				if need = needed; side>>i&1 == 1 {
					sum += own
				}
			}
			return sum >= need
		}
		all := 1<<n - 1
		for side := range all + 1 {
			other, have := all&^side, bits.OnesCount(uint(side))
			switch {
			case quorate(side) && quorate(other):
				t.Errorf("%d nodes: both sides of %b are quorate", n, side)
			case 2*have > n && !quorate(side):
				t.Errorf("%d nodes: the majority %b is not quorate", n, side)
			case 2*have == n && quorate(side) != (side&1 == 1):
				t.Errorf("%d nodes: the half %b is quorate: %v", n, side, quorate(side))
			}
		}
	}
}

package evs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/membership"
)

// holds is a state as that of S3: how much each process holds, by its owner. Totals are derived, and who is not in the view holds nothing. What
// fenced itself keeps by owner is a node's record (fence/domain); this counts, so that what is lost or doubled on the way is seen.
type holds struct {
	of    map[string]int // by the owner's instance
	lines map[uint64]int // how often each index was told
	whole int            // how many whole states came
}

func (h *holds) read(e membership.Event) {
	switch e := e.(type) {
	case membership.Committed:
		h.lines[e.Index]++
		n := 0
		if err := json.Unmarshal(e.Data, &n); err == nil {
			h.of[e.Proposer.Instance] = n
		}
	case membership.ViewInstalled:
		h.lines[e.Index]++
		maps.DeleteFunc(h.of, func(owner string, _ int) bool {
			return !slices.ContainsFunc(e.View.Members, func(m membership.Member) bool { return m.Instance == owner })
		})
	case membership.SnapshotInstalled:
		h.whole++
		h.of = map[string]int{}
		if err := json.Unmarshal(e.Data, &h.of); err != nil {
			panic(err)
		}
	}
}

func (h *holds) state() []byte {
	b, err := json.Marshal(h.of)
	if err != nil {
		panic(err)
	}
	return b
}

func (h *holds) total() (sum int) {
	for _, n := range h.of {
		sum += n
	}
	return sum
}

// until lets the cluster go on until something holds.
func (c *cluster) until(what string, holds func() bool) {
	c.t.Helper()
	for i := 0; !holds(); i++ {
		if c.step(); i > 600_000 {
			for _, d := range c.nodes {
				if d.m != nil {
					c.t.Logf("node %d: %+v, %+v", d.id, d.m.Status(), d.reads)
				}
			}
			c.t.Fatalf("it never comes to %s", what)
		}
	}
}

// A, B and C hold 2, 3 and 4. B leaves: A and C hold 6. D joins and holds 1: everybody's total is 7. D learns of the others from one of them, as the
// log or as a whole state; C hears the same on the ring and takes nothing twice. (E holds nothing: it is there for the quorum.)
//
// proves: S3.1, S3.2
func TestWhatEachHoldsIsCountedOnce(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := newCluster(t, seed, 5)
			of := make([]*holds, len(c.nodes))
			for i, d := range c.nodes {
				of[i] = &holds{of: map[string]int{}, lines: map[uint64]int{}}
				d.reads = of[i]
			}
			a, b, cc, d := c.nodes[0], c.nodes[1], c.nodes[2], c.nodes[3]
			d.crash()
			rest := []int{0, 2, 4}
			members := func(n int, of ...int) func() bool {
				return func() bool {
					for _, i := range of {
						if len(c.nodes[i].view.Members) != n || !c.nodes[i].m.Status().Open {
							return false
						}
					}
					return true
				}
			}
			c.until("a view without D", members(4, 0, 1, 2, 4))
			total := func(want int, nodes ...int) func() bool {
				return func() bool {
					for _, i := range nodes {
						if of[i].total() != want {
							return false
						}
					}
					return true
				}
			}
			for i, d := range []*daemon{a, b, cc} {
				d.proposeData(fmt.Append(nil, i+2))
			}
			c.until("2, 3 and 4", total(9, 0, 1, 2, 4))
			b.crash() // it leaves: its process goes, the ring stays
			c.until("S3.1", total(6, rest...))
			if len(of[0].of) != 2 || of[0].of[a.self.Instance] != 2 || of[0].of[cc.self.Instance] != 4 {
				t.Errorf("B's part stayed, or another one changed: %+v", of[0].of)
			}
			if seed%2 == 0 { // D needs the whole state
				for _, i := range rest {
					c.nodes[i].m.Compact()
					c.nodes[i].effects()
				}
				c.until("snapshots", func() bool {
					return !slices.ContainsFunc(rest, func(i int) bool { return c.nodes[i].disk.SnapAt == 0 })
				})
			}
			d.start()
			all := append([]int{3}, rest...)
			c.until("a view with D", members(4, all...))
			d.proposeData([]byte("1"))
			c.until("S3.2", total(7, all...))
			for _, i := range all {
				if !maps.Equal(of[i].of, of[0].of) {
					t.Errorf("node %d counts %+v, node 1 %+v", i+1, of[i].of, of[0].of)
				}
			}
			for _, i := range rest {
				if of[i].whole != 0 {
					t.Errorf("node %d took a whole state that it had already", i+1)
				}
				for index, n := range of[i].lines {
					if n != 1 {
						t.Errorf("node %d was told index %d %d times", i+1, index, n)
					}
				}
			}
			if took := of[3].whole > 0; took != (seed%2 == 0) {
				t.Errorf("D was brought a whole state: %v", took)
			}
		})
	}
}

package evs

import (
	"fmt"
	"testing"
)

// stall: a daemon whose disk has stopped takes entries that only it received when its ring broke, and goes on with the others while its disk is far
// behind. What it has to say of those entries when they are on disk is of a session that is over.
func (c *cluster) stall() {
	d := c.nodes[c.rnd.IntN(len(c.nodes))]
	d.stuck = true
	for range 4 + c.rnd.IntN(8) {
		d.propose()
	}
	c.net.Sequence(d.i)
	c.part[d.i] = len(c.part) - 1
	c.form()
	for range 200 + c.rnd.IntN(1000) {
		c.step()
	}
	clear(c.part)
	c.form()
	for range 2000 {
		switch c.step(); c.rnd.IntN(100) {
		case 0, 1, 2:
			if len(d.writes) > 0 {
				d.finish()
			}
		case 3, 4:
			c.nodes[c.rnd.IntN(len(c.nodes))].propose()
		}
	}
	d.stuck = false
}

// What a disk has finished counts in the session in which it was asked for, and in no other (I4): whatever a stalled one brings to its end later,
// nothing is committed that a majority's disks did not have (R6), no store is taken for one that is ahead of itself (R3), and all agree in the end.
func TestAgreementOfStalledDisks(t *testing.T) {
	for s := range *seeds {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			c := newCluster(t, uint64(s), []int{3, 3, 5, 4}[s%4])
			c.settle()
			for range 5 {
				c.stall()
				for range 500 {
					if c.step(); c.rnd.IntN(20) == 0 {
						c.nodes[c.rnd.IntN(len(c.nodes))].propose()
					}
				}
			}
			c.settle()
		})
	}
}

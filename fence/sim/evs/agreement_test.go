package evs

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

var (
	seeds = flag.Int("seeds", 60, "how many seeds of the agreement are run")
	seed  = flag.Int("seed", -1, "run this seed alone")
)

// harm does something to a cluster.
func (c *cluster) harm(kinds []int) {
	d := c.nodes[c.rnd.IntN(len(c.nodes))]
	switch kinds[c.rnd.IntN(len(kinds))] {
	case 0: // sides
		n := 1 + c.rnd.IntN(3)
		for i := range c.part {
			c.part[i] = c.rnd.IntN(n)
		}
		c.form()
	case 1: // one alone, and back before anybody has done anything
		c.part[d.i] = len(c.part) - 1
		c.form()
		if c.rnd.IntN(2) == 0 {
			c.part[d.i] = c.part[(d.i+1)%len(c.part)]
			c.form()
		}
	case 2:
		clear(c.part)
		c.form()
	case 3:
		d.crash()
		if c.rnd.IntN(2) == 0 {
			d.start()
		}
	case 4:
		if d.m == nil {
			d.start()
		}
	case 5: // its corosync ends, and may be back before anybody noticed
		d.corosync(c.rnd.IntN(3) == 0)
		if c.rnd.IntN(2) == 0 {
			c.form()
		}
		if c.rnd.IntN(2) == 0 {
			c.net.Up(d.i)
			c.form()
		}
	case 6:
		c.net.Up(d.i)
		c.form()
	case 7: // frozen: the others may go on without it, and it finds that out all at once
		d.frozen = !d.frozen
		if c.rnd.IntN(2) == 0 {
			c.form()
		}
	case 8:
		d.late, d.stuck = c.rnd.IntN(2) == 0, c.rnd.IntN(3) == 0
	case 9:
		if d.m != nil {
			d.m.Compact()
			d.effects()
		}
	case 10:
		if d.m == nil && !slices.ContainsFunc(c.nodes, func(o *daemon) bool { return o.fresh }) {
			d.disk, d.store, d.fresh = agreement.Durable{}, fmt.Sprintf("store-%d-%d", d.id, d.starts), true
		}
	case 11: // a daemon talks while nobody receives it, and its ring breaks
		for range 1 + c.rnd.IntN(4) {
			d.propose()
			c.net.Sequence(d.i)
			c.nodes[c.rnd.IntN(len(c.nodes))].propose()
		}
		for _, o := range c.nodes {
			c.net.Sequence(o.i)
		}
		c.part[d.i] = len(c.part) - 1
		c.form()
		if c.rnd.IntN(2) == 0 {
			clear(c.part)
			c.form()
		}
	case 13: // votequorum's numbers change and change back: a new session in the middle of everything, without a change of the group
		for _, more := range []int{1, 0} {
			if d.m != nil && d.joined {
				d.propose()
				d.m.Votes(1, len(c.nodes)/2+1+more, c.now)
				d.effects()
				c.net.Sequence(d.i)
			}
		}
	default:
		d.propose()
	}
}

// settle heals everything and demands that all come to one view and one sequence, and every proposal to its outcome.
func (c *cluster) settle() {
	c.t.Helper()
	clear(c.part)
	for _, d := range c.nodes {
		d.frozen, d.late, d.stuck = false, false, false
		c.net.Up(d.i)
		if d.m == nil {
			d.start()
		}
	}
	c.form()
	for i := 0; ; i++ {
		c.step()
		if i%100 == 0 && c.settled() {
			return
		}
		if i > 600_000 {
			for _, d := range c.nodes {
				c.t.Logf("node %d: %+v; lost %q, open %v", d.id, d.m.Status(), d.lost, d.open)
			}
			c.t.Fatal("it does not settle")
		}
	}
}

func (c *cluster) settled() bool {
	for _, d := range c.nodes {
		s := d.m.Status()
		view := c.views[s.ViewAt]
		if d.lost != "" || len(d.open) > 0 || len(view.Members) != len(c.nodes) || s.Committed != c.nodes[0].m.Status().Committed || !s.Open {
			return false
		}
		for i, m := range view.Members {
			if m.Instance != c.nodes[i].self.Instance {
				return false
			}
		}
	}
	return true
}

func (c *cluster) step() {
	c.now += int64(c.rnd.IntN(4))
	c.nodes[c.rnd.IntN(len(c.nodes))].step()
}

// Whatever corosync does, all tell one sequence in which nothing is lost, doubled or changed, nothing is committed that a majority's disks did not
// have (R6, R10, I3), and when the harm ends all agree.
func TestAgreement(t *testing.T) {
	if *seed >= 0 {
		runSeed(t, uint64(*seed))
		return
	}
	var all Forms
	for s := range *seeds {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			f := runSeed(t, uint64(s))
			all.Merges, all.Holes, all.Ghosts = all.Merges+f.Merges, all.Holes+f.Holes, all.Ghosts+f.Ghosts
		})
	}
	if all.Merges == 0 || all.Holes == 0 || all.Ghosts == 0 {
		t.Errorf("%+v: a kind that the model can do never came", all)
	}
}

func runSeed(t *testing.T, s uint64) Forms {
	c := newCluster(t, s, []int{3, 3, 5, 4}[s%4])
	c.settle()
	kinds := []int{11, 12}
	if s%3 == 0 {
		kinds = append(kinds, 13, 13, 12, 12)
	}
	for k := range 11 { // swarm: each seed has its own harm
		if c.rnd.IntN(5) < 3 {
			kinds = append(kinds, k)
		}
	}
	pace := 10 << (s % 7)
	for i := range 9000 {
		c.step()
		if i%pace == 0 {
			c.harm(kinds)
		}
	}
	c.settle()
	return c.net.Forms()
}

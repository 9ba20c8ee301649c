package evs

import (
	"fmt"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// two is what two daemons with corosync's two_node do to each other: who is parted cuts the other's power, when it likes, and vouches for that, when
// it likes.
type two struct {
	from  map[*daemon]fence.Incarnation // whom a daemon is parted from
	proof map[*daemon]fence.Incarnation // whose power it has read as off
	cuts  int
	sole  int // vouched, and it counted
}

func (w *two) parted(d *daemon, e membership.Parted) {
	w.from[d] = e.Member.Incarnation
	if e.Member.Instance == "" {
		delete(w.from, d)
	}
}

// power cuts the power of a node: whatever ran there is over, and so is what it had proven.
func (d *daemon) power() {
	d.crash()
	d.frozen = false
	d.boots++
	d.c.net.Down(d.i)
	d.joined = false
	delete(d.c.two.from, d)
	delete(d.c.two.proof, d)
}

// act is one turn of a parted daemon.
func (w *two) act(c *cluster) {
	d := c.nodes[c.rnd.IntN(2)]
	life, parted := w.from[d]
	if d.m == nil || d.frozen || !parted {
		return
	}
	peer := c.nodes[1-d.i]
	switch c.rnd.IntN(40) {
	case 0, 1:
		if peer.self.Boot == life.Boot && peer.boots == bootOf(life) {
			peer.power()
			w.cuts++
			c.form()
		}
		w.proof[d] = life
	case 2, 3, 4:
		if w.proof[d] == life && d.m.Vouch(life, c.now) {
			w.sole++
		}
		d.effects()
	}
}

func bootOf(life fence.Incarnation) (n int) {
	var id int
	if _, err := fmt.Sscanf(life.Boot, "boot-%d-%d", &id, &n); err != nil {
		panic(err)
	}
	return n
}

// With two_node both sides are quorate. Whatever happens to two daemons and their corosyncs and machines, there is one sequence, nothing of it is
// lost, who vouches goes on alone, and when the harm ends both agree (R6, R15, R23, S1.7).
//
// proves: S1.7
func TestTwoNodesHaveOneSequence(t *testing.T) {
	var cuts, sole int
	run := func(t *testing.T, s uint64) {
		w := &two{from: map[*daemon]fence.Incarnation{}, proof: map[*daemon]fence.Incarnation{}}
		c := makeCluster(t, s, 2, w)
		c.truth.need = 1 // one sequence is demanded; where one disk is enough is what is tried
		c.settle()
		kinds := []int{0, 0, 11, 12}
		for k := range 10 { // not 10, the wiped store: an operator's, and his to answer for where no other has it
			if c.rnd.IntN(5) < 3 {
				kinds = append(kinds, k)
			}
		}
		pace := 30 << (s % 6)
		for i := range 12000 {
			c.step()
			w.act(c)
			if i%pace == 0 {
				c.harm(kinds)
			}
			for _, d := range c.nodes { // a machine whose power was cut comes back, and finds its corosync alone
				if d.m == nil && c.rnd.IntN(800) == 0 {
					c.net.Up(d.i)
					d.start()
					c.form()
				}
			}
		}
		c.settle()
		cuts, sole = cuts+w.cuts, sole+w.sole
	}
	if *seed >= 0 {
		run(t, uint64(*seed))
		return
	}
	for s := range *seeds {
		t.Run(fmt.Sprint(s), func(t *testing.T) { run(t, uint64(s)) })
	}
	if cuts == 0 || sole == 0 {
		t.Errorf("%d cuts of power, %d times one went on alone: nothing was tried", cuts, sole)
	}
	t.Logf("%d cuts of power, %d times one went on alone", cuts, sole)
}

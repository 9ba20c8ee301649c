package member

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// TestClientsUnderAnyFaults lets clients come, go and resume on nodes that die, stop, lag, leave and are disarmed, in any order. Every message is
// checked by told: never a grant while a condition fails, never a release without its lease, each once and in order, nothing after
// you-are-failed. When all is well again, whoever asks is granted.
func TestClientsUnderAnyFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(3, 4).Draw(rt, "nodes")
		c := newCluster(t, n, true)
		c.fatal = rt.Fatalf
		c.strict, c.noLease, c.frozen = true, map[fence.NodeID]bool{}, map[fence.NodeID]bool{}
		p := &patrons{watch: watch{rt: rt, c: c}}
		c.onRelease, c.onPropose = p.release, p.propose
		for range rapid.IntRange(5, 30).Draw(rt, "steps") {
			id := fence.NodeID(rapid.IntRange(1, n).Draw(rt, "node"))
			if rapid.IntRange(0, 2).Draw(rt, "fault") == 0 {
				p.fault(id, rapid.IntRange(0, 9).Draw(rt, "kind"))
			} else {
				p.act(id, rapid.IntRange(0, 12).Draw(rt, "act"))
			}
			p.pass(int64(rapid.IntRange(1, 40).Draw(rt, "time")) * 100)
			p.holders()
		}
		p.recover()
	})
}

// patrons are the clients of all nodes, with a log that loses words about state and finds them again.
type patrons struct {
	watch
	lost []record
}

func (p *patrons) propose(by fence.NodeID, e Propose) bool {
	if !p.c.lose || e.Entry.Stateful == nil {
		return false
	}
	p.lost = append(p.lost, record{by: p.c.n(by).self(), number: e.Number, data: encode(p.c.t, e.Entry)})
	return true
}

func (p *patrons) act(id fence.NodeID, act int) {
	c, rt := p.c, p.rt
	x := c.n(id)
	if !x.up || c.frozen[id] {
		return
	}
	switch act {
	case 0, 1, 2, 3:
		in := ClientRegistered{Name: "watch", Role: RoleWatch, Critical: act == 3}
		in.After = rapid.SampledFrom([]uint64{0, 1, x.m.Domain().Index / 2, x.m.Domain().Index, 1 << 40}).Draw(rt, "after")
		c.registerWith(id, in)
	case 4:
		c.register(id, "report", RoleReport)
	case 5, 6:
		ids := slices.Sorted(maps.Keys(x.streams))
		if len(ids) > 0 {
			c.gone(id, x.streams[rapid.SampledFrom(ids).Draw(rt, "client")], act == 5)
		}
	case 7:
		c.leave(id, rapid.Bool().Draw(rt, "force"))
	case 8:
		c.idleStateless(!c.policy.IdleStateless)
	case 9:
		c.arm(!x.m.Domain().Armed)
	case 10:
		x.lag = !x.lag
	case 11:
		c.lose = !c.lose
		for _, r := range p.lost {
			if !c.lose && len(c.connected()) > len(c.nodes)/2 {
				c.append(r)
			}
		}
		p.lost = nil
	case 12:
		p.snapshot(x)
	}
}

// snapshot brings a node up to date with the state of the one that knows most.
func (p *patrons) snapshot(x *node) {
	c := p.c
	for _, o := range c.nodes {
		if o.up && !o.cut && o.applied > x.applied && !x.cut {
			s, err := domain.Restore(snapshotOf(c, o.id))
			if err != nil {
				p.rt.Fatal(err)
			}
			for i := x.applied; i < o.applied; i++ {
				x.appliedAt[uint64(i+1)] = c.now
			}
			x.applied = o.applied
			c.give(x, SnapshotInstalled{State: s})
		}
	}
}

// holders: as long as a client holds a grant, the log and the record say that this life is stateful (R12, R26).
func (p *patrons) holders() {
	for _, x := range p.c.nodes {
		if !x.up || len(x.m.holders()) == 0 {
			continue
		}
		n := x.m.Domain().Node(x.id)
		if !n.Stateful || n.Phase != domain.PhaseMember || n.Life != x.self().Incarnation || x.disk.State != SessionStateful || x.disk.Boot != x.self().Boot {
			p.rt.Fatalf("%d: node %d: %v hold a grant: %+v, record %+v", p.c.now, x.id, x.m.holders(), n, x.disk)
		}
	}
}

// recover repairs everything and demands that whoever asks is granted.
func (p *patrons) recover() {
	c := p.c
	c.lose = false
	for _, x := range c.nodes {
		x.lag = false
	}
	c.arm(true)
	p.heal()
	last := make([]*stream, len(c.nodes))
	for range 120 {
		granted := true
		for i, x := range c.nodes {
			if s := last[i]; x.up && (s == nil || x.streams[s.in.ID] != s) {
				last[i] = c.register(x.id, fmt.Sprint("last ", x.id), RoleWatch)
			}
			granted = granted && last[i] != nil && last[i].granted
		}
		if granted {
			return
		}
		p.pass(10_000)
		p.restart()
	}
	for _, s := range last {
		p.rt.Logf("%+v", s)
	}
	p.rt.Fatalf("%d: not granted though all is well", c.now)
}

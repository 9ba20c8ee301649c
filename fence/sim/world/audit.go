package world

import (
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
)

// What all members must agree on (I3).

// applied is I3: every member sees the same transitions at the same index.
func (c *checker) applied(p *proc, t member.Transition) {
	i := int(t.Index) - 1
	if i >= len(c.digests) {
		c.fail("R6", "%s applies index %d, which is not committed", p, t.Index)
		return
	}
	if d := digest(t.Events); d != c.digests[i] {
		c.fail("I3", "%s sees other transitions at index %d", p, t.Index)
	}
	in, ok := p.m.Domain().InView(p.n.id)
	if !ok || in != p.run.Origin {
		return
	}
	for _, e := range t.Events {
		if e.Kind == domain.EventRelease {
			p.owed = append(p.owed, e.Life)
		}
	}
}

// restored compares a snapshot with what was committed.
func (c *checker) restored(p *proc, s *domain.State) {
	if int(s.Index) > len(c.digests) {
		c.fail("R6", "%s restores index %d, which is not committed", p, s.Index)
	}
}

// audit compares whole states: members at the same index are equal (I3), what each has counted beforehand is what its state says (0110), and no domain
// admits what is over (V11). A state changes only with
// its index, so one that was compared at its index is not encoded again. Rosters, which are most of a state and change only by an entry of their
// own, are compared as a whole at the end; in between by what every member computed of them when it applied them.
func (c *checker) audit(whole bool) {
	if whole {
		clear(c.hashes)
		c.auditedAt = 0
	}
	if c.auditedAt != c.dom.Index {
		c.auditedAt = c.dom.Index
		c.hashes[c.auditedAt] = hashOf(c.dom, whole)
	}
	for _, n := range c.w.nodes {
		if n.p == nil {
			continue
		}
		d := n.p.m.Domain()
		if d.Index == n.p.audited && !whole {
			continue
		}
		n.p.audited = d.Index
		if err := d.CheckIndex(); err != nil {
			c.fail("I3", "%s counts otherwise than its state says at index %d: %v", n.name, d.Index, err)
		}
		hash := hashOf(d, whole)
		switch known, ok := c.hashes[d.Index]; {
		case !ok:
			c.hashes[d.Index] = hash
		case known != hash:
			c.fail("I3", "%s has another state than the others at index %d", n.name, d.Index)
		}
	}
	for i := range c.dom.Nodes {
		if n := &c.dom.Nodes[i]; c.dom.Clean(n.ID) && c.dom.IsOver(n.Life) {
			c.fail("V11", "%s is clean and over", n.Life)
		}
	}
}

func hashOf(d *domain.State, whole bool) string {
	s := *d
	if !whole {
		s.Roster = fence.Roster{Version: d.Roster.Version}
	}
	return s.Hash()
}

package world

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// expel tells the provider that a victim's engine is to leave; over the embedded log there is none.
func (p *proc) expel(life fence.Incarnation) {
	if p.co == nil || p.emb.Out {
		return
	}
	p.co.m.Expel(life, p.n.local())
	p.co.effects()
}

// expel is cfg kill: a word in the ring that ends the corosync which gets it, and is lost with the ring. Somebody starts it again, sooner or later.
func (r *rings) expel(by *proc, n *node) {
	w := r.w
	w.say("%s asks the corosync of %s to end", by, n.name)
	w.check.expels(by, n)
	ring, epoch := r.net.RingOf(n.i), n.mach.epoch
	if ring != r.net.RingOf(by.n.i) {
		return
	}
	w.after(span(w.delays, ms, 20*ms), func() {
		if n.mach.epoch != epoch || r.still(n) || r.net.RingOf(n.i) != ring || !slices.Contains(r.net.Peers(n.i), by.n.i) {
			return
		}
		r.down(n, false)
		w.after(span(w.delays, second, 20*second), func() {
			if n.mach.epoch == epoch {
				r.up(n)
			}
		})
	})
}

// expels judges who is told to go: a victim, by its claim's actor, where the members that are nobody's victims are a quorum without it (S2.6).
func (c *checker) expels(by *proc, n *node) {
	s := by.m.Domain()
	d := s.Node(n.id)
	switch {
	case c.w.two:
		c.fail("R23", "%s ends the corosync of the other of two", by)
	case d == nil || d.Victim == nil || d.Victim.Claim == nil || d.Victim.Claim.Actor.Node != by.n.id:
		c.fail("R7", "%s ends the corosync of %s without a claim on it", by, n.name)
	case s.Rest(n.id) < s.Quorum():
		c.fail("R21", "%s ends the corosync of %s, which gives quorum", by, n.name)
	}
}

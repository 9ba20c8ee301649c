package world

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
)

// What is judged of watchdogs, by what the machines have and not by what is said of them.

// feeds is V14: nothing is fed but behind a lease that a majority gave this very run, or where it needs nobody else's votes (R14).
func (c *checker) feeds(p *proc, e member.Feed) {
	if c.w.two { // it proves nothing there, and is fed by the loop (R14, R15)
		p.leasedMS = p.n.local()
	}
	if c.nobodyElse(p) {
		p.leasedMS = p.n.local()
	}
	if most := p.leasedMS + c.w.roster.Timing.LeaseMS; p.leasedMS == 0 || e.UntilMS > most {
		c.fail("V14", "%s feeds its watchdog until %d of its clock, its lease is over at %d", p, e.UntilMS, most)
	}
}

// nobodyElse reports whether a node's own votes are a quorum and no other machine uses what is shared in a life without a verdict (R14).
func (c *checker) nobodyElse(p *proc) bool {
	if c.w.rings == nil {
		return false
	}
	if own, need := c.w.rings.votes(p.n.i); own < need {
		return false
	}
	return !slices.ContainsFunc(c.w.nodes, func(o *node) bool {
		return o != p.n && o.mach.running && !c.lives[o.mach.boot].over && (o.app.granted || o.mach.residue)
	})
}

// unfeeds is V14 and R14: nothing is closed that protects something, nor what the log counts on.
func (c *checker) unfeeds(p *proc) {
	n, known := c.dom.Node(p.n.id), p.m.Domain()
	m := &p.n.mach
	switch {
	case known.Armed && (m.residue || p.n.app.granted):
		c.fail("V14", "%s closes its watchdog and has state in its kernel", p)
	case n.Life.Boot == m.boot && n.Watchdog.Open:
		c.fail("R14", "%s closes its watchdog, and the log counts on it", p)
	case n.Victim != nil && n.Victim.Boot == m.boot && n.Victim.Watchdog.Open:
		c.fail("R14", "%s closes its watchdog, and the log counts on it for a victim", p)
	}
}

// guarded is L6: who must have a watchdog has it open before anything is granted, so that it goes down by itself when it is cut off.
func (c *checker) guarded(p *proc) {
	d := &p.n.mach.dog
	if d.mode == member.WatchdogRequired && d.phase == dogClosed && p.m.Domain().Armed && p.m.Domain().Feature >= domain.FeatureWatchdog {
		c.fail("L6", "%s is granted without its watchdog, which is required", p)
	}
}

// elapsed is V10 and R15 at a verdict that a watchdog gave: what the machine really has was waited for, and nothing can have stopped it. That the
// life is over is V1's.
func (c *checker) elapsed(n *node, life fence.Incarnation, e fence.Evidence) {
	d := &n.mach.dog
	switch {
	case c.w.two:
		c.fail("R15", "%s is over because its watchdog elapsed, and its own side is quorate too: its loop feeds it", life)
	case n.mach.virtual:
		c.fail("R15", "%s is over because its watchdog elapsed, and it is a guest", life)
	case d.mode == "" || d.kind == "softdog":
		c.fail("R15", "%s is over because its watchdog elapsed, it has %q", life, d.kind)
	case e.WaitedMS < c.w.roster.Timing.LeaseMS+d.hwMS:
		c.fail("V10", "%s is over because its watchdog elapsed, %d ms were waited: its lease and its hardware take %d", life, e.WaitedMS, c.w.roster.Timing.LeaseMS+d.hwMS)
	}
	c.elapsedCount++
}

package world

import (
	"math/rand/v2"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
)

// Planned restarts (R26): the process ends, the next one of the same boot finds the session record and the kernel as they are.

// again is a planned restart's end of the daemon: the next one takes its place in a moment, or an upgrade takes its time.
func (n *node) again() {
	n.down = true // the unit does not start it: the process goes on
	n.kill("it restarts")
	n.down = false
	n.startLater(span(n.w.chance, 20*ms, second))
}

// strikeRestart restarts the daemon of a node whose program has ended; what it had in the kernel may stay there, as what is mounted does.
func (w *World) strikeRestart(r *rand.Rand, n *node) bool {
	p := n.p
	if p == nil || p.stopped || n.app.deaf || p.m.Domain().Feature < domain.FeatureRestart {
		return false
	}
	stays := n.mach.residue && r.IntN(3) > 0
	n.app.stop(true)
	n.mach.residue = stays
	w.restart(n)
	switch r.IntN(8) {
	case 0: // something is mounted, or not any more, while nobody looks
		w.after(span(r, 0, 10*second), func() { n.mach.residue = n.mach.alive() && n.app.idle && !n.mach.residue && stays })
	case 1:
		w.after(span(r, 0, 3*second), func() { n.kill("it crashes beside its restart") })
	}
	w.after(span(r, second, 60*second), n.app.resume)
	return true
}

// restart asks a daemon to restart. It reports whether there is one.
func (w *World) restart(n *node) bool {
	p := n.p
	if p == nil {
		return false
	}
	w.say("%s is asked to restart", n.name)
	p.asked++
	p.asks[p.asked] = "restart"
	p.post(member.RestartRequested{Reply: p.asked, Reason: "scenario", UntilMS: n.local() + 10_000})
	return true
}

// resumed judges an admission that continues a life: no program of it was granted anything when the daemon before it ended, because
// to that one the end of its stream was the end of its life here (R26).
func (c *checker) resumed(life fence.Incarnation) {
	n := c.w.nodes[life.Node-1]
	switch {
	case n.mach.boot != life.Boot:
		c.fail("R26", "%s goes on in another boot, %s", life, n.mach.boot)
	case n.cutShort:
		c.fail("R26", "%s goes on, and its program was granted what is shared when the daemon before ended", life)
	}
	c.w.count[faultRestart]++
}

// Restart asks the daemon of a node to restart (R26).
func (s *Script) Restart(i int) bool { return s.w.restart(s.w.nodes[i]) }

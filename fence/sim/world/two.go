package world

import (
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/operation"
)

// Two nodes over a corosync with two_node (R23): what each does to the other while they are parted, and how it is judged.

// sole reports whether one disk may be enough: the daemon of the other node that was in the committed view last does not run any more, is out of service for good, or has lost its connection and with it its instance (R6). What it believes itself is not asked.
func (w *World) sole(nodes uint64) bool {
	if !w.two {
		return false
	}
	for _, n := range w.nodes {
		if in, ok := w.check.dom.InView(n.id); nodes>>n.i&1 == 0 && ok && n.p != nil && !n.p.emb.Out && n.p.co.connected && n.mach.running && n.p.run.Origin == in {
			return false
		}
	}
	return true
}

// writeLocal makes the note of forced power durable.
func (p *proc) writeLocal(e member.WriteLocal) {
	n, boot := p.n, p.n.mach.boot
	fails := p.w.faulty(faultSession)
	p.w.after(n.diskDelay(), func() {
		switch {
		case n.mach.boot != boot || !n.mach.running || p.dead:
		case fails:
			p.w.push(event{at: p.w.now, p: p, f: func() { p.post(member.LocalWritten{Number: e.Number, Err: "EIO"}) }})
		default:
			n.forced = e.Records
			p.w.push(event{at: p.w.now, p: p, f: func() { p.post(member.LocalWritten{Number: e.Number}) }})
		}
	})
}

// found gives a daemon what an earlier one noted.
func (p *proc) found() {
	if len(p.n.forced) > 0 {
		p.post(member.LocalFound{Records: p.n.forced})
	}
}

// vouch tells the provider that a life's power is off; it is judged by the machine.
func (p *proc) vouch(life fence.Incarnation) {
	w := p.w
	w.check.vouches(p, life)
	if p.co != nil && p.co.connected && !p.emb.Out && p.co.m.Vouch(life, p.n.local()) {
		w.say("%s goes on without %s", p.n.name, life)
	}
	if p.co != nil {
		p.co.effects()
	}
}

// vouches is V1 and R23: whoever is said to be over is.
func (c *checker) vouches(p *proc, life fence.Incarnation) {
	if n := c.w.nodes[life.Node-1]; n.mach.running && n.mach.boot == life.Boot {
		c.fail("V1", "%s says that the power of %s is off, and its machine runs it", p, life)
	}
}

// duels judges the begin of a walk without a claim: a person forces it (R31), or only one of two does that, to the other, and who may not claim may not
// do that either (R22, R23).
func (c *checker) duels(p *proc, s operation.Spec) {
	switch {
	case !c.w.two && !p.byHand:
		c.fail("V3", "%s acts on node %d without its claim", p, s.Victim.Node)
	case s.Victim.Node == p.n.id:
		c.fail("V7", "%s fences itself remotely", p)
	case !p.byHand && !p.m.Domain().Eligible(p.n.id):
		c.fail("R22", "%s acts on node %d and may not claim", p, s.Victim.Node)
	}
}

// oneAtATime is R23: while what one of two commanded may take effect, the other commands nothing. A guest that was paused with its clock cannot know.
func (c *checker) oneAtATime(p *proc, k *call) {
	other := c.w.nodes[k.r.spec.Victim.Node-1]
	if c.w.now < other.aims && p.n.mach.skipped == 0 && other.mach.skipped == 0 {
		c.fail("R23", "%s switches %s off while %s may still be switched off by what that commanded", p, other.name, p.n.name)
	}
	p.n.aims = p.n.when(k.deadline) + c.w.plan.effect
}

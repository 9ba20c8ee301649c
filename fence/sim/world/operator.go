package world

import (
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// What people do after the storm, and only people may.

// operator looks at the cluster now and then and does what only a human may: arms it, ends pauses, acknowledges what no device can prove, switches on what
// is held off, and says yes where the brake waits for him (R19, R21).
func (w *World) operator() {
	d := w.check.dom
	if !d.Armed {
		w.askAnybody(func(p *proc) {
			p.ask("arm", domain.Entry{Arm: &domain.Arm{Armed: true, By: "root", Reason: "liveness"}})
		})
	}
	for _, p := range d.Paused {
		w.workDone(p.Node)
	}
	for _, n := range w.nodes {
		dn := d.Node(n.id)
		switch {
		case dn.Victim != nil && w.now-w.check.open[n.id] > minute && n.lost && dn.Victim.Claim == nil:
			w.askAnybody(func(p *proc) { w.acknowledge(p, n, true) })
		case dn.Victim != nil && w.now-w.check.open[n.id] > 3*minute && dn.Victim.Claim == nil && w.waitsOnly(n.i) && !dn.Reborn(): // whose next life spoke only waits for earlier claims (R9)
			w.vouchFor(n)
		case dn.Victim != nil && w.now-w.check.open[n.id] > 30*second && w.held(n.id):
			w.askAnybody(func(p *proc) { p.request(n.id, fence.ActionReboot, true) })
		case dn.OffHeld && dn.PowerOn == nil && dn.Instance == "" && !n.lost: // who runs again all the same is dealt with as it says
			w.askAnybody(func(p *proc) { p.request(n.id, fence.ActionOn, false) })
		case dn.Phase == domain.PhaseUnguarded:
			w.askAnybody(func(p *proc) { p.request(n.id, fence.ActionReboot, true) })
		}
		if p := n.p; !n.lost && p != nil && p.fellAt > 0 && w.now-p.fellAt > 3*minute && w.now-w.plan.calm > 3*minute {
			n.mach.reset("its machine did not end, as it says: reset by an operator")
		}
		if !n.lost && n.p != nil && n.p.emb.Out {
			n.kill("restarted by an operator")
		}
		if !n.lost && n.down && n.p == nil && n.mach.running { // its leave was committed long after it was asked for, when nobody waited for it any more
			w.say("an operator starts the daemon of %s again", n.name)
			n.down = false
			n.startLater(0)
		}
		if !n.lost && !n.mach.running && (dn.PowerOn == nil && dn.Victim == nil || w.nobodyQuorate()) {
			w.check.leftOff(n, dn)
			w.say("an operator switches %s on", n.name)
			w.heal(n)
		}
	}
	if !w.deadlocked() {
		w.stuck = 0
	} else if w.stuck++; w.stuck%4 == 0 {
		w.breakDeadlock()
	}
	w.after(15*second, w.operator)
}

// deadlocked: everybody in a quorate view is a victim or unclean, so nobody is eligible to prove anything. Machines end that by their new boot
// ids; virtual ones do not (R2).
func (w *World) deadlocked() bool {
	d := w.check.dom
	return d.Quorate() && len(d.Eligibles()) == 0 && len(d.Victims()) > 0
}

// breakDeadlock is what a human does then: he takes one victim out.
func (w *World) breakDeadlock() {
	for _, n := range w.nodes {
		if w.check.dom.Node(n.id).Victim == nil || n.lost {
			continue
		}
		w.takeOut(n)
		return
	}
}

// waitsOnly reports whether nothing but its watchdog can prove the end of a node's life: where that does not count a human must.
func (w *World) waitsOnly(i int) bool {
	for _, l := range w.roster.Nodes[i].Levels {
		if len(l.Steps) > 0 && l.Steps[len(l.Steps)-1].Wait == "" {
			return false
		}
	}
	return true
}

// vouchFor ends what only a human can end: one machine at a time is switched off for that, and before anybody is asked it has to be out of the view.
// Where the others are no quorum without it he says of its earlier life alone that it is over, because he sees that there is only the later one (R19).
func (w *World) vouchFor(n *node) {
	switch {
	case w.now-w.vouched < 90*second || w.nobodyQuorate():
	case w.quorateWithout(n):
		w.vouched = w.now
		w.takeOut(n)
	case n.mach.running && n.mach.boot != w.check.dom.Node(n.id).Victim.Boot:
		w.vouched = w.now
		w.vouchEarlier(n)
	}
}

// vouchEarlier names a life that is over of a node that is there with a later one.
func (w *World) vouchEarlier(n *node) {
	boot := w.check.dom.Node(n.id).Victim.Boot
	w.say("an operator vouches for %s, an earlier life of %s", boot, n.name)
	w.askAnybody(func(p *proc) {
		p.ask("ack "+n.name, domain.Entry{Ack: &domain.Ack{Node: n.id, Boot: boot, By: "root", Reason: "only its later life runs"}})
	})
}

// quorateWithout reports whether the others are a quorum: nobody could vouch for anything where a machine that was switched off for it is missed.
// Over corosync one of two nodes may be (lowest-id), so it is tried there.
func (w *World) quorateWithout(n *node) bool {
	if w.rings != nil {
		return true
	}
	votes := 0
	for _, o := range w.nodes {
		if p := o.p; o != n && p != nil && !p.stopped && p.m.Quorate() {
			votes += w.roster.Nodes[o.i].Votes
		}
	}
	return votes >= w.roster.Quorum()
}

// takeOut is how a person ends what no device can prove: the machine is switched off, he vouches for it, and switches it on again.
func (w *World) takeOut(n *node) {
	w.say("an operator takes %s out to vouch for it", n.name)
	boot := w.check.dom.Node(n.id).Victim.Boot
	n.mach.powerOff("switched off by an operator")
	patience := 3 * w.roster.Timing.FailureTimeoutMS * ms
	w.after(patience, func() {
		w.askAnybody(func(p *proc) {
			p.ask("ack "+n.name, domain.Entry{Ack: &domain.Ack{Node: n.id, Boot: boot, By: "root", Reason: "switched off by hand"}})
		})
	})
	if !n.lost {
		w.after(patience+10*second, n.mach.powerUp)
	}
}

package world

import (
	"math/rand/v2"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
)

// What operators do, rightly or not.

// strikeHuman lets an operator do something at one node.
func (w *World) strikeHuman(k faultKind, r *rand.Rand, n *node) bool {
	at := w.nodes[r.IntN(len(w.nodes))].p
	if at == nil || at.stopped || at.n.mach.paused {
		return false
	}
	switch k {
	case faultRequest:
		action := []fence.Action{fence.ActionOff, fence.ActionReboot, fence.ActionReboot, fence.ActionOn}[r.IntN(4)]
		at.request(n.id, action, r.IntN(8) == 0)
		if r.IntN(3) == 0 { // somebody vouches for it in the same breath
			w.after(span(r, 5*ms, 500*ms), func() { w.askAnybody(func(p *proc) { w.vouch(p, n) }) })
		}
		if action == fence.ActionOff {
			w.after(span(r, 20*second, 60*second), func() { w.askAnybody(func(p *proc) { p.request(n.id, fence.ActionOn, false) }) })
		}
	case faultAck:
		return w.acknowledge(at, n, r.IntN(3) > 0)
	case faultClient:
		if n.app.idle || n.app.deaf || !n.mach.alive() {
			return false
		}
		n.app.stop(r.IntN(3) > 0)
		w.after(span(r, second, 40*second), n.app.resume)
	case faultLeave:
		if n.p == nil || n.p.stopped {
			return false
		}
		w.leave(n, span(r, 5*second, 60*second))
	case faultWork:
		return w.work(at, r, n)
	case faultArm:
		back := span(r, 5*second, 40*second)
		a := domain.Arm{By: "root", Reason: "test"}
		if at.m.Domain().Feature >= domain.FeatureDisarm {
			if a.Now = back%5 == 0; back%3 == 0 { // it arms itself again
				a.ForMS = back / ms
			}
		}
		at.ask("disarm", domain.Entry{Arm: &a})
		if a.ForMS > 0 {
			return true
		}
		w.after(back, func() {
			w.askAnybody(func(p *proc) { p.ask("arm", domain.Entry{Arm: &domain.Arm{Armed: true, By: "root", Reason: "test"}}) })
		})
	}
	return true
}

// work pauses a node, or all, for a while: by itself, or until the operator remembers.
func (w *World) work(at *proc, r *rand.Rand, n *node) bool {
	e := domain.PauseEntry{Node: n.id, On: true, By: "root", Reason: "test"}
	if r.IntN(5) == 0 {
		e.Node = 0
	}
	back := span(r, 5*second, 60*second)
	if r.IntN(3) == 0 {
		e.ForMS = back / ms
	}
	if at.m.Domain().Feature < domain.FeaturePause {
		return false
	}
	at.ask("pause", domain.Entry{Pause: &e})
	if e.ForMS == 0 {
		w.after(back, func() { w.workDone(e.Node) })
	}
	return true
}

// workDone ends a pause.
func (w *World) workDone(id fence.NodeID) {
	w.askAnybody(func(p *proc) {
		p.ask("resume", domain.Entry{Pause: &domain.PauseEntry{Node: id, By: "root", Reason: "test"}})
	})
}

// askAnybody asks one of the daemons that are quorate, another one each time.
func (w *World) askAnybody(f func(*proc)) {
	w.asker++
	for i := range w.nodes {
		if p := w.nodes[(w.asker+i)%len(w.nodes)].p; p != nil && !p.stopped && !p.n.mach.paused && p.m.Quorate() {
			f(p)
			return
		}
	}
}

// vouch acknowledges without looking: it must be refused for whoever is in the view (R19).
func (w *World) vouch(p *proc, n *node) {
	if d := p.m.Domain().Node(n.id); d.Victim != nil && d.Instance != "" {
		p.ask("ack "+n.name+" without looking", domain.Entry{Ack: &domain.Ack{Node: n.id, Boot: d.Victim.Boot, By: "root", Reason: "it will be off"}})
	}
}

// acknowledge is an operator's word. A careful one makes sure first, by pulling the plug; a careless one names somebody who is there, and must be refused.
func (w *World) acknowledge(at *proc, n *node, careful bool) bool {
	d := at.m.Domain().Node(n.id)
	if d == nil || (careful && d.Victim == nil) {
		return false
	}
	boot := d.Life.Boot
	if d.Victim != nil {
		boot = d.Victim.Boot
		n.mach.powerOff("plug pulled by an operator")
	}
	at.ask("ack "+n.name, domain.Entry{Ack: &domain.Ack{Node: n.id, Boot: boot, By: "root", Reason: "unplugged"}})
	if d.Victim != nil && !n.lost {
		w.after(30*second, n.mach.powerUp)
	}
	return true
}

// leave asks a node to leave cleanly: its client is stopped before.
func (w *World) leave(n *node, back int64) {
	p := n.p
	w.say("%s is asked to leave", n.name)
	if n.app.deaf {
		return
	}
	n.app.stop(true)
	p.asked++
	p.asks[p.asked] = "leave"
	p.post(member.LeaveRequested{Reply: p.asked, Reason: "test", UntilMS: n.local() + 10_000})
	epoch := n.mach.epoch
	w.after(back, func() {
		n.down = false
		n.app.resume()
		if n.mach.epoch == epoch && n.p == nil {
			n.startLater(0)
		}
	})
}

package world

import (
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
)

// step feeds the member and carries out what it wants, as internal/daemon does. It may be killed between any two effects (V16).
func (p *proc) step(in member.Input) {
	for _, e := range p.m.Step(p.n.local(), in) {
		p.perform(e)
		if p.dead {
			return
		}
		if p.dieIn > 0 {
			if p.dieIn--; p.dieIn == 0 {
				p.n.kill("killed between two effects")
				return
			}
		}
	}
}

func (p *proc) perform(e member.Effect) {
	w := p.w
	if w.watch != nil && w.watch.Effect(p.n.name, e) {
		p.n.down = true // until the script starts it again
		p.n.kill("killed before an effect")
		return
	}
	switch e := e.(type) {
	case member.Propose:
		p.proposal(e)
	case member.Answer:
		p.answered(e)
	case member.Scan:
		p.scan()
	case member.WriteSession:
		p.writeSession(e.Session)
	case member.StartOperation:
		if member.LocalWalk(e.Spec.Claim) {
			w.check.duels(p, e.Spec)
		} else {
			w.check.starts(p, e.Spec)
		}
		p.startWalk(e.Spec)
	case member.WriteLocal:
		p.writeLocal(e)
	case member.Vouch:
		p.vouch(e.Life)
	case member.Expel:
		p.expel(e.Life)
	case member.CancelOperation:
		p.cancelWalk(e.Life, e.Claim, e.Why)
	case member.Probe:
		p.startProbe(e)
	case member.CancelProbe:
		p.cancelProbe(e)
	case member.Feed:
		p.feed(e)
	case member.Unfeed:
		p.unfeed(e)
	case member.Deny:
		p.deny(e.Life)
	case member.SelfFence:
		p.selfFence(e.Why)
	case member.Transition:
		w.check.applied(p, e)
	case member.Notice:
		w.say("%s notice %s %s %s", p.n.name, e.Kind, e.Life, e.Text)
	case member.Release:
		w.check.release(p, e.Life, e.Verdict)
		p.owed = slices.DeleteFunc(p.owed, func(o fence.Incarnation) bool { return o == e.Life })
	case member.Depart:
		if e.Restart {
			p.n.again()
			return
		}
		p.n.down = true
		p.n.kill("it has left")
	case member.Tell, member.Drop:
		p.n.app.told(p, e)
	default:
		w.check.fail("V16", "an effect %T that the model does not know", e)
	}
}

// proposal encodes an entry, by this machine's wall clock, and gives it to the log.
func (p *proc) proposal(e member.Propose) {
	w := p.w
	e.Entry = p.n.asBuilt(e.Entry)
	w.check.proposes(p, e.Entry)
	e.Entry.AtMS = w.now/ms + 1_700_000_000_000 + p.n.wallMS
	data, err := domain.Encode(e.Entry)
	if err != nil {
		w.check.fail("V16", "%s cannot encode its proposal: %v", p.n.name, err)
		return
	}
	w.mixString(string(data))
	if p.w.opt.Trace != nil {
		w.say("%s proposes %d %s", p.n.name, e.Number, data)
	}
	p.propose(e.Number, data)
}

// scan reads the kernel and the session record, some time after it was asked for.
func (p *proc) scan() {
	w := p.w
	d := span(w.chance, 10*ms, 300*ms)
	unsure := w.faulty(faultScan) || p.n.blind
	if unsure && w.chance.IntN(2) == 0 {
		d = 20 * second // the deadline of a scan
	}
	p.after(d, func() {
		n := p.n
		r := member.ResidualScanned{State: n.mach.residue, Unsure: unsure, Resettable: true}
		r.Session = member.Session{State: member.SessionNone, Boot: n.mach.boot, EverArmed: n.armed}
		if n.session.Boot == n.mach.boot {
			r.Session.State, r.Session.Restart = n.session.State, n.session.Restart
		}
		if n.torn {
			r.Session.State = member.SessionUnreadable
		}
		if r.State {
			r.Why, r.Print = "lockspace", "lockspace"
		}
		p.lastScan, p.scannedAt = r, w.now
		p.post(r)
	})
}

// writeSession is durable or not; a daemon that dies meanwhile leaves the old record, the new one, or a torn one.
func (p *proc) writeSession(s member.Session) {
	w, n := p.w, p.n
	boot := n.mach.boot
	fails := w.faulty(faultSession)
	d := n.diskDelay()
	fate := w.chance.IntN(8)
	w.after(d, func() {
		if n.mach.boot != boot || !n.mach.running {
			return
		}
		if p.dead {
			if fate == 0 && w.plan.every[faultSession] > 0 {
				n.torn = true
			} else if fate < 4 {
				n.session = s
			}
			return
		}
		if fails {
			w.push(event{at: w.now, p: p, f: func() { p.post(member.SessionWritten{Err: "EIO"}) }})
			return
		}
		n.session, n.torn = s, false
		n.armed = n.armed || s.EverArmed
		w.push(event{at: w.now, p: p, f: func() { p.post(member.SessionWritten{}) }})
	})
}

// selfFence resets this machine by local means; it may not work.
func (p *proc) selfFence(why string) {
	w, n := p.w, p.n
	w.say("%s ends its own life: %s", n.name, why)
	w.check.selfFence(n)
	if p.fellAt == 0 {
		p.fellAt = w.now
	}
	n.mach.dog.expire(n)
	if w.faulty(faultSelfFence) || n.endless {
		return
	}
	epoch := n.mach.epoch
	w.after(span(w.chance, 10*ms, 2*second), func() {
		if n.mach.epoch == epoch {
			n.mach.reset("self-fence")
		}
	})
}

// ask is an administrator's wish.
func (p *proc) ask(what string, e domain.Entry) {
	p.asked++
	p.asks[p.asked] = what
	p.w.say("%s is asked: %s", p.n.name, what)
	p.post(member.Requested{Reply: p.asked, Entry: e})
}

func (p *proc) answered(a member.Answer) {
	what := p.asks[a.Reply]
	delete(p.asks, a.Reply)
	p.w.say("%s answers %q: err %v unknown %v", p.n.name, what, a.Err, a.Unknown)
	p.w.check.answered(p, what, a)
	if p.w.watch != nil {
		p.w.watch.Answered(p.n.name, what, a)
	}
}

// request makes an operator's request.
func (p *proc) request(id fence.NodeID, action fence.Action, force bool) {
	p.ask(fmt.Sprintf("%s %d force=%v", action, id, force), domain.Entry{Request: &domain.Request{
		ID: fmt.Sprintf("%s-%d", p.run.Instance, p.asked+1), Node: id, Action: action, Cause: fence.CauseOperator, By: "root", Reason: "test", Force: force,
	}})
}

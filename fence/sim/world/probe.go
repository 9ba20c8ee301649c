package world

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/operation"
)

// Probes of devices, as internal/daemon/probe.go makes them. They draw no chance: a seed means the same faults with them as without.

// probe is one that a process has open; nil where there is none.
type probe struct {
	number         uint64
	device, target string
}

// probeLatency is how long a device that answers takes.
const probeLatency = 40 * ms

func (p *proc) startProbe(e member.Probe) {
	w := p.w
	w.check.probes(p, e)
	p.probe = &probe{e.Number, e.Device, e.Target}
	d, m := w.device(e.Device, e.Target)
	mo, at := d.now(), w.now+probeLatency
	in := member.Probed{Number: e.Number}
	switch {
	case d.dead() || p.n.lostManagement() || mo == modeHang:
		in.Class, at = string(operation.ClassTimeout), max(at, p.n.when(e.DeadlineMS))
	case mo == modeUnreachable:
		in.Class = string(operation.ClassUnreachable)
	case mo == modeAuth:
		in.Class = string(operation.ClassAuth)
	}
	w.push(event{at: at, p: p, f: func() {
		if in.Class == "" {
			r := d.read(m, mo)
			in.Class, in.State, in.Identity = string(r.Class), r.State, r.Identity
		}
		p.endProbe(in)
	}})
}

// cancelProbe lets the answer come at once; the session at the device ends with it.
func (p *proc) cancelProbe(e member.CancelProbe) {
	p.endProbe(member.Probed{Number: e.Number, Class: string(operation.ClassTimeout), Text: e.Why})
}

func (p *proc) endProbe(in member.Probed) {
	if p.probe != nil && p.probe.number == in.Number {
		p.probe = nil
		p.post(in)
	}
}

// probes judges a probe when it is made: it repeats no login that this node knows to be refused, and begins beside nothing real (R28).
func (c *checker) probes(p *proc, e member.Probe) {
	c.w.say("%s probes %s[%s]", p.n.name, e.Device, e.Target)
	if p.m.Domain().LoginRefused(e.Device) {
		c.fail("R28", "%s logs in to %s, which refused the login", p, e.Device)
	}
	for _, o := range p.operations {
		if !o.finished || o.pending > 0 {
			c.fail("R28", "%s probes %s while it acts on %s", p, e.Device, o.spec.Victim.Incarnation)
		}
	}
	for _, v := range p.m.Domain().Victims() {
		r, _ := c.w.roster.Node(v.ID)
		own := slices.ContainsFunc(r.Levels, func(l fence.Level) bool {
			return slices.Contains(l.Steps, fence.Step{Device: e.Device, Target: e.Target})
		})
		if own || v.Victim.Claim != nil {
			c.fail("R28", "%s probes %s while it knows of the victim %s and claim %v", p, e.Device, v.Victim.Incarnation, v.Victim.Claim)
		}
	}
}

// beside judges an operation's request: nobody probes that device who has applied what the operation is for (R28).
func (c *checker) beside(p *proc, k *call) {
	for _, n := range c.w.nodes {
		q := n.p
		if q == nil || q.probe == nil || q.probe.device != k.device || q.looping || q.hung || q.stopped {
			continue
		}
		if q == p || knowsOf(q.m.Domain(), k.r.spec.Victim.Incarnation) {
			c.fail("R28", "%s asks %s for claim %d on %s, and %s probes it", p, k.device, k.r.spec.Claim, k.r.spec.Victim.Incarnation, q)
		}
	}
}

func knowsOf(s *domain.State, life fence.Incarnation) bool {
	n := s.Node(life.Node)
	return n != nil && n.Victim != nil && n.Victim.Incarnation == life
}

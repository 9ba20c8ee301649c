package world

import (
	"strconv"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

// mode is how a device misbehaves for a while.
type mode uint8

const (
	modeFine        mode = iota
	modeHang             // no answer, no effect
	modeIgnore           // accepts and does nothing
	modeLate             // accepts, and acts within its longest effect time
	modeAfter            // no answer by the deadline, and acts within its longest effect time after it
	modeActHang          // acts, and its answer is lost
	modeUnreachable      // an error at once
	modeAuth             // refuses the password
	modeLimbo            // reads neither on nor off for a while after a command
	modeCache            // answers from a cache that is younger than its settling time
	modeNoIdentity       // does not say whose machine it is
	modes
)

var modeNames = [modes]string{"fine", "hang", "ignore", "late", "after", "act-hang", "unreachable", "auth", "limbo", "cache", "no-identity"}

// device is a BMC, or a PDU with one outlet of each node.
type device struct {
	w      *World
	node   *node // the BMC's own, nil for a PDU
	behind *node // whose machine the BMC really reaches
	pdu    int   // 1 or 2
	port   int   // 1 or 2: a switch with one port of each node; then pdu is 0
	mode   mode
	until  int64
	limbo  int64
	moved  int64 // when its address began to reach another machine
	// was is the BMC's cache: what it showed before the newest change, and when that changed.
	was     fence.PowerState
	changed int64
}

// device finds what a step of a level means: the device, and the machine that it switches.
func (w *World) device(name, target string) (*device, *node) {
	if name == "fc-1" || name == "fc-2" {
		id, _ := strconv.Atoi(target)
		return w.switches[name[3]-'1'], w.nodes[id-1]
	}
	if name == "pdu-1" || name == "pdu-2" {
		id, _ := strconv.Atoi(target)
		return w.pdus[name[4]-'1'], w.nodes[id-1]
	}
	id, _ := strconv.Atoi(name[len("bmc-"):])
	d := w.nodes[id-1].bmc
	return d, d.behind
}

func (d *device) now() mode {
	if d.w.now >= d.until {
		return modeFine
	}
	return d.mode
}

// onTarget reports whether the ports of a switch are opened only by the machines behind them.
func (w *World) onTarget(port int) bool {
	d, ok := w.roster.Device("fc-" + strconv.Itoa(port))
	return ok && d.OnTarget
}

// dead reports whether the device has no power of its own: a BMC dies with its machine's mains.
func (d *device) dead() bool { return d.node != nil && !d.behind.mach.power() }

// ask answers a call of an engine: done is called in the process of the actor, if that lives.
func (d *device) ask(p *proc, c *call, m *node, done func(operation.CallResult)) {
	w := d.w
	answer := func(at int64, f func() operation.CallResult) {
		w.push(event{at: at, p: p, f: func() { done(f()) }})
	}
	fails := func(at int64, class operation.Class) {
		answer(at, func() operation.CallResult { return operation.CallResult{Class: class, Text: string(class)} })
	}
	deadline := p.n.when(c.deadline)
	lat := span(w.chance, 5*ms, 150*ms)
	mo := d.now()
	if d.dead() || p.n.lostManagement() {
		mo = modeHang
	}
	switch {
	case mo == modeHang || w.now+lat >= deadline:
		fails(deadline+span(w.chance, 0, 20*ms), operation.ClassTimeout)
	case mo == modeUnreachable:
		fails(w.now+lat, operation.ClassUnreachable)
	case d.port > 0 && c.action == fence.ActionOn && w.onTarget(d.port), c.action == fence.ActionOnTarget && (d.port == 0 || !w.onTarget(d.port)):
		fails(w.now+lat, operation.ClassUnsupported)
	case mo == modeAuth:
		fails(w.now+lat, operation.ClassAuth)
	case c.action == "":
		answer(w.now+lat, func() operation.CallResult { return d.read(m, mo) })
	default:
		d.do(p, c, m, mo, lat, deadline, answer, fails)
	}
}

// read is a fresh look at the target, in one session.
func (d *device) read(m *node, mo mode) operation.CallResult {
	r := operation.CallResult{Class: operation.ClassOK, State: d.state(m)}
	if d.node != nil {
		if mo == modeCache && d.was != "" && d.w.now-d.changed < d.w.plan.cache {
			r.State = d.was
		}
		if mo == modeLimbo && d.w.now < d.limbo {
			r.State = fence.PowerUnknown
		}
		if mo != modeNoIdentity {
			r.Identity = fence.Identity{UUIDs: []string{m.mach.uuid}}
		}
		if d.dead() {
			r = operation.CallResult{Class: operation.ClassUnreachable, Text: "no power"}
		}
	}
	return r
}

func (d *device) state(m *node) fence.PowerState {
	on := m.mach.chassis
	if d.port > 0 {
		on = !m.mach.closed[d.port-1]
	} else if d.node == nil {
		on = m.mach.outlet[d.pdu-1]
	}
	if on {
		return fence.PowerOn
	}
	return fence.PowerOff
}

// do is a command: it is accepted, and takes effect by the device's own time. Once it is sent, the actor's death does not stop it.
func (d *device) do(p *proc, c *call, m *node, mo mode, lat, deadline int64, answer func(int64, func() operation.CallResult), fails func(int64, operation.Class)) {
	w := d.w
	longest := w.plan.effect
	effect := w.now + lat
	ok := func() operation.CallResult { return operation.CallResult{Class: operation.ClassOK} }
	switch mo {
	case modeIgnore:
		answer(w.now+lat, ok)
		return
	case modeLate:
		answer(w.now+lat, ok)
		effect += span(w.chance, 0, longest)
	case modeAfter:
		fails(deadline+span(w.chance, 0, 20*ms), operation.ClassTimeout)
		effect = deadline + span(w.chance, 0, longest)
	case modeActHang:
		fails(deadline+span(w.chance, 0, 20*ms), operation.ClassTimeout)
	default:
		answer(w.now+lat, ok)
		effect += span(w.chance, 0, 400*ms)
	}
	spec := c.r.spec
	action, target := c.action, c.target
	w.at(effect, func() { d.effect(p, spec, action, target, m) })
}

// effect switches.
func (d *device) effect(p *proc, spec operation.Spec, action fence.Action, target string, m *node) {
	w := d.w
	if d.dead() {
		return
	}
	w.check.effect(p, d, spec, action, m)
	if action == fence.ActionOnTarget {
		action = fence.ActionOn
	}
	w.say("%s%s: %s of %s takes effect (claim %d of %s)", d, target, action, m.name, spec.Claim, p)
	if w.watch != nil && (d.state(m) == fence.PowerOn) != (action == fence.ActionOn) {
		w.watch.Switched(d.String(), m.name, action, spec.Claim)
	}
	if d.port > 0 {
		m.mach.closed[d.port-1] = action == fence.ActionOff
		return
	}
	if d.node == nil {
		cut := action == fence.ActionOff && w.check.cuts(spec, m) && (m.mach.outlet[d.pdu-1] || m.mach.cut.outlet[d.pdu-1])
		m.mach.setOutlet(d.pdu-1, action == fence.ActionOn, "pdu")
		m.mach.cut.outlet[d.pdu-1], m.mach.cut.victim = cut, spec.Victim.Boot
		if action == fence.ActionOff {
			w.restoreOutlet(d, m)
		}
		return
	}
	d.was, d.changed = d.state(m), w.now
	d.limbo = w.now + span(w.chance, 0, 5*second)
	if action == fence.ActionOn {
		m.mach.powerUp()
		return
	}
	cut := w.check.cuts(spec, m) && (m.mach.chassis || m.mach.cut.chassis)
	m.mach.powerOff("bmc")
	m.mach.cut.chassis = cut
	w.restorePower(m)
}

func (d *device) String() string {
	if d.port > 0 {
		return "fc-" + strconv.Itoa(d.port) + "/"
	}
	if d.node == nil {
		return "pdu-" + strconv.Itoa(d.pdu) + "/"
	}
	return "bmc-" + strconv.Itoa(d.node.i+1)
}

// restorePower: somebody's policy switches a machine on again that was switched off.
func (w *World) restorePower(m *node) {
	if !w.faulty(faultRestore) {
		return
	}
	w.after(span(w.chance, 200*ms, 20*second), func() {
		if !m.lost && m.mach.power() && !m.mach.chassis {
			w.say("%s is switched on by a policy", m.name)
			m.mach.powerUp()
		}
	})
}

// restoreOutlet: a PDU switches an outlet on again by itself (R17).
func (w *World) restoreOutlet(d *device, m *node) {
	if !w.faulty(faultOutlet) {
		return
	}
	w.after(span(w.chance, 200*ms, 10*second), func() {
		if !m.lost {
			w.say("%s restores the outlet of %s", d, m.name)
			m.mach.setOutlet(d.pdu-1, true, "restored")
		}
	})
}

// lostManagement reports whether this node's management network is gone.
func (n *node) lostManagement() bool { return n.w.now < n.mgmtUntil }

package world

import (
	"math"
	"math/rand/v2"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
)

// beginFaults lets each kind that exists come at its own instants, from its own generator: switching one off leaves the others as they were.
func (w *World) beginFaults() {
	for k := range timed {
		if w.plan.every[k] > 0 {
			w.nextFault(k)
		}
	}
}

func (w *World) nextFault(k faultKind) {
	r := w.plan.rng[k]
	d := int64(r.ExpFloat64() * float64(w.plan.every[k]))
	w.after(min(d, 24*60*minute), func() {
		if w.live {
			return
		}
		if w.strike(k, r) {
			w.count[k]++
		}
		w.nextFault(k)
	})
}

// length draws how long a fault lasts: mostly short, now and then very long.
func length(r *rand.Rand) int64 {
	return int64(float64(second) * math.Exp(r.Float64()*5.5-1)) // 0.4 s to 90 s
}

// strike lets one fault happen. It reports whether it could.
func (w *World) strike(k faultKind, r *rand.Rand) bool {
	n := w.nodes[r.IntN(len(w.nodes))]
	d := length(r)
	switch k {
	case faultCut, faultOneWay, faultBridge, faultLoss, faultSlow, faultManagement:
		return w.strikeNetwork(k, r, n, d)
	case faultKill, faultStop, faultHang, faultLag, faultElection, faultCompact:
		return w.strikeProcess(k, r, n, d)
	case faultPause, faultCrash, faultPanic, faultMains, faultRack, faultButton:
		return w.strikeMachine(k, r, n, d)
	case faultDisk, faultWipe, faultRollback:
		return w.strikeDisk(k, r, n, d)
	case faultDevice, faultPDU, faultSwap:
		return w.strikeDevice(k, r, n, d)
	case faultRequest, faultAck, faultLeave, faultArm, faultClient:
		return w.strikeHuman(k, r, n)
	}
	return false
}

// sever cuts links for a while.
func (w *World) sever(pairs [][2]int, d int64) {
	for _, p := range pairs {
		w.cut[p[0]][p[1]]++
	}
	w.after(d, func() {
		if w.live {
			return // healed, or cut for ever
		}
		for _, p := range pairs {
			w.cut[p[0]][p[1]]--
		}
	})
}

func (w *World) strikeNetwork(k faultKind, r *rand.Rand, n *node, d int64) bool {
	o := w.nodes[r.IntN(len(w.nodes))]
	var pairs [][2]int
	switch k {
	case faultCut:
		side := make([]bool, len(w.nodes))
		if r.IntN(2) == 0 {
			side[n.i] = true
		} else {
			for i := range side {
				side[i] = r.IntN(2) == 0
			}
		}
		for i := range side {
			for j := range side {
				if side[i] != side[j] {
					pairs = append(pairs, [2]int{i, j})
				}
			}
		}
		w.say("fault: cut %v for %d ms", side, d/ms)
	case faultOneWay:
		pairs = [][2]int{{n.i, o.i}}
		w.say("fault: %s does not reach %s for %d ms", n.name, o.name, d/ms)
	case faultBridge:
		pairs = [][2]int{{n.i, o.i}, {o.i, n.i}}
		w.say("fault: %s and %s do not reach each other for %d ms", n.name, o.name, d/ms)
	case faultLoss:
		w.loss = 0.05 + 0.4*r.Float64()
		w.after(d, func() { w.loss = 0 })
	case faultSlow:
		w.slow = span(r, 10*ms, 2*second)
		w.after(d, func() { w.slow = 0 })
	case faultManagement:
		n.mgmtUntil = w.now + d
	}
	w.sever(pairs, d)
	return k != faultOneWay && k != faultBridge || n != o
}

func (w *World) strikeProcess(k faultKind, r *rand.Rand, n *node, d int64) bool {
	p := n.p
	if p == nil || !n.mach.alive() || p.stopped {
		return false
	}
	w.say("fault: %s of %s for %d ms", k, n.name, d/ms)
	switch k {
	case faultKill:
		if r.IntN(2) == 0 {
			n.kill("SIGKILL")
		} else {
			p.dieIn = 1 + r.IntN(12)
		}
	case faultStop:
		p.stop(d)
	case faultHang:
		if p.hung {
			return false
		}
		p.hang(d)
	case faultLag:
		n.lagUntil = w.now + min(d, w.plan.writeDeadline) // longer only with a disk that does not answer, which ends it (R20)
	case faultElection:
		w.push(event{at: w.now, p: p, f: func() { p.campaign(true) }})
	case faultCompact:
		if p.raft.leads && p.fsm.index > p.st.base {
			p.compact()
			return true
		}
		return false
	}
	return true
}

func (w *World) strikeMachine(k faultKind, r *rand.Rand, n *node, d int64) bool {
	m := &n.mach
	w.say("fault: %s of %s for %d ms", k, n.name, d/ms)
	switch k {
	case faultPause:
		if !m.alive() {
			return false
		}
		m.pause(d, r.IntN(2) == 0)
	case faultCrash:
		if !m.running {
			return false
		}
		m.reset("crash")
	case faultPanic:
		if !m.alive() {
			return false
		}
		m.hung = true
		n.kill("panic")
	case faultMains:
		m.setMains(false)
		w.after(d, func() {
			if !n.lost {
				m.setMains(true)
			}
		})
	case faultRack:
		for _, o := range w.nodes {
			if r.IntN(2) == 0 {
				o.mach.setMains(false)
				w.after(d, func() {
					if !o.lost {
						o.mach.setMains(true)
					}
				})
			}
		}
	case faultButton:
		if m.chassis {
			m.powerOff("button")
		} else {
			m.powerUp()
		}
	}
	return true
}

func (w *World) strikeDisk(k faultKind, r *rand.Rand, n *node, d int64) bool {
	w.say("fault: %s of %s for %d ms", k, n.name, d/ms)
	switch k {
	case faultDisk:
		w.stall(n, d)
	case faultWipe:
		if !w.spare(n) {
			return false
		}
		w.wipe(n)
	case faultRollback:
		if n.old == nil || n.old.id != n.st.id || !w.spare(n) || !w.known(n) {
			c := *n.st
			c.floor, c.copied = append([]floor(nil), n.st.floor...), true
			n.old = &c
			return false
		}
		old := n.old
		n.kill("restored from a copy")
		n.st, n.old = old, nil
		w.after(span(r, 20*second, 60*second), func() { // somebody reads the log line and wipes it
			if n.st == old {
				w.wipe(n)
			}
		})
	}
	return true
}

// spare reports whether the cluster can do without this node's store: of what is committed, a quorum of the others has a copy (R4 is for the rest).
func (w *World) spare(n *node) bool {
	c := w.check.fsm.conf
	intact := 0
	for _, o := range w.nodes {
		if p := o.p; p != nil && p.raft.leads && p.conf() != c {
			return false // a change of the voters is under way
		}
		if o != n && c.votes(o.i, o.st.id) && !o.st.copied && o.st.member {
			intact++
		}
	}
	return intact >= c.need()
}

// known reports whether every other voter saw this store go further than its copy does. One that did not cannot refuse the copy, and with it may
// elect a leader that forgot what the others committed: R3 protects as far as the peers have seen.
func (w *World) known(n *node) bool {
	for _, o := range w.nodes {
		f := o.st.floor[n.i]
		if o != n && w.opt.broken == "" && (f.store != n.old.id || f.starts <= n.old.starts && (f.term < n.old.lastTerm() || f.term == n.old.lastTerm() && f.length <= len(n.old.log))) {
			return false
		}
	}
	return true
}

// stall lets a disk answer nothing for a while; beyond its deadline the provider goes out of service (R20).
func (w *World) stall(n *node, d int64) {
	if n.diskUntil > w.now {
		return
	}
	n.diskFrom, n.diskUntil = w.now, w.now+d
	if p := n.p; p != nil && d > w.plan.writeDeadline {
		from := w.now
		p.after(w.plan.writeDeadline, func() {
			if n.diskFrom == from && w.now < n.diskUntil {
				p.fail("the disk does not answer")
			}
		})
	}
}

// wipe gives a node an empty store: it joins as a stranger (R3). At most a minority is ever wiped at once.
func (w *World) wipe(n *node) {
	n.kill("store wiped")
	n.stores++
	id := n.newStore()
	if w.opt.broken == brokenWiped {
		id = n.st.id
	}
	n.st = &store{id: id, floor: make([]floor, len(w.nodes)), member: w.opt.broken == brokenWiped, starts: n.st.starts}
	n.session, n.armed, n.old = member.Session{}, false, nil
}

func (w *World) strikeDevice(k faultKind, r *rand.Rand, n *node, d int64) bool {
	switch k {
	case faultDevice:
		n.bmc.mode, n.bmc.until = mode(1+r.IntN(int(modes)-1)), w.now+2*d
		w.say("fault: %s is %s for %d ms", n.bmc, modeNames[n.bmc.mode], 2*d/ms)
	case faultPDU:
		u := w.pdus[r.IntN(2)]
		u.mode, u.until = []mode{modeHang, modeIgnore, modeLate, modeAfter, modeActHang, modeUnreachable, modeAuth}[r.IntN(7)], w.now+d
		w.say("fault: %s is %s for %d ms", u, modeNames[u.mode], d/ms)
	case faultSwap:
		o := w.nodes[r.IntN(len(w.nodes))]
		swap := func() {
			n.bmc.behind, o.bmc.behind = o.bmc.behind, n.bmc.behind
			n.bmc.moved, o.bmc.moved = w.now, w.now
		}
		swap()
		w.say("fault: the BMCs of %s and %s change places", n.name, o.name)
		w.after(3*d, func() {
			if !w.live {
				swap()
			}
		})
		return n != o
	}
	return true
}

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
	case faultArm:
		at.ask("disarm", domain.Entry{Arm: &domain.Arm{Armed: false, By: "root", Reason: "test"}})
		w.after(span(r, 5*second, 40*second), func() {
			w.askAnybody(func(p *proc) { p.ask("arm", domain.Entry{Arm: &domain.Arm{Armed: true, By: "root", Reason: "test"}}) })
		})
	}
	return true
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

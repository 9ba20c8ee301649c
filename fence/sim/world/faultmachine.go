package world

import (
	"math/rand/v2"
)

// What happens to daemons, to their machines and to the devices that switch them.

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
		w.push(event{at: w.now, p: p, f: func() { p.emb.Campaign(true) }})
	case faultCompact:
		if p.co != nil {
			p.co.m.Compact()
			p.co.effects()
			return true
		}
		if p.emb.Leads() && p.emb.Applied() > p.st.Base {
			p.emb.Compact()
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
		m.pause(d, r.IntN(2) == 0 || !m.virtual) // only a hypervisor stops a machine's clock
	case faultCrash:
		if !m.running {
			return false
		}
		m.reset("crash")
	case faultPanic:
		if !m.alive() {
			return false
		}
		m.hang("panic")
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

package world

import (
	"math/rand/v2"
)

// strikeCorosync is what happens to a corosync or between it and its daemon.
func (w *World) strikeCorosync(k faultKind, r *rand.Rand, n *node, d int64) bool {
	if !w.rings.net.Running(n.i) || !n.mach.alive() {
		return false
	}
	w.say("fault: %s of %s for %d ms", k, n.name, d/ms)
	switch k {
	case faultCorosync:
		w.rings.down(n, r.IntN(4) == 0)
		epoch := n.mach.epoch
		w.after(d/int64(1+r.IntN(20)), func() {
			if n.mach.epoch == epoch {
				w.rings.up(n)
			}
		})
	case faultFreeze:
		n.frozenUntil = w.now + d
		w.thaw(n)
	case faultApart:
		n.apartUntil = w.now + min(d, 10*second)
	case faultChoke:
		n.chokedUntil = w.now + min(d, 10*second)
		w.at(n.chokedUntil, func() { w.rings.token(n.i) })
	}
	return true
}

// thaw lets what waited in a frozen corosync come, when it goes on.
func (w *World) thaw(n *node) {
	w.at(n.frozenUntil, func() {
		if !w.rings.still(n) {
			w.rings.token(n.i)
			w.rings.wake(n.i)
		}
	})
}

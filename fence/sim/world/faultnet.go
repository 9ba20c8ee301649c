package world

import (
	"math/rand/v2"
)

// What tears in a network.

// sever cuts links for a while.
func (w *World) sever(pairs [][2]int, d int64) {
	for _, p := range pairs {
		w.net.Cut[p[0]][p[1]]++
	}
	w.after(d, func() {
		if w.live {
			return // healed, or cut for ever
		}
		for _, p := range pairs {
			w.net.Cut[p[0]][p[1]]--
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
		w.net.Loss = 0.05 + 0.4*r.Float64()
		w.after(d, func() { w.net.Loss = 0 })
	case faultSlow:
		w.net.Slow = span(r, 10*ms, 2*second)
		w.after(d, func() { w.net.Slow = 0 })
	case faultManagement:
		n.mgmtUntil = w.now + d
	}
	w.sever(pairs, d)
	return k != faultOneWay && k != faultBridge || n != o
}

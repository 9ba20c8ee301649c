package world

import (
	"math"
	"math/rand/v2"
)

// beginFaults lets each kind that exists come at its own instants, from its own generator: switching one off leaves the others as they were.
func (w *World) beginFaults() {
	for k := range faultKinds {
		if k.timed() && w.plan.every[k] > 0 {
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
	case faultRequest, faultAck, faultLeave, faultArm, faultClient, faultWork:
		return w.strikeHuman(k, r, n)
	case faultCorosync, faultFreeze, faultApart, faultChoke:
		return w.strikeCorosync(k, r, n, d)
	case faultRestart:
		return w.strikeRestart(r, n)
	case faultWatchdog:
		return w.strikeWatchdog(r, n, d)
	}
	return false
}

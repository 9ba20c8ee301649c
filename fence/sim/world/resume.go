package world

import (
	"math/rand/v2"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

// resumes is an actor that is stopped in the middle of its walk, and goes on when everybody has waited it out (R9). Of what a seed draws by itself
// this comes too seldom to prove anything: a stopped actor is fenced like anybody, and its process is gone when it could go on.
type resumes struct {
	rng   *rand.Rand
	until int64 // when the actor that is stopped goes on: one at a time, so that the others stay quorate
}

// resumable draws nothing that makes it impossible: each machine has its BMC alone, so walks are short and nobody's needs another's device; no watchdog
// ends who is stopped; machines hang now and then, and operators ask.
func (w *World) resumable() {
	w.resume.rng = rand.New(rand.NewPCG(w.opt.Seed, 20))
	every := &w.plan.every
	for _, k := range []faultKind{faultCut, faultOneWay, faultBridge, faultMains, faultRack, faultPause, faultDisk, faultWipe, faultRollback, faultSwap, faultWatchdog} {
		every[k] = 0
	}
	every[faultPanic], every[faultRequest] = minute, minute
	for i := range w.plan.levels {
		w.plan.levels[i] = 0
	}
}

// interrupt stops the actor of a walk that has just begun, for longer than its claim and all that it commanded are waited for. What would switch its
// own machine off is not reached meanwhile.
func (w *World) interrupt(p *proc, s operation.Spec) {
	r := w.resume.rng
	if r == nil || w.live || s.Action == fence.ActionOn || w.now < w.resume.until {
		return
	}
	begins := w.now + span(r, 0, second)
	until := max(p.n.when(s.EndMS), begins) + w.plan.effect + 4*w.roster.Timing.FailureTimeoutMS*ms + span(r, 0, minute)
	if until > w.plan.calm {
		return
	}
	w.resume.until = until
	w.at(begins, func() {
		if w.live || p.silent() {
			return
		}
		w.say("fault: %s is stopped in its walk for %d ms", p, (until-w.now)/ms)
		w.count[faultStop]++
		p.stop(until - w.now)
		p.n.bmc.mode, p.n.bmc.until = modeUnreachable, until+10*second
	})
}

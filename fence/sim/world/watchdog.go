package world

import (
	"math/rand/v2"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/member"
)

// dogPhase is where the holder of a watchdog stands (cmd/fenced-watchdog).
type dogPhase uint8

const (
	dogClosed  dogPhase = iota
	dogOpen             // fed until the end of the lease
	dogExpired          // fed no more, whatever anybody says: this life goes down
)

// dog is the watchdog of a machine and the process that holds it, which outlives every daemon and ends with the life. Feeding is not an event: what
// counts is the last one, which is at most a turn before the holder stopped and a moment after the lease ended.
type dog struct {
	mode     member.WatchdogMode // "" where the daemon uses none
	kind     string              // what its hardware is; softdog does not bite a hung kernel
	hwMS     int64               // after how long without feeding it resets the machine
	blindTil int64               // it cannot be opened before

	phase   dogPhase
	untilMS int64 // of the lease, by the machine's clock
	looking bool  // somebody waits for the end of the lease
	bites   int64 // when it resets the machine unless it is fed, 0 for never
	serial  int   // of the bite that is under way
}

// Times of cmd/fenced-watchdog: how often it feeds at most, and how late a feeding may end that began within the lease.
const (
	dogTurn = second
	dogLate = 200 * ms
)

// drawWatchdogs draws which machines have one, and what the roster says of it. A run without the kind is the run that it always was.
func (w *World) drawWatchdogs() []dog {
	if w.plan.every[faultWatchdog] == 0 {
		return nil
	}
	r := rand.New(rand.NewPCG(w.opt.Seed, 9))
	dogs := make([]dog, w.opt.Nodes)
	mode := member.WatchdogAuto
	if r.IntN(4) == 0 {
		mode = member.WatchdogRequired
	}
	t, p := &w.roster.Timing, &w.roster.Policy
	if r.IntN(3) == 0 { // whose hardware takes longer does not count (V10)
		t.AssumeDeadMS = fence.AssumeDeadAfterMS(fence.Watchdog{LeaseMS: t.LeaseMS, HardwareMS: 12_000})
	}
	if r.IntN(3) == 0 {
		p.MinorityMS = span(r, 5000, 60_000)
	}
	for i := range dogs {
		if mode == member.WatchdogAuto && r.IntN(5) == 0 {
			continue
		}
		dogs[i] = dog{mode: mode, kind: "iTCO_wdt", hwMS: span(r, 2, 20) * 1000}
		if r.IntN(6) == 0 {
			dogs[i].kind = "softdog"
		}
		n := &w.roster.Nodes[i]
		wait := fence.Step{Wait: fence.WaitWatchdog}
		switch how, last := r.IntN(4), len(n.Levels)-1; {
		case how == 0:
			n.Levels = append(n.Levels, fence.Level{Steps: []fence.Step{wait}})
		case how == 1 && w.plan.levels[i]%2 == 0: // both must be so; of two levels with devices each must be able to prove it alone
			n.Levels[last].Steps = append(n.Levels[last].Steps, wait)
		case how == 2:
			n.Levels = []fence.Level{{Steps: []fence.Step{wait}}}
		}
	}
	return dogs
}

// hang stops a machine for ever, switched on.
func (m *machine) hang(why string) {
	m.starve()
	m.hung = true
	m.n.kill(why)
}

// starve: from here on nothing feeds the watchdog. What is emulated stands still with its guest; softdog is the kernel's own.
func (m *machine) starve() {
	d, w := &m.dog, m.n.w
	if d.phase == dogClosed || d.bites != 0 || m.virtual || d.kind == "softdog" {
		return
	}
	m.biteAt(w.now - w.dogSpan(dogTurn) + d.hwMS*ms)
}

// goesOn: the machine does something again; the holder feeds it if the lease still runs.
func (m *machine) goesOn() {
	d := &m.dog
	switch {
	case d.phase == dogOpen && m.n.local() < d.untilMS:
		d.bites = 0
		d.serial++
	case d.phase == dogOpen:
		d.end(m.n, 0)
	case d.phase == dogExpired && m.virtual:
		m.biteAt(max(d.bites, m.pausedAt) + m.n.w.now - m.pausedAt)
	}
}

func (w *World) dogSpan(most int64) int64 { return span(w.plan.rng[faultBitten], 0, most) }

// biteAt lets the hardware reset the machine at an instant, unless it is fed or off before.
func (m *machine) biteAt(at int64) {
	d, w := &m.dog, m.n.w
	d.bites = max(at, w.now)
	d.serial++
	serial, epoch := d.serial, m.epoch
	w.at(d.bites, func() {
		if m.epoch != epoch || d.serial != serial || m.virtual && m.paused {
			return
		}
		if d.kind == "softdog" && m.hung {
			return
		}
		w.count[faultBitten]++
		m.reset("its watchdog")
	})
}

// off: the life is over, and with it the holder.
func (d *dog) off() {
	d.phase, d.untilMS, d.bites, d.looking = dogClosed, 0, 0, false
	d.serial++
}

// expire ends the lease at once: the daemon ends this life, and the watchdog is to make sure of it (R24).
func (d *dog) expire(n *node) {
	if d.phase == dogOpen {
		d.end(n, 0)
	}
}

// end: it is not fed any more. The last feeding was at most a turn before, or late by a moment.
func (d *dog) end(n *node, late int64) {
	w := n.w
	d.phase = dogExpired
	w.say("%s: its watchdog is not fed any more", n.name)
	if d.bites == 0 {
		n.mach.biteAt(w.now + w.dogSpan(dogTurn+late) - dogTurn + d.hwMS*ms)
	}
	if p := n.p; p != nil { // the daemon looks every two seconds
		p.after(w.dogSpan(2*second), func() {
			if p.keeper.open {
				p.heardDog(p.seenDog(""))
			}
		})
	}
}

// look waits for the end of the lease.
func (d *dog) look(n *node) {
	if d.looking {
		return
	}
	d.looking = true
	w, epoch := n.w, n.mach.epoch
	w.at(n.when(d.untilMS), func() {
		if n.mach.epoch != epoch {
			return
		}
		d.looking = false
		switch {
		case d.phase != dogOpen || n.mach.paused || n.mach.hung:
		case n.local() < d.untilMS:
			d.look(n)
		default:
			d.end(n, dogLate)
		}
	})
}

// strikeWatchdog: the holder of a watchdog dies, or the device cannot be opened for a while.
func (w *World) strikeWatchdog(r *rand.Rand, n *node, t int64) bool {
	d := &n.mach.dog
	if d.mode == "" || !n.mach.alive() {
		return false
	}
	if r.IntN(3) > 0 {
		w.say("fault: the watchdog of %s cannot be opened for %d ms", n.name, t/ms)
		d.blindTil = w.now + t
		return true
	}
	if d.phase != dogOpen {
		return false
	}
	w.say("fault: the holder of the watchdog of %s dies", n.name)
	d.end(n, 0)
	return true
}

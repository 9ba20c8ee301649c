package world

import (
	"github.com/fenced-project/fenced/fence/member"
)

// keeper is what the daemon's shell knows of its watchdog (internal/daemon/watchdog.go): it tells the member what is new.
type keeper struct {
	seen   member.WatchdogSeen
	have   bool
	open   bool
	failed int64 // since when nothing could be opened, 0 for not
}

// dogAgain is how soon a device that cannot be used is tried again.
const dogAgain = 10 * second

// leased notes a lease before the member hears of it.
func (p *proc) leased(sentMS int64) {
	p.leasedMS = max(p.leasedMS, sentMS)
	p.pushInput(member.LeaseRenewed{SentMS: sentMS})
}

// feed brings the end of the feeding to the holder, now or in a moment: it is an instant, so a late word is none.
func (p *proc) feed(e member.Feed) {
	p.w.check.feeds(p, e)
	if p.w.dogSpan(16) > 0 {
		p.renew(e)
		return
	}
	p.after(p.w.dogSpan(800*ms), func() { p.renew(e) })
}

func (p *proc) renew(e member.Feed) {
	n, k := p.n, &p.keeper
	d := &n.mach.dog
	if e.Stint != k.seen.Stint {
		if e.Stint < k.seen.Stint {
			return // a newer word was brought before
		}
		*k = keeper{seen: member.WatchdogSeen{Stint: e.Stint}}
	}
	if k.failed != 0 && p.w.now-k.failed < dogAgain {
		return
	}
	k.failed = 0
	now, why := n.local(), ""
	switch {
	case d.phase == dogOpen && now >= d.untilMS:
		d.end(n, 0)
	case d.phase == dogExpired:
	case e.UntilMS <= now:
		why = "late"
	case d.phase == dogOpen:
		d.untilMS = max(d.untilMS, e.UntilMS)
	case p.w.now < d.blindTil && !p.w.live:
		k.failed, why = p.w.now, "it cannot be opened"
	default:
		p.w.say("%s opens its watchdog", n.name)
		d.phase, d.untilMS = dogOpen, e.UntilMS
	}
	if d.phase == dogOpen {
		d.look(n)
	}
	p.heardDog(p.seenDog(why))
}

// unfeed closes the watchdog, unless its lease ended before.
func (p *proc) unfeed(e member.Unfeed) {
	p.w.check.unfeeds(p)
	d := &p.n.mach.dog
	p.keeper = keeper{seen: member.WatchdogSeen{Stint: e.Stint + 1}}
	switch {
	case d.phase == dogClosed:
	case d.phase == dogOpen && p.n.local() < d.untilMS:
		p.w.say("%s closes its watchdog", p.n.name)
		d.phase, d.untilMS = dogClosed, 0
	default:
		if d.phase == dogOpen {
			d.end(p.n, 0)
		}
		in := p.seenDog("")
		p.w.push(event{at: p.w.now + span(p.w.plan.rng[faultBitten], 10, 3*ms), p: p, f: func() { p.post(in) }})
	}
}

// seenDog is what the holder answers.
func (p *proc) seenDog(why string) member.WatchdogSeen {
	d := &p.n.mach.dog
	in := member.WatchdogSeen{Stint: p.keeper.seen.Stint, Why: why}
	switch d.phase {
	case dogExpired:
		in.Over, in.Why = true, "its lease ended"
	case dogOpen:
		in.Open, in.Kind, in.HardwareMS = true, d.kind, d.hwMS
	}
	return in
}

// heardDog tells the member what is new.
func (p *proc) heardDog(in member.WatchdogSeen) {
	k := &p.keeper
	k.open = in.Open
	if k.have && in == k.seen {
		return
	}
	k.seen, k.have = in, true
	p.w.push(event{at: p.w.now + span(p.w.plan.rng[faultBitten], 10, 3*ms), p: p, f: func() { p.post(in) }})
}

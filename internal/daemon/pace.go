package daemon

import (
	"slices"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// tickEvery is the granularity of every delay that member keeps while it has anything to do.
const tickEvery = 50 * time.Millisecond

// idleTick is the longest time between two ticks when nothing is open: events wake the loop as ever, and what then runs is counted in seconds.
const idleTick = 250 * time.Millisecond

// hurryMS is how long ticks stay close together after the member last wanted something.
const hurryMS = 2000

// pace is the loop's ticker: waking up twenty times in a second for nothing was a tenth of what an idle daemon took. The loop alone uses it.
type pace struct {
	ticker *time.Ticker
	every  time.Duration
	until  int64 // no slower before
}

func newPace() *pace { return &pace{ticker: time.NewTicker(tickEvery), every: tickEvery} }

func (p *pace) c() <-chan time.Time { return p.ticker.C }

func (p *pace) stop() { p.ticker.Stop() }

// hurry lets ticks come close together from now on. The time is in milliseconds.
func (p *pace) hurry(now int64) {
	if p == nil {
		return // a test that steps by hand
	}
	p.until = now + hurryMS
	p.set(tickEvery)
}

// rest lets ticks come every so often, unless something happened a moment ago.
func (p *pace) rest(now int64, every time.Duration) {
	if now >= p.until {
		p.set(max(every, tickEvery))
	}
}

func (p *pace) set(every time.Duration) {
	if p.every != every {
		p.every = every
		p.ticker.Reset(every)
	}
}

// rest slows the ticks down where nothing is open. Never slower than pings: half a failure_timeout without a turn is a gap (R20).
func (d *Daemon) rest() {
	dom := d.member.Domain()
	if d.member.Quorate() && !d.member.Leaving() && nothingOpen(dom, d.cfg.Self.Node) {
		d.pace.rest(d.cfg.Now(), min(idleTick, time.Duration(dom.Roster.Timing.PingMS)*time.Millisecond))
	}
}

// nothingOpen reports whether a node is a clean member, and no operation, power-on, announcement or effect of any node waits for anything.
func nothingOpen(dom *domain.State, self fence.NodeID) bool {
	return dom.Clean(self) && !slices.ContainsFunc(dom.Nodes, func(n domain.Node) bool {
		return n.Victim != nil || n.PowerOn != nil || n.Cut != nil && n.Cut.Claim != nil || n.Pending != nil || len(n.Unquiet) > 0
	})
}

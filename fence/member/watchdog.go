package member

import (
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// WatchdogMode says whether this node uses a watchdog: "" for none, WatchdogAuto for one if it is there, WatchdogRequired for not without.
type WatchdogMode string

// The modes.
const (
	WatchdogAuto     WatchdogMode = "auto"
	WatchdogRequired WatchdogMode = "required"
)

// Feed has the watchdog fed until UntilMS, of this node's clock, and opened first where it is closed (R14); answered by a WatchdogSeen. Stint
// numbers the times between two closings: an answer from before one says nothing.
type Feed struct {
	Stint   uint64
	UntilMS int64
}

// Unfeed closes the watchdog: the log says that nothing on this node needs it.
type Unfeed struct{ Stint uint64 }

// WatchdogSeen is what became of a Feed, or a change that nobody asked for.
type WatchdogSeen struct {
	Stint      uint64
	Open       bool
	Kind       string
	HardwareMS int64
	// Over: it is open and will not be fed any more, whatever this node does: its lease ended, or its holder died. This machine goes down.
	Over bool
	// Why says why none is open.
	Why string
}

// watchdog is what this node knows of its own.
type watchdog struct {
	stint   uint64
	seen    WatchdogSeen
	answer  bool   // seen is of this stint
	askedAt int64  // the first Feed of this stint
	untilMS int64  // of the newest Feed
	wanted  bool   // this life was found clean
	said    uint64 // the Node.ClosedAt that the newest word about an open one named
}

// watchdogPatienceMS is how long an announcement waits for a watchdog that may be used, and how far the end of the lease must have moved for
// another word about it.
const (
	watchdogPatienceMS = 5000
	watchdogStepMS     = 200
)

// WatchdogText says why this node has no open watchdog while it ought to, "" where it has or needs none.
func (m *Member) WatchdogText() string {
	if m.cfg.Watchdog == "" || !m.guarding() || m.dog.seen.Open {
		return ""
	}
	if m.dog.seen.Why != "" {
		return m.dog.seen.Why
	}
	return "it is not open yet"
}

// guarding reports whether this life may use what is shared, by the log or in a moment: it is then that a watchdog has something to protect.
func (m *Member) guarding() bool {
	n := m.dom.Node(m.cfg.Self.Node)
	if n == nil || !m.dom.Armed || m.dom.Feature < domain.FeatureWatchdog || n.Life != m.cfg.Self.Incarnation {
		return false
	}
	switch n.Phase {
	case domain.PhaseMember:
		return n.Stateful
	case domain.PhaseLeft:
		return m.leaving == nil || !m.leaving.closed // until the scan after the commit found nothing
	case domain.PhaseAbsent, domain.PhaseGone:
		return false
	}
	return true
}

// released reports whether the log says that nothing on this node needs protection: it was disarmed, this life is stateless, or it has left and
// its record is closed. Nothing else closes a watchdog: not quorum that is lost, not a victim, not the end of this daemon (V14).
func (m *Member) released() bool {
	n := m.dom.Node(m.cfg.Self.Node)
	switch {
	case n == nil || n.Life != m.cfg.Self.Incarnation || m.fell:
		return false
	case !m.dom.Armed:
		return !m.isVictim(n)
	case n.Phase == domain.PhaseMember && n.Victim == nil:
		return !n.Stateful
	case n.Phase == domain.PhaseLeft:
		return m.leaving != nil && m.leaving.closed && m.leaving.regrets == ""
	}
	return false
}

// watch keeps the watchdog as the log wants it: fed behind this node's lease and nothing else (R14), closed once the log lets it be, and when the
// lease of an open one is over this life is, whatever else is so (S1.14, L6).
func (m *Member) watch() {
	d := &m.dog
	if m.lonely(); m.cfg.Watchdog == "" || m.fell {
		return
	}
	if m.released() {
		if d.untilMS > 0 || d.seen.Open {
			m.do(Unfeed{Stint: d.stint})
			*d = watchdog{stint: d.stint + 1, wanted: d.wanted}
		}
		return
	}
	switch {
	case !m.dom.Armed:
		return
	case d.seen.Over:
		m.fall("the watchdog is not fed any more: " + d.seen.Why)
		return
	case d.seen.Open && m.now >= d.untilMS:
		m.fall("the lease of this node ended, and with it the feeding of its watchdog")
		return
	}
	m.feed()
}

// isVictim reports whether this very life is the victim of its node. Whoever was reset opens its watchdog while its earlier life still is: its clean
// word may be all that ends that (R2, V7).
func (m *Member) isVictim(n *domain.Node) bool {
	return n.Victim != nil && n.Victim.Incarnation == m.cfg.Self.Incarnation
}

// feed moves the end of the feeding to the end of this node's lease.
func (m *Member) feed() {
	d, n := &m.dog, m.dom.Node(m.cfg.Self.Node)
	if !m.guarding() || m.isVictim(n) || n.Phase == domain.PhaseDirty || !m.leased() && !m.cfg.SidesQuorate || m.starting(n) {
		return
	}
	until := m.leaseSent + m.feedLease(n)
	if m.cfg.SidesQuorate {
		until = m.now + m.feedLease(n) // it proves nothing to the other (R15), and by the lease both of two nodes would go down at once (R14, R23)
	}
	if until <= m.now || until < d.untilMS+watchdogStepMS {
		return
	}
	if d.askedAt == 0 {
		d.askedAt = max(m.now, 1)
	}
	d.untilMS = until
	m.do(Feed{Stint: d.stint, UntilMS: until})
}

// lonely ends a stateful life that has no open watchdog and has held no lease for the roster's minority_timeout; 0 is never. Its state would
// otherwise stay where nobody can reach it, for as long as the network is cut (S1.14). Of two nodes with two_node it would end both (R23).
func (m *Member) lonely() {
	n := m.dom.Node(m.cfg.Self.Node)
	limit := m.dom.Roster.Policy.MinorityMS
	if n == nil || limit <= 0 || m.cfg.SidesQuorate || m.leased() || m.fell || m.dog.seen.Open || !m.dom.Armed || n.Life != m.cfg.Self.Incarnation || n.Phase != domain.PhaseMember || !n.Stateful {
		m.aloneSince = 0
		return
	}
	if m.aloneSince == 0 {
		m.aloneSince = max(m.now, 1)
	}
	if m.now-m.aloneSince >= limit {
		m.fall(fmt.Sprintf("no majority has answered this node for %d ms (minority_timeout)", limit))
	}
}

// starting reports whether this life has not been found clean yet: nothing is opened for one that may have to stay out.
func (m *Member) starting(n *domain.Node) bool {
	return n.Phase == domain.PhaseJoining && !m.dog.wanted
}

// feedLease is for how long after a ping the watchdog is fed: the roster's lease, but never more than the one that the others know from this
// node's announcement and count with (V10).
func (m *Member) feedLease(n *domain.Node) int64 {
	lease := m.dom.Roster.Timing.LeaseMS
	if n.Watchdog.Open && n.Watchdog.LeaseMS > 0 {
		lease = min(lease, n.Watchdog.LeaseMS)
	}
	return lease
}

// watchdogSeen takes what became of it. An answer of a stint that is over is about a watchdog that was closed since.
func (m *Member) watchdogSeen(in WatchdogSeen) {
	d := &m.dog
	if in.Stint != d.stint {
		return
	}
	in.Why = bound(in.Why)
	d.seen, d.answer = in, true
}

// watchdogReady reports whether a clean announcement may be made: an armed node opens its watchdog before it may use anything, or knows that it
// has none. One that is required is waited for as long as it takes.
func (m *Member) watchdogReady() bool {
	if m.dog.wanted = true; m.cfg.Watchdog == "" || !m.guarding() || m.dog.seen.Open {
		return true
	}
	if m.cfg.Watchdog == WatchdogRequired {
		return false
	}
	return m.dog.answer || (m.dog.askedAt > 0 && m.now-m.dog.askedAt >= watchdogPatienceMS)
}

// announced is what this node says of its watchdog (R15). Until it is answered that it is open, in this stint, it is not.
func (m *Member) announced() fence.Watchdog {
	d := m.dog
	if !d.seen.Open || !m.guarding() {
		return fence.Watchdog{}
	}
	return fence.Watchdog{Kind: d.seen.Kind, Open: true, LeaseMS: m.dom.Roster.Timing.LeaseMS, HardwareMS: d.seen.HardwareMS, SidesQuorate: m.cfg.SidesQuorate || m.doubted}
}

// watchdogNews reports whether the log knows something else of this node's watchdog than is so. What the log did not count is not said again.
func (m *Member) watchdogNews(n *domain.Node) bool {
	w, known := m.announced(), n.Watchdog
	if !w.Open || known.Open {
		return w.Open != known.Open || (w.Open && w != known)
	}
	known.Open = true
	return w != known || m.dog.said != n.ClosedAt
}

func (Feed) effect()        {}
func (Unfeed) effect()      {}
func (WatchdogSeen) input() {}

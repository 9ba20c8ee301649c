package member

import (
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// Two nodes over corosync with two_node (R23, ADR 0083): either is quorate without the other, and nothing is committed by one alone before the
// other is proven over. What proves it is its power, and that is also what lets only one of them live: whoever is parted from the other switches it
// off when it is its turn, as forced power (R31), and its word that the power is off opens the log for the claim and the verdict.

// TwoNode: corosync has two_node, so both sides of a split are quorate (R15). It is so for the rest of this run. RingMS is how long corosync may
// take until both know of a split (its token and consensus). Word: this node goes on alone by a person's word about expected votes, not by a proof (R15).
type TwoNode struct {
	RingMS int64
	Word   bool
}

// SidesQuorate: the other side of a split may be quorate too (auto_tie_breaker and its like, R15), so that the time of a watchdog proves nothing, for the
// rest of this run. Other than with two_node this node's own watchdog follows its lease as ever: the lease needs votes that only one side has.
type SidesQuorate struct{}

// Parted: nothing can be committed without this member; a zero By says that this is over.
type Parted struct{ By domain.Origin }

// Vouch tells the provider that a life's power is off, by reads of this node since which that life was not heard.
type Vouch struct{ Life fence.Incarnation }

func (TwoNode) input()      {}
func (SidesQuorate) input() {}
func (Parted) input()       {}
func (Vouch) effect()       {}

// parting is what this node knows while it is parted.
type parting struct {
	from    domain.Origin // zero while it is not
	last    domain.Origin // whom it was parted from last
	since   int64         // from when the turns against last are counted; it stays where the other was not heard in between, so that both count alike
	slot    int64         // which turn of either of both it is, from 0, and
	begin   int64         // when that began, counted from since
	turn    int64         // the number of the newest turn that it took or let pass, from 1
	vouched int64         // when it vouched last
}

// countFrom counts the turns anew.
func (p *parting) countFrom(at int64) { p.since, p.slot, p.begin, p.turn = at, 0, 0, 0 }

// parted takes the provider's word.
func (m *Member) parted(in Parted) {
	p := &m.parting
	if p.from = in.By; in.By.Instance == "" {
		return
	}
	switch {
	case in.By != p.last:
		p.last = in.By
		p.countFrom(m.now)
	case m.lastHeardNode(in.By.Node) >= p.since: // a power-off of the parting before may still be under way on either side: both wait for it
		p.countFrom(m.now + operation.Gap(&m.dom.Roster, m.skew()))
	}
	p.vouched = 0
}

// twoMS is what this node says of two_node, in the log (ADR 0084).
func (m *Member) twoMS() int64 {
	if m.dom.Feature < domain.FeatureTwo {
		return 0
	}
	return m.two
}

// skew is how much later than the other one of two nodes may begin its turns: they notice at different times that they are parted (the time that
// corosync takes to form a ring), and may begin a turn late. It comes from what both have committed, so that their gaps are the same whatever one of them
// has learned since; where they have not (below FeatureTwo), from this node's own corosync.
func (m *Member) skew() int64 {
	ring := m.dom.TwoMS()
	if ring == 0 {
		ring = max(m.two, m.cfg.RingMS)
	}
	return operation.Skew(ring, m.window())
}

// window is how late a turn may begin.
func (m *Member) window() int64 { return m.dom.Roster.Timing.FailureTimeoutMS }

// driftPart: the clocks of two nodes part by less than one in so many (a clock that is steered by NTP goes wrong by 500 in a million at most).
const driftPart = 500

// turnOf is which turn of this node it is now, from 1; 0 while none may begin. The one with the lower id begins at once, the other a gap later, and
// so on by turns: no power-off of one is under way when the other begins its own, however often they fail (R23). Each turn is later by what the clocks
// may have parted since the first, so that they stay apart for ever (R20). After a contact all of that is a gap later.
func (m *Member) turnOf(peer fence.NodeID) int64 {
	p, gap := &m.parting, operation.Gap(&m.dom.Roster, m.skew())
	at := m.now - p.since - m.dom.Roster.Timing.PostFailDelayMS
	if at < 0 {
		return 0
	}
	for next := p.begin + gap; ; next = p.begin + gap {
		if next += next / driftPart; at < next {
			break
		}
		p.slot, p.begin = p.slot+1, next
	}
	if first := m.cfg.Self.Node < peer; first != (p.slot%2 == 0) || at-p.begin >= m.window() {
		return 0
	}
	return p.slot/2 + 1
}

// aimed reports whether something that the other commanded may still switch this node off: it waits for that, else both could die. Counted by this
// node's own timer since it applied it.
func (m *Member) aimed() bool {
	n := m.dom.Node(m.cfg.Self.Node)
	for _, c := range n.Unquiet {
		if m.now-m.since.begin(claimMark(n.ID, c.Number), m.now) < c.DurationMS+c.EffectMS {
			return true
		}
	}
	return false
}

// duel takes this node's turn against the one from which it is parted, and vouches for what came of it. A node that is not an admitted clean member
// of the view that both committed takes none (R22, R23).
func (m *Member) duel() {
	p := &m.parting
	if p.from.Instance == "" || !m.dom.Armed || m.dom.Disarming() || m.closing() || m.rewiring || m.now < m.gapUntil || !m.dom.Eligible(m.cfg.Self.Node) {
		return
	}
	n := m.dom.Node(p.from.Node)
	if n == nil || !m.mine(n) || n.Foreign != nil { // our devices prove nothing of a life elsewhere (R2)
		return
	}
	if m.vouch(n) {
		return
	}
	turn := m.turnOf(n.ID)
	if turn == 0 || turn <= p.turn || m.aimed() || m.dom.IsPaused(n.ID) {
		return
	}
	p.turn = turn
	m.foldDuels(n.ID)
	m.localRequested(LocalRequested{
		ID: fmt.Sprintf("two-node/%s/%d/%d", m.cfg.Self.Instance, p.since, turn), By: duelist, Reason: "two_node: the other node is gone or cut off, and nothing can be committed without it",
		Node: n.ID, Action: fence.ActionOff, life: p.from.Boot,
	})
}

// mine reports whether whom this node is parted from is the one that the domain knows, or one whose view is not committed yet: it stopped while it
// joined. Then no life of its node is in the view, and it was never let in, so it takes no turn itself.
func (m *Member) mine(n *domain.Node) bool {
	from := m.parting.from
	return n.Life == from.Incarnation && n.Instance == from.Instance || n.Instance == "" && !m.dom.IsOver(from.Incarnation)
}

// maxDuels is how many failed turns are remembered until the domain can be told: they fail for as long as a device is out of reach.
const maxDuels = 8

// foldDuels forgets the oldest turns that failed and of which nothing can take effect any more: the newest ones say the same.
func (m *Member) foldDuels(node fence.NodeID) {
	failed := func(l *LocalPower) bool {
		return l.By == duelist && l.Node == node && !l.Told && m.localQuiet(l) && (l.Off == nil || !l.Off.Proven)
	}
	over := -maxDuels
	for _, l := range m.locals {
		if failed(l) {
			over++
		}
	}
	m.locals = slices.DeleteFunc(m.locals, func(l *LocalPower) bool {
		if over <= 0 || !failed(l) {
			return false
		}
		over--
		return true
	})
}

// restore asks to have switched on again what this node switched off as one of two, where that is nobody's victim: it was idle, or was gone cleanly.
func (m *Member) restore() {
	if m.parting.last.Instance == "" || !m.Quorate() {
		return
	}
	n := m.dom.Node(m.parting.last.Node)
	if n == nil || n.Instance != "" || n.Victim != nil || n.OffHeld || n.Life != m.parting.last.Incarnation {
		return
	}
	for _, l := range m.locals {
		switch {
		case l.By != duelist || l.Node != n.ID || l.Life != n.Life.Boot || l.Off == nil || !l.Off.Proven || !l.Told || l.restored:
		case n.PowerOn != nil && n.PowerOn.Claim != nil: // what is on its way may be from before
		case n.PowerOn != nil:
			l.restored = true
		default:
			m.propose("restore/"+l.ID, domain.Entry{Request: &domain.Request{
				ID: l.ID + "/on", Node: n.ID, Action: fence.ActionOn, Cause: fence.CauseOperator, By: duelist, Reason: "two_node: it was switched off to prove that it is over, and is nobody's victim",
			}})
		}
	}
}

// duelist is in whose name a node switches off the other of two.
const duelist = domain.ByItself

// vouch tells the provider of a proof that stands: that life's devices read off, and it was not heard since the first of these reads began (R16 d). It
// reports whether there is one.
func (m *Member) vouch(n *domain.Node) bool {
	p := &m.parting
	if !m.readOff(n.ID, p.from.Incarnation) {
		return false
	}
	if p.vouched == 0 || m.now-p.vouched >= m.window() {
		p.vouched = max(m.now, 1)
		m.do(Vouch{Life: p.from.Incarnation})
	}
	return true
}

// readOff reports whether this daemon has read a life's power off, by a turn of its own or by a claim that it carried out, and not heard its node since.
func (m *Member) readOff(id fence.NodeID, life fence.Incarnation) bool {
	heard := m.lastHeardNode(id)
	proves := func(r *operation.Result) bool {
		return r != nil && r.Proven && heard < silentFrom(*r)
	}
	if slices.ContainsFunc(m.locals, func(l *LocalPower) bool {
		return l.Node == id && l.Life == life.Boot && l.Boot == m.cfg.Self.Boot && proves(l.Off)
	}) {
		return true
	}
	return slices.ContainsFunc(m.running, func(r *run) bool {
		return r.life == life && r.done && !r.on && !r.drill && r.result.Evidence.Kind == fence.EvidencePowerOff && proves(&r.result)
	})
}

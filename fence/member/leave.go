package member

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// Why a node does not leave cleanly; an Answer wraps one of these, fence.ErrNoQuorum or fence.ErrUnsafe.
var (
	// ErrNotMember: this life is no admitted clean member: it is starting, dirty, or a victim.
	ErrNotMember = errors.New("this node is no clean member")
	// ErrResidue: the scan found something of class state (S2.11).
	ErrResidue = errors.New("state is present")
	// ErrUnsure: a probe could not be read, which is no better (V12).
	ErrUnsure = errors.New("a probe could not be read")
	// ErrHeld: a local client holds a grant, or went without a word where that must not be (R12).
	ErrHeld = errors.New("a client may use shared state")
	// ErrLate: the time given was over before a leave was proposed, or a restart committed.
	ErrLate = errors.New("it was not committed within the time given")
)

// leaving is a leave on its way. Its existence closes the gate: this node claims nothing, begins no walk, calls nobody overdue and releases
// nothing. Until the entry is proposed every refusal takes it back and the node goes on as before. From then on the entry may be committed
// at any time, so there is no way back but its rejection by the domain: a node that opened its gate again could be taken for stateless while
// it is not.
type leaving struct {
	replies []uint64
	why     string
	force   bool
	until   int64
	scanned bool     // the scan in Member.scan was asked for by this leave
	flying  []uint64 // numbers of proposed Leave entries whose fate is not known
	ever    bool     // one was proposed: the way back is closed, see rejected
	left    bool     // committed; kept, because the view may change before the record is closed
	final   bool     // the scan after the commit was asked for
	regrets string   // what that scan found: the leave is taken back by announcing that this life is dirty
	closed  bool     // the session record is closed, durably
	drill   uint64   // the drill for which this node leaves, 0 for none: its daemon stays until that is over
	gone    bool     // Depart was asked for
}

// leaveScanFreshMS is how old the scan may be on which a Leave is proposed.
const leaveScanFreshMS = 2000

// maxLeaveReplies bounds who may wait for one leave.
const maxLeaveReplies = 16

// Leaving reports whether this node is about to leave, or has left.
func (m *Member) Leaving() bool { return m.leaving != nil }

// leaveRequested begins a leave (S2.12), or joins the one that is on its way.
func (m *Member) leaveRequested(in LeaveRequested) {
	if m.fell {
		m.do(Answer{Reply: in.Reply, Err: fmt.Errorf("%w: it ends its own life", ErrNotMember)})
		return
	}
	if m.witness() {
		m.do(Answer{Reply: in.Reply, Err: errWitness})
		return
	}
	if m.cmp.why != "" {
		m.do(Answer{Reply: in.Reply, Err: m.errFrozen()})
		return
	}
	if m.restarting != nil {
		m.restartStays(fmt.Errorf("%w: this node leaves", fence.ErrRefused))
	}
	l := m.leaving
	if l == nil {
		l = &leaving{why: bound(in.Reason), until: in.UntilMS}
		m.leaving = l
	}
	if len(l.replies) >= maxLeaveReplies {
		m.do(Answer{Reply: in.Reply, Err: fmt.Errorf("%w: %d wait for this leave", fence.ErrRefused, len(l.replies))})
		return
	}
	l.replies, l.force, l.until = append(l.replies, in.Reply), l.force || in.Force, max(l.until, in.UntilMS)
}

// leave brings a leave one step further: gate closed, own operations handed over, scanned, committed, scanned again, record closed.
func (m *Member) leave() {
	l := m.leaving
	if l == nil {
		return
	}
	if n := m.dom.Node(m.cfg.Self.Node); l.ever && n != nil && n.Phase == domain.PhaseLeft && n.Life == m.cfg.Self.Incarnation {
		l.left = true
	}
	switch {
	case l.regrets != "":
		m.regret()
	case l.left:
		m.closeSession()
	case l.ever:
		m.leaveAgain()
	default:
		m.prepareLeave()
	}
	if l.ever && m.now >= l.until {
		m.leaveAnswer(Answer{Unknown: true}) // it goes on: what was proposed cannot be unsaid
	}
}

// prepareLeave does what can still be taken back, and proposes.
func (m *Member) prepareLeave() {
	l := m.leaving
	if err := m.mayLeave(); err != nil {
		m.stay(err)
		return
	}
	if m.now >= l.until {
		m.stay(fmt.Errorf("%w: %s", ErrLate, m.leaveWaits()))
		return
	}
	if m.now < m.gapUntil || !m.leaveScan(&l.scanned) {
		return
	}
	if err := residue(m.scan.result); err != nil {
		m.stay(err)
		return
	}
	if m.busy() {
		m.abandon("this node leaves")
		return
	}
	if m.now-m.scan.at > leaveScanFreshMS {
		l.scanned = false // handing over took its time: what was true then may not be true now
		m.leaveScan(&l.scanned)
		return
	}
	m.proposeLeave()
}

func (m *Member) proposeLeave() {
	l := m.leaving
	before := m.number
	m.propose("leave", domain.Entry{Leave: &domain.Leave{Why: l.why, Force: l.force}})
	if m.number != before {
		l.ever, l.flying = true, append(l.flying, m.number)
	}
}

// leaveAgain proposes once more where the fate of the first is unknown, as long as it could be applied.
func (m *Member) leaveAgain() {
	if m.mayLeave() == nil && len(m.leaving.flying) < maxFlying {
		m.proposeLeave()
	}
}

// maxFlying bounds how often a Leave of unknown fate is proposed again.
const maxFlying = 64

// mayLeave says why this node does not leave at this moment (S2.11): only an admitted clean member in a quorate view does, with nobody who
// may hold a grant, and, unless forced, only if those who stay remain quorate.
func (m *Member) mayLeave() error {
	n := m.dom.Node(m.cfg.Self.Node)
	switch {
	case n == nil:
		return fmt.Errorf("%w: no roster names it", ErrNotMember)
	case n.Victim != nil:
		return fmt.Errorf("%w: it is a victim", ErrNotMember)
	case n.Phase != domain.PhaseMember:
		return fmt.Errorf("%w: it is %s", ErrNotMember, n.Phase)
	case !m.Quorate():
		return fence.ErrNoQuorum
	case !m.dom.Clean(n.ID):
		return ErrNotMember
	}
	if names := m.holders(); len(names) > 0 {
		return fmt.Errorf("%w: %s", ErrHeld, bound(strings.Join(names, ", ")))
	}
	if m.tainted != "" {
		return fmt.Errorf("%w: %s", ErrHeld, m.tainted)
	}
	if rest := m.dom.Rest(n.ID); !m.leaving.force && rest < m.dom.Quorum() && !m.dom.ByProof(n.ID) {
		return fmt.Errorf("%w: those who stay would have %d of the %d votes that quorum needs", fence.ErrUnsafe, rest, m.dom.Quorum())
	}
	return nil
}

// busy reports whether this node still holds a claim, or may be given one that it asked for.
func (m *Member) busy() bool {
	for i := range m.dom.Nodes {
		if slices.ContainsFunc(active(&m.dom.Nodes[i]), func(c domain.Claim) bool { return c.Actor == m.cfg.Self }) {
			return true
		}
	}
	return slices.ContainsFunc(m.proposals, func(p proposal) bool { return !p.done && strings.HasPrefix(p.key, claimKey) })
}

// leaveWaits says what a leave waits for.
func (m *Member) leaveWaits() string {
	switch {
	case m.now < m.gapUntil:
		return "this node was stopped and proposes nothing for one lease"
	case m.scan.outstanding:
		return "the residual scan takes long"
	case m.busy():
		return "an operation of this node is not handed over yet"
	}
	return "nothing was proposed"
}

// leaveScan asks for a scan of this leave, once, and reports whether its result is there. One that was asked for before the gate closed says
// nothing: its answer is waited for and not taken.
func (m *Member) leaveScan(asked *bool) bool {
	s := &m.scan
	if s.outstanding && m.now-s.askedAt < scanLostMS {
		return false
	}
	if *asked && s.have {
		return true
	}
	*asked = true
	*s = scan{outstanding: true, askedAt: m.now, stint: s.stint}
	m.do(Scan{})
	return false
}

// residue turns a scan into the refusal that it is, nil for none.
func residue(r ResidualScanned) error {
	switch {
	case r.State:
		return fmt.Errorf("%w: %s", ErrResidue, bound(r.Why))
	case r.Unsure:
		return fmt.Errorf("%w: %s", ErrUnsure, bound(r.Why))
	}
	return nil
}

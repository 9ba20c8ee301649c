package member

import (
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence/domain"
)

// closeSession ends a committed leave: only when a scan after the commit found nothing is the record closed, and only when that is durable
// is anybody told. A daemon that dies before has left an open record: the next one is dirty.
func (m *Member) closeSession() {
	l := m.leaving
	if l.closed {
		m.depart()
		return
	}
	if !m.leaveScan(&l.final) {
		return
	}
	if err := residue(m.scan.result); err != nil {
		l.regrets = fmt.Sprintf("after this node had left: %v", err)
		m.leaveAnswer(Answer{Err: fmt.Errorf("%w (it had left already, and says that it is dirty)", err)})
		m.regret()
		return
	}
	if m.writeSession(SessionClosed) {
		l.closed = true
		m.depart()
	}
}

// depart ends the daemon of a node that has left, but not while it is drilled: then it is listened to.
func (m *Member) depart() {
	m.leaveAnswer(Answer{Index: m.dom.Index})
	if l := m.leaving; !l.gone && !m.parked() {
		l.gone = true
		m.watch() // nothing needs the watchdog any more, and there is no later
		m.do(Depart{})
	}
}

// regret takes a committed leave back by saying that this life is dirty, until the domain has heard it: then it is a victim like any dirty
// life, and doomed ends it by policy. The record stays open.
func (m *Member) regret() {
	n := m.dom.Node(m.cfg.Self.Node)
	if n == nil || !m.present() || (n.Phase != domain.PhaseLeft && n.Phase != domain.PhaseJoining) {
		return
	}
	a := m.announcement(n)
	a.Why = bound(m.leaving.regrets)
	m.propose(fmt.Sprintf("regret/%d", n.Arrived), domain.Entry{Announce: &a})
}

// stay takes a leave back that was not proposed, or that the domain rejected: the gate opens and the node goes on as before.
func (m *Member) stay(err error) {
	m.leaveAnswer(Answer{Err: err})
	if w := m.drill; m.leaving.drill != 0 && w != nil && w.id == m.leaving.drill {
		w.refusal = "it does not leave: " + err.Error()
	}
	m.leaving = nil
}

// leaveCommitted takes the fate of one of our Leave entries. When the domain has rejected all that were proposed, none can come any more.
func (m *Member) leaveCommitted(number uint64, err error) {
	l := m.leaving
	if l == nil {
		return
	}
	l.flying = slices.DeleteFunc(l.flying, func(n uint64) bool { return n == number })
	if err != nil && !l.left && len(l.flying) == 0 {
		m.stay(err)
	}
}

func (m *Member) leaveAnswer(a Answer) {
	for _, reply := range m.leaving.replies {
		a.Reply = reply
		m.do(a)
	}
	m.leaving.replies = nil
}

// fallenLeave tells who waits for the leave of a node that ends its own life, and goes on saying that it is dirty if it had left.
func (m *Member) fallenLeave() {
	if m.leaving == nil {
		return
	}
	m.leaveAnswer(Answer{Err: fmt.Errorf("%w: it ends its own life", ErrNotMember)})
	if m.leaving.regrets != "" {
		m.regret()
	}
}

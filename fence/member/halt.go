package member

import (
	"fmt"

	"github.com/fenced-project/fenced/fence/domain"
)

// halting reports whether this life, which is not clean, halts: it stays out without a vote while its machine runs, by policy, or because as many
// lives in a row as are allowed ended themselves in vain (R24, ADR 0097).
func (m *Member) halting(outcome Outcome) bool {
	if m.dom.Feature < domain.FeatureHalt {
		return false
	}
	switch Respond(outcome, m.scan.result.Resettable, m.dom.Armed, m.dom.Roster.Policy.OnResidual) {
	case ResponseHalt:
		return true
	case ResponseSelfFence:
		return m.cfg.SelfFences >= maxSelfFences
	}
	return false
}

// halt says of a life that was called dirty before that it halts: the level or the policy may be newer than its announcement. A life that is a
// victim gave its word when it announced itself; what is done about it meanwhile needs no other vote.
func (m *Member) halt(n *domain.Node) bool {
	if n.Phase != domain.PhaseDirty || n.Victim != nil || n.Life != m.cfg.Self.Incarnation || !m.scan.have || m.dom.Halts(n.Life) ||
		m.dom.IsOver(n.Life) || m.dom.IsCut(n.Life) || !m.halting(OutcomeDirty) {
		return false
	}
	a := m.announcement(n)
	a.Why, a.Halt = n.Why, true
	m.propose(fmt.Sprintf("halt/%d", n.Arrived), domain.Entry{Announce: &a})
	return true
}

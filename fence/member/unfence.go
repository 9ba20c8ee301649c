package member

import (
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// claimUnfence proposes the claim to open the ways of a node again, when it is this node's turn (R8, R18, V11). It reports whether that comes before
// any power-on: then the machine runs.
func (m *Member) claimUnfence(n *domain.Node) bool {
	c := n.Cut
	if others, _ := m.dom.ToOpen(n); len(others) == 0 && c.Claim == nil {
		return m.dom.Unfences(n) // only the node itself opens what is left
	}
	mark := fmt.Sprintf("unfence/%d/%d/%d", n.ID, n.NextClaim, c.Round)
	power := n.PowerOn != nil && n.PowerOn.Claim != nil
	if c.Claim != nil || power || len(n.Unquiet) > 0 || len(c.Steps) == 0 || m.dom.MayOpen(n) != nil || m.dom.MayUnfence(n) != nil {
		m.since.drop(mark)
		return c.Claim != nil
	}
	if m.now < m.since.begin(mark, m.now)+m.myTurn(c.Tried)+m.patience(c.Tried)+pause(c.Round) {
		return true
	}
	m.askUnfence(n, m.patience(c.Tried) > 0)
	return true
}

// claimOwn proposes the claim to open what only this node opens, for its own new boot and before it is admitted (R18, V11, 0099). Nobody else may, so
// there is no turn to wait for; a failure is followed by a pause.
func (m *Member) claimOwn() {
	n := m.dom.Node(m.cfg.Self.Node)
	if n == nil || n.Cut == nil {
		return
	}
	mark := fmt.Sprintf("own/%d/%d", n.NextClaim, n.Cut.Round)
	if n.Cut.Claim != nil || len(n.Unquiet) > 0 || !m.dom.Shows(&m.cfg.Self) || m.dom.MayOpenItself(n) != nil {
		m.since.drop(mark)
		return
	}
	if m.now >= m.since.begin(mark, m.now)+pause(n.Cut.Round) {
		m.askUnfence(n, false)
	}
}

// registersStill reports whether something of a registration that this daemon began may yet happen. The others count its claim as over by the clock (R9);
// this node knows better, and does not say that it may be admitted: a call that hangs in the kernel would undo a later cut (R18).
func (m *Member) registersStill() bool {
	return slices.ContainsFunc(m.running, func(r *run) bool {
		return r.node == m.cfg.Self.Node && !(r.done && r.quiet && m.now >= r.effectUntil())
	})
}

func (m *Member) askUnfence(n *domain.Node, again bool) {
	s := m.spec(n, &domain.Claim{Number: n.NextClaim, Boot: n.Life.Boot, Actor: m.cfg.Self, On: true, Unfence: true})
	m.propose(fmt.Sprintf(claimKey+"%d/%d", n.ID, n.NextClaim), domain.Entry{Claim: &domain.ClaimEntry{
		Node: n.ID, Boot: n.Life.Boot, Number: n.NextClaim, Unfence: true, DurationMS: operation.Duration(s), Again: again,
	}})
}

// unfenceSpec is the walk that opens what is closed.
func (m *Member) unfenceSpec(n *domain.Node, c *domain.Claim) operation.Spec {
	s := operation.Spec{Claim: c.Number, ReadIndex: m.dom.Index, Judge: m.dom.Judge(n), InFlight: len(n.Unquiet) > 0}
	s.Judge.Claim = c.Number
	others, own := m.dom.ToOpen(n)
	s.Action, s.StartLevel, s.Own = fence.ActionOn, -1, c.Own()
	s.Open = append([]fence.Step{}, others...) // not nil: nothing to open is not all that switches power
	if s.Own {
		s.Open = append([]fence.Step{}, own...)
	}
	s.Victim = fence.Victim{Incarnation: n.Life, Machine: n.Machine, Index: m.dom.Index, Action: fence.ActionOn}
	s.Refused = m.pausedLogins(s.Judge.Levels, n.Cut.AskedAt)
	return s
}

// sharedNews reports whether the log does not know yet that this life uses something that is shared (R18).
func (m *Member) sharedNews(n *domain.Node) bool {
	return m.dom.Feature >= domain.FeatureCut && slices.ContainsFunc(m.cfg.Shared, func(s string) bool { return !slices.Contains(n.Shared, s) })
}

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
	mark := fmt.Sprintf("unfence/%d/%d/%d", n.ID, n.NextClaim, c.Round)
	power := n.PowerOn != nil && n.PowerOn.Claim != nil
	if c.Claim != nil || power || len(n.Unquiet) > 0 || len(c.Steps) == 0 || m.dom.MayOpen(n) != nil || m.dom.MayUnfence(n) != nil {
		m.since.drop(mark)
		return c.Claim != nil
	}
	if m.now < m.since.begin(mark, m.now)+m.myTurn(c.Tried)+m.patience(c.Tried)+pause(c.Round) {
		return true
	}
	s := m.spec(n, &domain.Claim{Number: n.NextClaim, On: true, Unfence: true})
	m.propose(fmt.Sprintf(claimKey+"%d/%d", n.ID, n.NextClaim), domain.Entry{Claim: &domain.ClaimEntry{
		Node: n.ID, Boot: n.Life.Boot, Number: n.NextClaim, Unfence: true, DurationMS: operation.Duration(s), Again: m.patience(c.Tried) > 0,
	}})
	return true
}

// unfenceSpec is the walk that opens what is closed.
func (m *Member) unfenceSpec(n *domain.Node, c *domain.Claim) operation.Spec {
	s := operation.Spec{Claim: c.Number, ReadIndex: m.dom.Index, Judge: m.dom.Judge(n), InFlight: len(n.Unquiet) > 0}
	s.Judge.Claim = c.Number
	s.Action, s.StartLevel, s.Open = fence.ActionOn, -1, slices.Clone(n.Cut.Steps)
	s.Victim = fence.Victim{Incarnation: n.Life, Machine: n.Machine, Index: m.dom.Index, Action: fence.ActionOn}
	s.Refused = m.pausedLogins(s.Judge.Levels, n.Cut.AskedAt)
	return s
}

// sharedNews reports whether the log does not know yet that this life uses something that is shared (R18).
func (m *Member) sharedNews(n *domain.Node) bool {
	return m.dom.Feature >= domain.FeatureCut && slices.ContainsFunc(m.cfg.Shared, func(s string) bool { return !slices.Contains(n.Shared, s) })
}

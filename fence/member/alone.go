package member

import "github.com/fenced-project/fenced/fence/domain"

// alone renews the lease of a node whose own votes are a quorum (two nodes over corosync) by the loop itself, once everybody else is known to be
// over: its own acknowledgement counts for nothing, and whoever could give another has a committed verdict or left (R14, S1.7). A node that only
// vanished may be alive and take this one for its victim: until the verdict the lease runs out. With two_node it may not: the view of this node alone
// was committed by it alone, so the other is proven over or its daemon ended (R23), and one that was idle or had not been let in yet becomes no victim. By a person's word (expected votes) nothing is proven:
// who was idle may have been told the same, and use what is shared since; it is asked to be fenced first, or acknowledged (R12, R15). A node that was stopped, or whose contact was lost,
// waits for one failure timeout more: what came meanwhile waits in queues, and may say that it is not alone any more (R20).
func (m *Member) alone() {
	if !m.Quorate() || !m.dom.Clean(m.cfg.Self.Node) || len(m.dom.View.Members) != 1 {
		return
	}
	for i := range m.dom.Nodes {
		if n := &m.dom.Nodes[i]; n.ID != m.cfg.Self.Node && !isOver(m.dom, n) && !(m.two != 0 && !m.worded && heldNothing(n)) {
			return
		}
	}
	if m.now-m.leaseFrom < m.dom.Roster.Timing.FailureTimeoutMS {
		return
	}
	m.leaseSent = max(m.leaseSent, m.now)
}

// isOver reports whether no life of a node is left that anybody saw.
func isOver(d *domain.State, n *domain.Node) bool {
	if n.Victim != nil || n.Unknown || n.Suspect != "" || !n.Lapsed.Zero() {
		return false
	}
	return n.Phase == domain.PhaseLeft || d.IsOver(n.Life)
}

// heldNothing reports whether a node's newest life went without becoming a victim: it was committed stateless, or never admitted (R12).
func heldNothing(n *domain.Node) bool {
	if n.Victim != nil || n.Unknown || n.Suspect != "" || !n.Lapsed.Zero() || n.Instance != "" || n.Stateful {
		return false
	}
	return n.Phase == domain.PhaseGone || n.Phase == domain.PhaseAbsent && n.Foreign == nil
}

package member

import (
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// Expel asks the membership provider to make the engine of a victim's node leave the ring, if it can: that node came back into the ring as the life that
// the view had lost. It ends nothing that the kernel holds and proves nothing (ADR 0102).
type Expel struct{ Life fence.Incarnation }

func (Expel) effect() {}

// expel is for a victim that is heard while this node's claim on it is open: whoever may switch it off may also end its membership, and nobody else. A
// victim whose vote is needed is spared: it is fenced as a member (S2.6), and so are the two of two_node, where the other's end is a proof.
func (m *Member) expel(by domain.Origin) {
	n := m.dom.Node(by.Node)
	if n == nil || n.Victim == nil || n.Victim.Incarnation != by.Incarnation || n.Victim.Claim == nil {
		return
	}
	if c := n.Victim.Claim; c.On || c.Drill || c.Unfence || c.Actor != m.cfg.Self {
		return
	}
	if m.two != 0 || !m.Quorate() || m.dom.Rest(n.ID) < m.dom.Quorum() {
		return
	}
	m.do(Expel{Life: by.Incarnation})
}

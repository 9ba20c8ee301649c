package member

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// Two domains of one cluster: somebody bootstrapped twice, or a majority that was given up has come back (R4). Each refuses the other, and
// neither fences what lives in the other until an operator decides (S0.10).

// elsewhere is a node that was heard in another domain; was is its daemon that the view of this one showed then, "" for none.
type elsewhere struct {
	node fence.NodeID
	was  string
}

// hearElsewhere notes a life that is alive in another domain. It counts as heard, so that nothing here takes it for off (R16 d).
func (m *Member) hearElsewhere(by domain.Origin) {
	m.hear(by)
	in, _ := m.dom.InView(by.Node)
	for i := range m.elsewhere {
		if m.elsewhere[i].node == by.Node {
			m.elsewhere[i].was = in.Instance
			return
		}
	}
	if m.dom.Node(by.Node) != nil {
		m.elsewhere = append(m.elsewhere, elsewhere{node: by.Node, was: in.Instance})
	}
}

// home forgets that a node was elsewhere once a later daemon of it is in a view of this domain: only that shows that it came back.
func (m *Member) home() {
	m.elsewhere = slices.DeleteFunc(m.elsewhere, func(e elsewhere) bool {
		now, in := m.dom.InView(e.node)
		return in && now.Instance != e.was || m.dom.Node(e.node) == nil
	})
}

func (m *Member) isElsewhere(id fence.NodeID) bool {
	return slices.ContainsFunc(m.elsewhere, func(e elsewhere) bool { return e.node == id })
}

// foreign reports whether a victim's node lives in another domain, so that only an operator who names it may have it fenced (S0.10).
func (m *Member) foreign(v *domain.Victim) bool {
	return m.isElsewhere(v.Node) && !v.Named && !v.Force
}

// Elsewhere lists the nodes that were heard in another domain and have not come back, for status.
func (m *Member) Elsewhere() []fence.NodeID {
	var ids []fence.NodeID
	for _, e := range m.elsewhere {
		ids = append(ids, e.node)
	}
	return ids
}

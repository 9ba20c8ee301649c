package daemon

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership/embedded"
)

// Embedded joins the embedded provider to what the daemon needs of it.
type Embedded struct{ *embedded.Provider }

// NewEmbedded wraps an open provider.
func NewEmbedded(p *embedded.Provider) Embedded { return Embedded{p} }

// Bootstrap makes the domain with a random id, once (R3, R4).
func (e Embedded) Bootstrap() (string, error) {
	id, err := newDomain()
	if err != nil {
		return "", err
	}
	return id, e.Provider.Bootstrap(id)
}

// Members tells the provider who is in the committed roster, and whose votes do not count yet.
func (e Embedded) Members(r fence.Roster, added, lost []fence.NodeID) error {
	if r.Version == 0 {
		return nil
	}
	nodes := EmbeddedNodes(r)
	for i := range nodes {
		nodes[i].Uncounted = slices.Contains(lost, nodes[i].ID) || slices.Contains(added, nodes[i].ID)
	}
	return e.SetNodes(nodes)
}

// EmbeddedNodes is the provider's part of a roster.
func EmbeddedNodes(r fence.Roster) []embedded.NodeConfig {
	out := make([]embedded.NodeConfig, 0, len(r.Nodes))
	for _, n := range r.Nodes {
		out = append(out, embedded.NodeConfig{ID: n.ID, Name: n.Name, Address: n.Address, Votes: n.Votes, Witness: n.Witness})
	}
	return out
}

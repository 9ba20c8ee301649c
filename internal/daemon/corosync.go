package daemon

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync"

	"github.com/fenced-project/fenced/client"
)

// Corosync joins the corosync provider to what the daemon needs of it.
type Corosync struct{ *corosync.Provider }

// NewCorosync wraps an open provider; the names are for people, until there is a committed roster.
func NewCorosync(p *corosync.Provider, r fence.Roster) Corosync {
	p.Names(namesOf(r))
	return Corosync{p}
}

// Bootstrap makes the domain with a random id, once (R3, R4).
func (c Corosync) Bootstrap() (string, error) {
	id, err := newDomain()
	if err != nil {
		return "", err
	}
	return id, c.Provider.Bootstrap(id)
}

// newDomain makes the id of a domain.
func newDomain() (string, error) {
	raw := make([]byte, 16)
	if _, err := rand.Read(raw); err != nil {
		return "", fmt.Errorf("cannot make a domain id: %w", err)
	}
	return hex.EncodeToString(raw), nil
}

// Members tells the names. Who is there and whose votes count is corosync's own knowledge: a node that was added live has a vote when it is in
// the ring, and one that was given up has none when it is not.
func (c Corosync) Members(r fence.Roster, _, _ []fence.NodeID) error {
	if r.Version != 0 {
		c.Names(namesOf(r))
	}
	return nil
}

func namesOf(r fence.Roster) map[fence.NodeID]string {
	names := make(map[fence.NodeID]string, len(r.Nodes))
	for _, n := range r.Nodes {
		names[n.ID] = n.Name
	}
	return names
}

// strangers are the nodes in the provider's ring that no roster knows. They are shown and nothing else: nobody knows what they are (R5).
func (d *Daemon) strangers(info membership.Info) []client.Attention {
	known := d.member.Domain().Roster
	if known.Version == 0 {
		known = d.cfg.Config.Roster
	}
	var out []client.Attention
	for _, id := range info.Nodes {
		if _, ok := known.Node(id); !ok {
			out = append(out, client.Attention{
				Code: client.AttentionStranger, Text: fmt.Sprintf("node %d is in %s and is not in the roster: it is no member, and is never fenced", id, info.Ring),
				Next: "fenced node add, with its levels; or take it out of corosync's nodelist",
			})
		}
	}
	return out
}

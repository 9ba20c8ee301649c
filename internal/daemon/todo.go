package daemon

import (
	"fmt"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"

	"github.com/fenced-project/fenced/client"
)

// describe says in words what the roster changes, what it does to quorum, and what is left to do.
func (p *rosterProposal) describe(out *client.Applied) {
	old, fresh := p.state.Roster, p.entry.Roster
	out.Changes = fence.Changes(old, fresh)
	out.Quorum = client.QuorumChange{Have: p.state.Rest(0), Need: p.state.Quorum()}
	out.Quorum.HaveAfter, out.Quorum.NeedAfter, out.Quorum.NeedWhenAllCame = out.Quorum.Have, out.Quorum.Need, fresh.Quorum()
	if after, err := p.rehearse(true); err == nil {
		out.Quorum.HaveAfter, out.Quorum.NeedAfter = after.Rest(0), after.Quorum()
	}
	for _, n := range fresh.Nodes {
		out.Todo = append(out.Todo, nodeTodo(old, n)...)
	}
	for _, n := range old.Nodes {
		if _, kept := fresh.Node(n.ID); !kept {
			out.Todo = append(out.Todo, fmt.Sprintf("%s: never start fenced there with this cluster's key again, unless it is added again", n.Name))
		}
	}
	if old.Timing != fresh.Timing {
		out.Todo = append(out.Todo, "restart fenced on one node after the other, if failure_timeout, ping_interval or lease changed: membership reads them at its start")
	}
	if others := p.others(); len(others) > 0 {
		out.Todo = append(out.Todo, "copy the configuration to "+strings.Join(others, ", ")+": each takes it by itself within seconds, and does not act before")
	}
}

func nodeTodo(old fence.Roster, n fence.RosterNode) []string {
	o, had := old.Node(n.ID)
	var out []string
	switch {
	case !had:
		out = append(out, fmt.Sprintf("%s: copy the configuration and the key there, then start fenced (systemctl enable --now fenced)", n.Name))
	case o.Name != n.Name:
		out = append(out, fmt.Sprintf("%s: its hostname, `node:` or FENCED_NODE must say %s before its daemon is started again", n.Name, n.Name))
	}
	if had && o.Address != n.Address {
		out = append(out, fmt.Sprintf("%s: keep its old address until `fenced status` shows it as a member, then take it away", n.Name))
	}
	return out
}

// others are the members that have not said yet that their file is the new roster.
func (p *rosterProposal) others() []string {
	hash := p.entry.Roster.Hash()
	var names []string
	for _, m := range p.state.View.Members {
		n := p.state.Node(m.Node)
		if _, kept := p.entry.Roster.Node(m.Node); n == nil || !kept || m.Node == p.by.Node || n.Roster == hash || n.Phase == domain.PhaseLeft {
			continue
		}
		names = append(names, p.entry.Roster.Name(m.Node))
	}
	return names
}

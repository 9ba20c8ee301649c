package embedded

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// nextView is the view that the leader should propose now, nil for none; hand is the node that should lead instead, 0 for none.
// It is a function of the matrix, the log and the time. The caller holds the lock.
func (p *Provider) nextView(k known, now int64) (next *membership.View, hand fence.NodeID) {
	if now < p.pres.quietTil || k.runs[p.cfg.Self.Node].Instance != p.cfg.Self.Instance {
		return nil, 0
	}
	if stay := p.withoutReplaced(k); len(stay) < len(k.view.Members) {
		if now-p.pres.began < p.pres.fail && slices.ContainsFunc(stay, p.unheard) {
			return nil, 0 // this daemon has not listened long enough to know who of them is silent
		}
		return p.viewOf(k, p.withoutSilent(stay), now), 0 // a member whose daemon was started anew leaves at once
	}
	set, since := p.pres.set, now-p.pres.setSince
	if set == nil {
		if len(k.voters) != 1 && since < p.pres.fail {
			return nil, 0
		}
		set = p.around(now)
	}
	if !slices.Contains(set, p.cfg.Self.Node) {
		if since >= p.pres.settle && p.canElect(k, set) {
			hand = set[0]
		}
		return nil, hand
	}
	var members []membership.Member
	for _, id := range set {
		if m, ok := p.present(k, id); ok {
			members = append(members, m)
		}
	}
	v := p.viewOf(k, members, now)
	if v.Quorate == k.view.Quorate && slices.Equal(v.Members, k.view.Members) {
		return nil, 0
	}
	wait := p.pres.join
	if len(v.Left) > 0 {
		wait = p.pres.settle
		if now-p.pres.began < p.pres.fail {
			return nil, 0 // this daemon has not listened long enough to miss anybody
		}
	}
	if since < wait {
		return nil, 0
	}
	return v, 0
}

// withoutReplaced is the view's members but for those whose node has a newer run of the daemon.
func (p *Provider) withoutReplaced(k known) []membership.Member {
	var stay []membership.Member
	for _, m := range k.view.Members {
		replaced := k.runs[m.Node].Instance != m.Instance
		if pe := p.pres.peers[m.Node]; pe != nil && pe.heardAt != 0 && pe.ping.Instance != m.Instance {
			replaced = true
		}
		if !replaced {
			stay = append(stay, m)
		}
	}
	return stay
}

// withoutSilent drops the members that are silent for the failure timeout: a view that is made in a hurry is not quorate by the vote of a dead
// one. It would make a victim of the only node that came back, and the cluster would shoot its quorum away (R30).
func (p *Provider) withoutSilent(members []membership.Member) []membership.Member {
	return slices.DeleteFunc(slices.Clone(members), func(m membership.Member) bool {
		pe := p.pres.peers[m.Node]
		return p.unheard(m) || m.Node != p.cfg.Self.Node && pe.suspect
	})
}

// unheard reports whether this daemon has never heard a node since it began: a leader that came back itself knows nothing of the others yet.
func (p *Provider) unheard(m membership.Member) bool {
	pe := p.pres.peers[m.Node]
	return m.Node != p.cfg.Self.Node && (pe == nil || pe.heardAt == 0)
}

// present is the run of a node's daemon that may be in a view: heard, and started according to the log.
func (p *Provider) present(k known, id fence.NodeID) (membership.Member, bool) {
	r := k.runs[id]
	if id == p.cfg.Self.Node {
		return r.member(id), r.Instance == p.cfg.Self.Instance
	}
	pe := p.pres.peers[id]
	if pe == nil || pe.ping.Instance != r.Instance || pe.ping.Store != r.Store {
		return membership.Member{}, false
	}
	return r.member(id), true
}

// around is this node and whoever is in contact with it and with each other, lowest ids first: a view without quorum.
func (p *Provider) around(now int64) []fence.NodeID {
	set := []fence.NodeID{p.cfg.Self.Node}
	for _, n := range p.nodes {
		if n.ID != p.cfg.Self.Node && !slices.ContainsFunc(set, func(o fence.NodeID) bool { return !p.pres.mutual(n.ID, o, now) }) {
			set = append(set, n.ID)
		}
	}
	slices.Sort(set)
	return set
}

// viewOf makes the view of these members. Only the votes of Raft's voters make it quorate: the others do not keep what is committed yet.
func (p *Provider) viewOf(k known, members []membership.Member, now int64) *membership.View {
	v := &membership.View{Members: members}
	votes := 0
	for _, m := range members {
		if n, ok := nodeOf(p.nodes, m.Node); ok && slices.Contains(k.voters, serverID(m.Node, k.runs[m.Node].Store)) {
			votes += n.counted()
		}
	}
	v.Quorate = votes >= membership.Need(voters(p.nodes))
	for _, m := range k.view.Members {
		if !slices.Contains(members, m) {
			v.Left = append(v.Left, membership.Departure{Member: m, How: p.how(k, m, now)})
		}
	}
	return v
}

// how says whether the process or the node went, as far as this node can tell: node-gone where in doubt.
func (p *Provider) how(k known, m membership.Member, now int64) membership.How {
	if r := k.runs[m.Node]; r.Instance != m.Instance && r.Boot != "" {
		return sameBoot(r.Boot, m.Boot)
	}
	pe := p.pres.peers[m.Node]
	switch {
	case pe == nil:
		return membership.HowNodeGone
	case pe.heardAt != 0 && pe.ping.Instance != m.Instance:
		return sameBoot(pe.ping.Boot, m.Boot)
	case pe.refused != 0 && pe.refused > pe.heardAt && now-pe.refused < p.pres.fail:
		return membership.HowProcessGone
	}
	return membership.HowNodeGone
}

func sameBoot(a, b string) membership.How {
	if a == b {
		return membership.HowProcessGone
	}
	return membership.HowNodeGone
}

package embedded

import (
	"slices"

	"github.com/fenced-project/fenced/membership"
)

// report is what this node's pings say about others.
func (p *presence) report(now int64) (acks []ack, rows []row) {
	rows = append(rows, row{Node: p.self, Tag: p.tag, Starts: p.starts, Heard: p.own(now)})
	for _, n := range p.nodes {
		if pe := p.peers[n.ID]; pe != nil && pe.heardAt != 0 {
			a := ack{Node: n.ID, Tag: pe.tag, Seq: pe.ping.Seq}
			if p.denied[pe.ping.member().Incarnation] {
				a.Seq = 0 // heard, not acknowledged (R14)
			}
			acks = append(acks, a)
		}
		if r, ok := p.rows[n.ID]; ok && now-r.at < p.fail {
			rows = append(rows, row{Node: n.ID, Tag: r.tag, Starts: r.starts, AgeMS: now - r.at, Heard: r.heard})
		}
	}
	return acks, rows
}

// lease is the number of the newest ping of this node that a majority of votes acknowledged, 0 for none. Its own acknowledgement counts only
// where it needs others besides (R14), or where nobody else has a vote that counts, because the others were given up (R4). An acknowledgement counts for ever: it says when the ping was sent, not that its sender lives now.
func (p *presence) lease(seq uint64) uint64 {
	need := membership.Need(voters(p.nodes))
	type acked struct {
		seq   uint64
		votes int
	}
	var all []acked
	for _, n := range p.nodes {
		if n.ID == p.self {
			if n.counted() < need || alone(p.nodes, n) {
				all = append(all, acked{seq, n.counted()})
			}
		} else if pe := p.peers[n.ID]; pe != nil && pe.acked != 0 {
			all = append(all, acked{pe.acked, n.counted()})
		}
	}
	slices.SortFunc(all, func(a, b acked) int {
		if a.seq != b.seq {
			return int(b.seq) - int(a.seq)
		}
		return 0
	})
	votes := 0
	for _, a := range all {
		if votes += a.votes; votes >= need {
			return a.seq
		}
	}
	return 0
}

// alone reports whether this node has the only vote that counts.
func alone(nodes []NodeConfig, self NodeConfig) bool {
	return self.counted() > 0 && !slices.ContainsFunc(nodes, func(n NodeConfig) bool { return n.ID != self.ID && n.counted() > 0 })
}

// connectedVotes is how many votes this node is in mutual contact with, its own included.
func (p *presence) connectedVotes(now int64) int {
	votes := 0
	for _, n := range p.nodes {
		if n.ID == p.self && !p.sick || n.ID != p.self && p.mutual(p.self, n.ID, now) {
			votes += n.counted()
		}
	}
	return votes
}

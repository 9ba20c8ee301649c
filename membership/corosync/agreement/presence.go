package agreement

import (
	"cmp"
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// presence is who is heard, and this node's lease.
type presence struct {
	peers    map[Process]*peer
	denied   []fence.Incarnation
	pings    uint64
	sent     [256]int64 // when the ping of each number was sent, by number modulo
	lease    uint64
	suspects []suspect // of the members of the view
	set      []Hello   // who was present at the last look
	setSince int64
	lastTick int64
	lastGap  int64
	quietTil int64
	selfAt   int64 // when corosync last delivered a ping of this daemon itself
	waited   int64 // how long this node has not been in an open session
	votesOf  []nodeVotes
	needed   int
}

type peer struct {
	ping  Ping
	at    int64
	hears bool   // it said so of this daemon in its newest ping
	acked uint64 // the newest of this daemon's pings that it acknowledged
}

type suspect struct {
	member membership.Member
	gone   bool
}

type nodeVotes struct {
	node  fence.NodeID
	votes int
}

// keepVotes remembers who counts, for leases: they are counted between sessions too.
func (m *Machine) keepVotes(p Plan) {
	m.votesOf, m.needed = nil, p.Need
	for _, v := range p.Voters {
		m.votesOf = append(m.votesOf, nodeVotes{v.Process.Node, v.Votes})
	}
}

// votesFor is how many votes a node had in the last plan.
func (p *presence) votesFor(node fence.NodeID) int {
	i, ok := slices.BinarySearchFunc(p.votesOf, node, func(v nodeVotes, n fence.NodeID) int { return cmp.Compare(v.node, n) })
	if !ok {
		return 0
	}
	return p.votesOf[i].votes
}

// have is how many votes were in the last plan.
func (p *presence) have() int {
	sum := 0
	for _, v := range p.votesOf {
		sum += v.votes
	}
	return sum
}

// Deny never acknowledges a life's pings again (R14).
func (m *Machine) Deny(life fence.Incarnation) { m.denied = append(m.denied, life) }

// sendPing sends a sign of life that acknowledges the others'.
func (m *Machine) sendPing(durableMS int64, healthy bool) {
	if len(m.group) == 0 {
		return
	}
	m.pings++
	m.sent[m.pings%uint64(len(m.sent))] = m.now
	p := &Ping{Seq: m.pings, DurableMS: durableMS, Healthy: healthy && m.broken == ""}
	for _, q := range m.group {
		pe, h := m.peers[q], m.known[q]
		if pe == nil || h.Instance == "" || h.Instance == m.cfg.Self.Instance {
			continue
		}
		ack := Heard{Instance: h.Instance, Seq: pe.ping.Seq}
		if slices.Contains(m.denied, h.member().Incarnation) {
			ack.Seq = 0
		}
		p.Acks = append(p.Acks, ack)
	}
	m.send(Message{Ping: p})
}

// touch takes note that a process said anything: a ring that changes keeps signs of life back, and whoever takes part in what follows is alive.
func (m *Machine) touch(from Process) {
	if pe := m.peers[from]; pe != nil {
		pe.at = m.now
	}
}

// ping takes one.
func (m *Machine) ping(from Process, p Ping) {
	h, ok := m.known[from]
	if !ok {
		return
	}
	if h.Instance == m.cfg.Self.Instance {
		m.selfAt = m.now
		return
	}
	pe := m.peers[from]
	if pe == nil {
		pe = &peer{}
		m.peers[from] = pe
	}
	if p.Seq <= pe.ping.Seq {
		m.dropped++
		return
	}
	pe.ping, pe.at, pe.hears = p, m.now, false
	for _, a := range p.Acks {
		if a.Instance == m.cfg.Self.Instance && a.Seq <= m.pings {
			pe.hears = true
			pe.acked = max(pe.acked, a.Seq)
		}
	}
	m.tell(membership.Heard{Member: h.member()})
	m.back(h)
	if seq := m.renewed(); seq > m.lease {
		m.lease = seq
		m.tell(membership.LeaseRenewed{SentMS: m.sent[seq%uint64(len(m.sent))]})
	}
}

// renewed is the number of the newest ping of this node that a quorum has acknowledged. Where its own votes are one, its own acknowledgement does
// not count, and all the others that count are asked: with two nodes the peer (R14).
func (m *Machine) renewed() uint64 {
	type acked struct {
		seq   uint64
		votes int
	}
	var all []acked
	need, own := m.needed, m.votesFor(m.cfg.Self.Node)
	switch {
	case own >= need:
		need = min(need, m.votesBeside(m.cfg.Self.Node))
	case own > 0:
		all = append(all, acked{m.pings, own})
	}
	var counted []fence.NodeID
	for _, q := range m.group {
		votes := m.votesFor(q.Node)
		if pe := m.peers[q]; votes > 0 && q.Node != m.cfg.Self.Node && pe != nil && pe.acked != 0 && !slices.Contains(counted, q.Node) {
			counted = append(counted, q.Node) // once for each node, whatever processes it has
			all = append(all, acked{pe.acked, votes})
		}
	}
	slices.SortFunc(all, func(a, b acked) int { return int(int64(b.seq) - int64(a.seq)) })
	votes := 0
	for _, a := range all {
		if votes += a.votes; need > 0 && votes >= need {
			if m.pings-a.seq >= uint64(len(m.sent)) {
				return 0 // when it was sent is forgotten
			}
			return a.seq
		}
	}
	return 0
}

// votesBeside sums the votes of the last plan without this node's.
func (p *presence) votesBeside(self fence.NodeID) (votes int) {
	for _, v := range p.votesOf {
		if v.node != self {
			votes += v.votes
		}
	}
	return votes
}

// answers reports whether a process is heard, healthy, and hears this one, whether it acknowledges that or not: a victim's pings are not
// acknowledged, and it is no reason for the victim to take itself for the only one who is there. Three failure timeouts without a durable write are not healthy (R20).
func (m *Machine) answers(p Process) bool {
	pe := m.peers[p]
	return pe != nil && pe.at != 0 && m.now-pe.at < m.cfg.FailMS && pe.ping.Healthy && pe.ping.DurableMS < 3*m.cfg.FailMS && pe.hears
}

// clock sees this process's own stops: after one longer than half the failure timeout the others' silence counts from now, once, and nothing is
// proposed for a lease (R20, S1.9). Corosync would not say.
func (m *Machine) clock(now int64) (gap int64) {
	m.now = now
	if m.lastTick != 0 && now-m.lastTick > m.cfg.FailMS/2 {
		gap = now - m.lastTick
		m.quietTil = now + m.cfg.LeaseMS
		if m.lastGap == 0 || m.lastTick-m.lastGap > m.cfg.FailMS {
			for _, p := range m.group {
				if pe := m.peers[p]; pe != nil && pe.at != 0 {
					pe.at = now
				}
			}
		}
		m.lastGap, m.setSince, m.selfAt = now, now, now
	}
	if m.open && m.here {
		m.waited = 0
	} else if m.lastTick != 0 {
		m.waited += now - m.lastTick
	}
	m.lastTick = now
	return gap
}

// quiet reports whether this process proposes nothing because it was stopped: less than a lease ago, or its next tick will say so. What corosync tells
// may come before that tick (R20).
func (m *Machine) quiet() bool {
	return m.now < m.quietTil || m.lastTick != 0 && m.now-m.lastTick > m.cfg.FailMS/2
}

// suspicion tells of members of the view from whom nothing was heard for the failure timeout.
func (m *Machine) suspicion() {
	var kept []suspect
	for _, o := range m.applied.View.Members {
		if o.Node == m.cfg.Self.Node {
			continue
		}
		s := suspect{member: o}
		for _, old := range m.suspects {
			if old.member == o {
				s = old
			}
		}
		gone := m.now-m.changedAt >= m.cfg.FailMS // who is not in the group, or has never sent a ping
		for _, p := range m.group {
			if pe := m.peers[p]; pe != nil && m.known[p].Instance == o.Instance {
				gone = m.now-pe.at >= m.cfg.FailMS
			}
		}
		if gone && !s.gone {
			s.gone = true
			m.tell(membership.Suspect{Member: o, Gone: true})
		}
		kept = append(kept, s)
	}
	m.suspects = kept
}

// back withdraws a suspicion.
func (m *Machine) back(h Hello) {
	for i := range m.suspects {
		if s := &m.suspects[i]; s.gone && s.member == h.member() {
			s.gone = false
			m.tell(membership.Suspect{Member: s.member})
		}
	}
}

// silent makes a member that left the group suspect at once.
func (m *Machine) silent(h Hello) {
	for i := range m.suspects {
		if s := &m.suspects[i]; !s.gone && s.member == h.member() {
			s.gone = true
			m.tell(membership.Suspect{Member: s.member, Gone: true})
		}
	}
}

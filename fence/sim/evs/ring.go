package evs

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

// ring is one configuration with its order of messages.
type ring struct {
	id       agreement.Ring
	members  []int // places, sorted
	nodes    []fence.NodeID
	base     int // messages before this one were received by all and are forgotten
	messages []message
}

func (r *ring) end() int           { return r.base + len(r.messages) }
func (r *ring) at(n int) message   { return r.messages[n-r.base] }
func (r *ring) told() *Ring        { return &Ring{ID: r.id, Nodes: r.nodes} }
func (r *ring) has(place int) bool { return slices.Contains(r.members, place) }

// forgetEvery is how many messages of a ring are kept at least, so that forgetting costs little.
const forgetEvery = 256

func (m *Model) forget(r *ring) {
	if len(r.messages) < forgetEvery {
		return
	}
	all := r.end()
	for _, i := range r.members {
		if s := m.nodes[i]; s.ring == r {
			all = min(all, s.got)
		}
	}
	if all-r.base >= forgetEvery/2 {
		r.messages = slices.Clone(r.messages[all-r.base:])
		r.base = all
	}
}

// Form makes rings: the nodes of each part are one from here on. Parts that are a ring already stay what they are; a node whose corosync does not
// run is nowhere. Nodes in no part stay where they are, which is what a corosync that is frozen believes.
func (m *Model) Form(parts ...[]int) {
	for _, part := range parts {
		part = slices.DeleteFunc(slices.Clone(part), func(i int) bool { return !m.nodes[i].up })
		slices.Sort(part)
		if len(part) > 0 && !m.formed(part) {
			m.form(part)
		}
	}
}

// formed reports whether these nodes, and no others, are one ring.
func (m *Model) formed(part []int) bool {
	r := m.nodes[part[0]].ring
	for _, i := range part {
		if m.nodes[i].ring != r {
			return false
		}
	}
	return slices.Equal(r.members, part)
}

// form makes one ring.
func (m *Model) form(part []int) {
	m.seq += 4
	r := &ring{id: agreement.Ring{Node: m.nodes[part[0]].id, Seq: m.seq}, members: part}
	var olds []*ring
	for _, i := range part {
		s := m.nodes[i]
		r.nodes = append(r.nodes, s.id)
		if s.ring != nil && !slices.Contains(olds, s.ring) {
			olds = append(olds, s.ring)
		}
	}
	for _, old := range olds {
		m.recover(old, part)
	}
	m.countMerge(part, olds)
	for _, i := range part {
		s := m.nodes[i]
		s.ring, s.got, s.seen = r, 0, s.seen || len(part) == len(m.nodes)
	}
	all := m.processes(part)
	for _, i := range part {
		m.changes(m.nodes[i], all)
	}
	for _, i := range part {
		m.nodes[i].ghost = false
	}
}

// countMerge: a merge is what brings two rings together that both had daemons.
func (m *Model) countMerge(part []int, olds []*ring) {
	with := 0
	for _, old := range olds {
		for _, i := range part {
			if s := m.nodes[i]; s.ring == old && s.client != nil && s.client.told {
				with++
				break
			}
		}
	}
	if with > 1 {
		m.forms.Merges++
	}
}

// recover delivers what is left of an old ring to those of it who go on together: everything that one of them has received, in order, up to the
// first message that none of them has; behind it only what they sent themselves (totemsrp: messages_deliver_to_app with skip). What others of
// the old ring have beyond that they never see.
func (m *Model) recover(old *ring, part []int) {
	high := 0
	var together []*station
	for _, i := range part {
		if s := m.nodes[i]; s.ring == old {
			together = append(together, s)
			high = max(high, s.got)
		}
	}
	hole := false
	var rest []message
	for n := high; n < old.end(); n++ {
		msg := old.at(n)
		own := slices.ContainsFunc(together, func(s *station) bool { return m.nodes[msg.from] == s })
		switch {
		case own && hole:
			m.forms.Holes++
			rest = append(rest, msg)
		case own || !hole && m.cfg.Chance(2) == 0:
			rest = append(rest, msg)
		default:
			hole = true
		}
	}
	for _, s := range together {
		for s.got < high {
			s.deliver(old.at(s.got))
			s.got++
		}
		for _, msg := range rest {
			s.deliver(msg)
		}
	}
}

// processes are the daemons that are connected in these nodes: all corosyncs tell each other their own when a ring is made.
func (m *Model) processes(part []int) (ps []agreement.Process) {
	for _, i := range part {
		if c := m.nodes[i].client; c != nil {
			ps = append(ps, c.process)
		}
	}
	return ps
}

// changes tells one daemon of a new ring: first who is gone, then who came, then the ring.
func (m *Model) changes(s *station, all []agreement.Process) {
	var stay []agreement.Process
	var nodes, processes []agreement.Left
	for _, p := range s.members {
		place := slices.IndexFunc(m.nodes, func(o *station) bool { return o.id == p.Node })
		switch o := m.nodes[place]; {
		case slices.Contains(all, p):
			stay = append(stay, p)
		case !s.ring.has(place) && o.ghost: // 3.1.7: it joined and its corosync ended in the same round (2ab885ab)
			m.forms.Ghosts++
			stay = append(stay, p)
		case o.ring == s.ring && o.client == nil && o.up: // the process alone is gone, and the word of it was lost with the old ring
			processes = append(processes, agreement.Left{Process: p, How: membership.HowProcessGone})
		default:
			nodes = append(nodes, agreement.Left{Process: p, How: membership.HowNodeGone})
		}
	}
	list := slices.Clone(stay)
	for _, p := range all {
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	s.members = list
	c := s.client
	if c == nil {
		return
	}
	if c.told {
		if len(processes) > 0 {
			c.group = append(c.group, Event{Group: without(stay, nodes), Left: processes})
		}
		if len(nodes) > 0 {
			c.group = append(c.group, Event{Group: stay, Left: nodes})
		}
	}
	if !c.told || len(list) > len(stay) {
		c.group = append(c.group, Event{Group: list})
	}
	c.told = true
	c.group = append(c.group, Event{Ring: s.ring.told()})
	c.quorum = append(c.quorum, m.quorum(s))
}

// without gives the list as it is told before the nodes of the second step go: they are still in it.
func without(stay []agreement.Process, later []agreement.Left) []agreement.Process {
	out := slices.Clone(stay)
	for _, l := range later {
		out = append(out, l.Process)
	}
	return out
}

// quorum is votequorum's word for one node.
func (m *Model) quorum(s *station) Quorum {
	votes, all := len(s.ring.members), len(m.nodes)
	q := Quorum{Ring: s.ring.id, Quorate: votes >= all/2+1}
	switch {
	case m.cfg.TwoNode:
		q.Quorate = s.seen
	case m.cfg.LowestID != nil && m.cfg.LowestID() && 2*votes == all:
		q.Quorate = s.ring.has(0)
	}
	return q
}

// Ghost lets the others not notice that a node's process went with its corosync, which ends now.
func (m *Model) Ghost(i int) {
	m.nodes[i].ghost = m.nodes[i].client != nil
	m.Down(i)
}

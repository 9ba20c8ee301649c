package sim

import "github.com/fenced-project/fenced/fence"

// Step lets everything happen that happens at this time: pings, suspicion, a new view, accepted proposals, deliveries. The caller steps in
// intervals well below the failure timeout. The outputs are in order for each node.
func (m *Model) Step(now int64) []Output {
	var out []Output
	out = m.ping(now, out)
	out = m.suspicion(now, out)
	set := m.cfg.Choose(func(id fence.NodeID) bool { return m.seat(id).running }, func(a, b fence.NodeID) bool { return m.mutual(a, b, now) })
	leader := m.leader(set)
	if leader != nil {
		m.installView(leader, set)
	}
	m.accept(leader)
	out = m.deliver(leader, out)
	out = m.outcomes(now, out)
	return m.quorum(now, out)
}

// ping: every running daemon sends to every other; who hears it acknowledges it in the same step unless it denies that life.
func (m *Model) ping(now int64, out []Output) []Output {
	for _, from := range m.seats {
		if !from.running {
			continue
		}
		acks := 0
		if from.node.Votes < m.need { // where its own votes are a quorum its own acknowledgement does not count (R14)
			acks = from.node.Votes
		}
		for _, to := range m.seats {
			if to == from || !to.running || !m.Reaches(from.node.ID, to.node.ID) {
				continue
			}
			to.heard[from.node.ID] = contact{at: now, daemon: from.daemon}
			out = append(out, Output{To: to.node.ID, Kind: KindHeard, Daemon: from.daemon})
			if m.Reaches(to.node.ID, from.node.ID) && !to.denied[from.daemon.Incarnation] {
				acks += to.node.Votes
			}
		}
		if acks >= m.need {
			out = append(out, Output{To: from.node.ID, Kind: KindLease, MS: now})
		}
	}
	return out
}

func (m *Model) suspicion(now int64, out []Output) []Output {
	for _, s := range m.seats {
		if !s.running {
			continue
		}
		for _, o := range m.seats {
			c, ever := s.heard[o.node.ID]
			if !ever {
				continue
			}
			gone := now-c.at >= m.cfg.FailureTimeoutMS
			if gone != s.suspect[o.node.ID] {
				s.suspect[o.node.ID] = gone
				out = append(out, Output{To: s.node.ID, Kind: KindSuspect, Daemon: c.daemon, Flag: gone})
			}
		}
	}
	return out
}

// mutual: both have heard each other within the failure timeout.
func (m *Model) mutual(a, b fence.NodeID, now int64) bool {
	return m.hears(a, b, now) && m.hears(b, a, now)
}

func (m *Model) hears(a, b fence.NodeID, now int64) bool {
	c, ok := m.seat(a).heard[b]
	return ok && now-c.at < m.cfg.FailureTimeoutMS
}

// leader is the lowest node of the set that can commit now: it reaches a majority of votes in both directions at this moment.
func (m *Model) leader(set []fence.NodeID) *seat {
	for _, id := range set {
		s := m.seat(id)
		if s.running && m.reachable(s) >= m.need {
			return s
		}
	}
	return nil
}

func (m *Model) reachable(s *seat) int {
	votes := 0
	for _, o := range m.seats {
		if o == s || (o.running && m.Both(s.node.ID, o.node.ID)) {
			votes += o.node.Votes
		}
	}
	return votes
}

// installView appends a view when the daemons of the set are not those of the current view.
func (m *Model) installView(leader *seat, set []fence.NodeID) {
	v := View{}
	votes := 0
	for _, id := range set {
		d := leader.daemon
		if id != leader.node.ID {
			d = leader.heard[id].daemon
		}
		v.Members = append(v.Members, d)
		votes += m.seat(id).node.Votes
	}
	v.Quorate = votes >= m.need
	if sameDaemons(v.Members, m.view.Members) {
		return
	}
	for _, d := range m.view.Members {
		if !contains(v.Members, d) {
			now, ever := leader.heard[d.Node]
			process := ever && now.daemon.Boot == d.Boot && now.daemon != d
			v.Left = append(v.Left, Departure{Daemon: d, Process: process || d.Node == leader.node.ID && leader.daemon.Boot == d.Boot})
		}
	}
	m.view = v
	m.append(Entry{View: &v})
	m.viewAt = m.last()
}

func (m *Model) append(e Entry) {
	e.Index = m.last() + 1
	m.log = append(m.log, e)
}

// accept puts the proposals of everybody who reaches the leader into the log, each at most once.
func (m *Model) accept(leader *seat) {
	if leader == nil {
		return
	}
	for _, s := range m.seats {
		if !s.running || (s != leader && !m.Both(s.node.ID, leader.node.ID)) {
			continue
		}
		for _, p := range s.pending {
			k := key{s.daemon.Instance, p.number}
			if !m.accepted[k] {
				m.accepted[k] = true
				m.append(Entry{Proposer: s.daemon, Number: p.number, Data: p.data})
			}
		}
	}
}

func sameDaemons(a, b []Daemon) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func contains(ds []Daemon, d Daemon) bool {
	for _, o := range ds {
		if o == d {
			return true
		}
	}
	return false
}

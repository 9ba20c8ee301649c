package sim

// deliver hands the log to everybody whom the leader reaches, from where each had stopped.
func (m *Model) deliver(leader *seat, out []Output) []Output {
	if leader == nil {
		return out
	}
	for _, s := range m.seats {
		if !s.running || (s != leader && !m.Both(s.node.ID, leader.node.ID)) {
			continue
		}
		if s.cursor < m.base {
			s.cursor = m.base
			out = append(out, Output{To: s.node.ID, Kind: KindSnapshot, Entry: Entry{Index: m.base, Data: m.snapshot}})
		}
		for _, e := range m.log[s.cursor-m.base:] {
			s.cursor = e.Index
			if e.View != nil {
				s.lost = false
			}
			out = append(out, Output{To: s.node.ID, Kind: KindEntry, Entry: e})
		}
	}
	return out
}

// outcomes answers each proposal once: delivered when its entry has been handed to its proposer, unknown at its deadline.
func (m *Model) outcomes(now int64, out []Output) []Output {
	for _, s := range m.seats {
		if !s.running {
			continue
		}
		var open []proposal
		for _, p := range s.pending {
			if p.deadline == 0 {
				p.deadline = now + m.cfg.ProposalMS
			}
			switch {
			case m.accepted[key{s.daemon.Instance, p.number}] && m.handedOver(s, p.number):
				out = append(out, Output{To: s.node.ID, Kind: KindOutcome, Number: p.number, Flag: true})
			case now >= p.deadline:
				out = append(out, Output{To: s.node.ID, Kind: KindOutcome, Number: p.number})
			default:
				open = append(open, p)
			}
		}
		s.pending = open
	}
	return out
}

// handedOver: the entry is behind the cursor of its proposer, in the log or in the snapshot.
func (m *Model) handedOver(s *seat, number uint64) bool {
	for _, e := range m.log {
		if e.View == nil && e.Proposer == s.daemon && e.Number == number {
			return e.Index <= s.cursor
		}
	}
	return s.cursor >= m.base
}

// quorum tells a daemon that has seen a view when it cannot see a majority of votes any more, and when it can again without a new view.
func (m *Model) quorum(now int64, out []Output) []Output {
	for _, s := range m.seats {
		if !s.running || s.cursor == 0 {
			continue
		}
		votes := 0
		for _, o := range m.seats {
			if o == s || m.mutual(s.node.ID, o.node.ID, now) {
				votes += o.node.Votes
			}
		}
		switch {
		case !s.lost && votes < m.need:
			s.lost = true
			out = append(out, Output{To: s.node.ID, Kind: KindLost, Why: "a majority of votes has not been heard for the failure timeout"})
		case s.lost && votes >= m.need && s.cursor >= m.viewAt && contains(m.view.Members, s.daemon):
			s.lost = false
			out = append(out, Output{To: s.node.ID, Kind: KindHeld})
		}
	}
	return out
}

package world

// The faults of a script that only clusters on corosync have.

// Freeze lets a node's corosync stand still for a while, in milliseconds.
func (s *Script) Freeze(i int, d int64) {
	n := s.w.nodes[i]
	n.frozenUntil = s.w.now + d*ms
	s.w.thaw(n)
}

// Apart lets the quorum service of a node speak so much later than the group's, from here on.
func (s *Script) Apart(i int, d int64) { s.w.nodes[i].apartUntil = s.w.now + d*ms }

// Corosync starts a node's corosync, or stops it until it is started again.
func (s *Script) Corosync(i int, runs bool) {
	n := s.w.nodes[i]
	if n.without = !runs; runs {
		s.w.rings.up(n)
	} else {
		s.w.rings.down(n, false)
	}
}

package domain

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// Usable reports whether a fence would use a device of a node's level by itself, as far as the newest probe knows: it answered as what it must be, and
// it named the node's machine or a drill has proven it (R16 a); known is false where it was never probed, or answers and the node has not said yet which
// machine it is.
func (s *State) Usable(n *Node, level int, step fence.Step) (usable, known bool) {
	h, known := s.HealthOf(step)
	switch {
	case !known || h.Class != Healthy:
		return false, known
	case h.Named || s.Proves(n, level, step):
		return true, true
	case s.declared(step):
		return s.covers(n, level), true
	}
	return false, n.Machine.Known()
}

// Fenceable says whether some level of a node has only usable devices; known is false while that may turn out either way: of some level
// nothing bad is known and not all was probed yet. A level that only waits for a watchdog, which nobody can probe, makes up for no device of the others,
// and is all that may be known where no level has any. Nothing could fence a node without levels, and that is known.
func (s *State) Fenceable(id fence.NodeID) (fenceable, known bool) {
	r, ok := s.Roster.Node(id)
	n := s.Node(id)
	if !ok || n == nil {
		return false, false
	}
	known = true
	devices, waits := false, false
	for i, l := range r.Levels {
		if l.OnlyWaits() {
			waits = true
			continue
		}
		bad, open := len(l.Steps) == 0, false
		for _, st := range l.Steps {
			usable, asked := false, st.Wait == ""
			if st.Device != "" {
				devices = true
				usable, asked = s.Usable(n, i, st)
			}
			bad = bad || (asked && !usable)
			open = open || !asked
		}
		if !bad && !open {
			return true, true
		}
		known = known && bad
	}
	return false, known && (devices || !waits)
}

// declared reports whether a step cuts storage and an operator has declared whose way it closes (R16 a, 0078).
func (s *State) declared(step fence.Step) bool {
	d, ok := s.Roster.Device(step.Device)
	return ok && d.Kind == fence.KindStorage && d.Accepted
}

// covers reports whether a cut by a level of a node would cover what its life has announced and what the roster says that it uses (R18).
func (s *State) covers(n *Node, level int) bool {
	r, _ := s.Roster.Node(n.ID)
	for _, name := range slices.Concat(n.Shared, r.Shared) {
		if level >= len(r.Levels) || r.Levels[level].LeavesOpen(name, s.Roster.Shared, r.Levels) != "" {
			return false
		}
	}
	return len(n.Shared) > 0 && !n.Rewired
}

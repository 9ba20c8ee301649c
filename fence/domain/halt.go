package domain

import (
	"errors"

	"github.com/fenced-project/fenced/fence"
)

// A life that halts is dirty and stays so while its machine runs: by policy (on_residual: halt), or because lives in a row that ended themselves did
// not help (R24). It says so itself, and from then on it has no vote: what the others decide they decide with votes of their own (ADR 0097).

// FeatureHalt is the feature level from which lives say that they halt (R11).
const FeatureHalt = 3

// Halts reports whether this life has said that it halts.
func (s *State) Halts(life fence.Incarnation) bool {
	n := s.Node(life.Node)
	return n != nil && n.Halted != "" && n.Halted == life.Boot
}

// Quorate reports whether the view decides: the engine calls it quorate, and it is so without the votes of whoever halts. Those stay among the votes
// that quorum is more than half of, so there are never two sides that decide. Of two with two_node the engine calls each one quorate alone, so the
// other one decides (R23).
func (s *State) Quorate() bool {
	if !s.View.Quorate || !s.someHalt() {
		return s.View.Quorate
	}
	halted := false
	votes := s.sum(0, func(m Origin) bool {
		halts := s.Halts(m.Incarnation)
		halted = halted || halts
		return !halts
	})
	switch {
	case !halted:
		return s.View.Quorate
	case votes > 0 && s.TwoMS() != 0:
		return true
	}
	return votes >= s.Quorum()
}

// someHalt reports whether any life at all has said that it halts, which is rare: whether the view decides is asked several times for each input.
func (s *State) someHalt() bool {
	some := false
	s.matters(func(n *Node) bool {
		some = n.Halted != ""
		return !some
	})
	return some
}

// checkHalt judges what an announcement says of halting.
func (s *State) checkHalt(a Announce) error {
	switch {
	case !a.Halt:
		return nil
	case s.Feature < FeatureHalt:
		return errors.New("halting needs a later feature level (R11)")
	case a.Clean || a.Unguarded:
		return errors.New("whoever halts is dirty")
	}
	return nil
}

// halts takes a life's newest word on whether it halts.
func (t *turn) halts(n *Node, a Announce) {
	n.Halted = ""
	if a.Halt {
		n.Halted = t.by.Boot
	}
}

// regained does what waited for a quorate view, which this one has become by an entry: somebody in it does not halt any more, or the roster gives
// those who decide more of the votes.
func (t *turn) regained() {
	t.uncounted()
	t.suspects()
	for i := range t.s.Nodes {
		t.settle(&t.s.Nodes[i])
	}
}

package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// FeatureReturners is the feature level from which whoever may lose its power gives no quorum, and victims remember that a join gave it: before
// that some member would judge the same claim otherwise (R11).
const FeatureReturners = 3

// voter protects quorum (R21): a member that was asked to go and still answers is fenced only if the others are quorate without it; any other
// victim that gives quorum is fenced too, but last and one at a time. Whom a program named waits like any other: only a person may cut two at once.
// Kept for R21: S2.5, L1.
func (t *turn) voter(n *Node, e ClaimEntry) error {
	v := n.Victim
	if (v.Cause == fence.CauseOperator || v.Cause == fence.CauseReported) && !v.Force {
		if e.Answers && t.s.Votes(n.ID) < t.s.Quorum() && !t.s.ByProof(n.ID) {
			return errors.New("it still answers and the others would not be quorate without it (R21)")
		}
		if v.Named || !t.s.returners() {
			return nil
		}
	}
	if o := t.s.Before(n); o != nil {
		return fmt.Errorf("it gives quorum and is fenced last and alone, %s comes first (R21)", t.name(o.ID))
	}
	return nil
}

// Before returns a node whose turn comes before this victim's, because quorum goes with the victim (R21); nil where none does. Whoever is in
// the view and may lose its power at any moment gives no quorum: two that came back together would be cut together, each with the quorum that
// the other gives, and nobody could switch them on again (pitfall 11). Who was named by an operator waits only for what is certain, who is
// forced for nothing.
func (s *State) Before(n *Node) *Node {
	v := n.Victim
	if v == nil || v.Force {
		return nil
	}
	rest := s.Votes(n.ID)
	if s.returners() && !v.Named {
		rest = s.secure(n.ID)
	}
	if rest >= s.Quorum() || (s.returners() && n.Instance == "") {
		return nil
	}
	var first *Node
	s.matters(func(o *Node) bool {
		if o.ID != n.ID && s.precedes(o) {
			first = o
		}
		return first == nil
	})
	return first
}

// precedes reports whether a victim that gives quorum waits for this node: for its claim, for what its ended claims may still do, and for each
// other victim's first full round. A device that never returns holds nobody up after that round.
func (s *State) precedes(o *Node) bool {
	v, here := o.Victim, o.Instance != ""
	if v == nil || (o.Reborn() && s.returners()) {
		return here && o.offInFlight() && s.returners() // nobody claims it again, so this ends (R9)
	}
	needed := here && s.Votes(o.ID) < s.Quorum()
	if here && v.Claim != nil && (needed || s.returners()) {
		return true
	}
	return !needed && v.Round == 0
}

func (s *State) returners() bool { return s.Feature >= FeatureReturners }

// secure sums the votes of the members of the view whose power nobody may cut at this moment, but for one node and for lives that halt or have their verdict.
func (s *State) secure(without fence.NodeID) int {
	return s.sum(without, func(m Origin) bool {
		n := s.Node(m.Node)
		return (n == nil || !n.mayFall()) && !s.Judged(m.Incarnation) && !s.Halts(m.Incarnation)
	})
}

// mayFall reports whether somebody has a claim on the node's power, or something of an ended one may still be in flight (R9).
func (n *Node) mayFall() bool {
	return (n.Victim != nil && n.Victim.Claim != nil) || n.offInFlight()
}

// offInFlight: what was claimed before, or what a drill does.
func (n *Node) offInFlight() bool {
	return (n.Drill != nil && n.Drill.Claim != nil) || slices.ContainsFunc(n.Unquiet, func(c Claim) bool { return !c.On })
}

// staying sums the votes of the daemons that a view takes over from the one before.
func (s *State) staying(old, now []Origin) int {
	sum := 0
	for _, m := range now {
		if among(old, m) && !s.Halts(m.Incarnation) {
			sum += s.votesOf(m.Node)
		}
	}
	return sum
}

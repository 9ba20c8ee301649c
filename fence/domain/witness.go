package domain

import (
	"errors"
	"fmt"

	"github.com/fenced-project/fenced/fence"
)

// A witness is a vote and a copy of the log. It holds nothing that is shared, so it is nobody's victim, is not scanned and announces no machine;
// it acts on nobody and accuses nobody, so a stolen or confused one can hold up a decision and cannot make one.

// Witness reports whether the committed roster calls this node a witness.
func (s *State) Witness(id fence.NodeID) bool {
	i, ok := s.Roster.Place(id)
	return ok && s.Roster.Nodes[i].Witness
}

// mayPropose lets a witness say nothing but that it is there, which features it has (R11), and what its copy of the log came to; and a life that has
// its verdict, or halts, nothing but its last words.
func (t *turn) mayPropose(e Entry) error {
	if e.Compare != nil && e.Compare.Hash != "" {
		return nil
	}
	if e.Announce == nil && e.Feature == nil && t.s.Witness(t.by.Node) {
		return fmt.Errorf("%s is a witness: it votes, and decides nothing", t.name(t.by.Node))
	}
	if t.s.Judged(t.by.Incarnation) && !t.lastWord(e) {
		return fmt.Errorf("%s has its verdict: it decides nothing; ask another node, and reboot this one (R18, R22)", t.by.Incarnation)
	}
	if t.s.Halts(t.by.Incarnation) && !t.lastWord(e) {
		return fmt.Errorf("%s halts: it decides nothing; ask another node, and reboot this one (R22, R24)", t.by.Incarnation)
	}
	if t.s.Feature >= FeatureJudged && (e.Arm != nil || e.Ack != nil) && t.condemned() {
		return fmt.Errorf("%s is a victim: it neither arms, disarms nor vouches; ask another node (R22)", t.by.Incarnation)
	}
	return nil
}

// condemned reports whether the proposer is a victim of its own: an operator's word for the cluster does not come by way of it. Its daemon refuses that
// by itself, but it may not know yet what it is.
func (t *turn) condemned() bool {
	n := t.s.Node(t.by.Node)
	return n != nil && n.Victim != nil && n.Victim.Incarnation == t.by.Incarnation
}

// attend takes a witness's word that it is there. Its file holds no roster, so the hash that it announces is only for people.
func (t *turn) attend(n *Node, a Announce) error {
	if !a.Clean || a.Unguarded {
		return errors.New("a witness has nothing that could be dirty")
	}
	n.Roster, n.Feature, n.Version = a.Roster, a.Feature, a.Version
	if n.Phase != PhaseMember {
		n.Phase = PhaseMember
		t.emit(Event{Kind: EventClean, Node: n.ID, Life: n.Life, Text: "a witness: nothing to scan"})
	}
	return nil
}

// witnessGone is the end of a witness's presence: a vote less, and nothing to fence, armed or not, with quorum or without.
func (t *turn) witnessGone(n *Node) {
	if n.Phase == PhaseMember {
		t.emit(Event{Kind: EventGone, Node: n.ID, Life: n.Life, Text: "a witness: nothing to fence"})
	}
	n.Phase = PhaseAbsent
}

// sameRoles refuses to make a witness of a node or a node of a witness under one id: what is known of the one would be believed of the other,
// and suspicion would be lost (R10).
func (t *turn) sameRoles(r fence.Roster) error {
	for _, n := range t.s.Roster.Nodes {
		if now, kept := r.Node(n.ID); kept && now.Witness != n.Witness {
			return fmt.Errorf("%s keeps its role: remove it, and add it again under another id", t.name(n.ID))
		}
	}
	return nil
}

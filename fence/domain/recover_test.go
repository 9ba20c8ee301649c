package domain

import (
	"errors"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// ruined is a domain of three of which node 3 makes another one: 1 and 2 are given up, 1 also where nothing can be proven.
func ruined(t *testing.T, w *world, lost ...LostNode) []Event {
	t.Helper()
	data, err := EncodeRecover(Recover{Lost: lost, By: "uid=0", Reason: "burnt"})
	if err != nil {
		t.Fatal(err)
	}
	w.index++
	es, _, err := w.s.ApplyRecover(w.index, data)
	if err != nil {
		t.Fatal(err)
	}
	return es
}

// alone shows the survivor's next life, clean, in a view of its own.
func alone(w *world, id fence.NodeID) {
	w.boots[id]++
	w.index++
	w.s.ApplyView(w.index, []Origin{w.origin(id)}, true)
	w.clean(id)
}

func TestRecoverGivesUpNodesAndTheirVotes(t *testing.T) { // R4
	w := newWorld(t, 3)
	generation, roster := w.s.Generation, w.s.RosterHash
	es := ruined(t, w, LostNode{Node: 1, Unproven: true}, LostNode{Node: 2})
	if !has(es, EventRecover) || !has(es, EventCold) || w.s.Generation != generation+1 {
		t.Fatalf("no cold start: %v", es)
	}
	if len(w.s.View.Members) != 0 || w.s.View.Quorate {
		t.Fatalf("the old view stays: %+v", w.s.View)
	}
	for id := fence.NodeID(1); id <= 2; id++ {
		v := w.s.Node(id).Victim
		if v == nil || v.Boot != w.origin(id).Boot || v.Cause != fence.CauseRecover || v.Action != fence.ActionOff || !v.Named || !v.Force || len(v.Requests) != 1 {
			t.Errorf("node %d was given up: %+v", id, v)
		}
	}
	if w.s.Node(1).Victim.Vouched == nil || w.s.Node(2).Victim.Vouched != nil {
		t.Error("a person vouched for node 1 and not for node 2")
	}
	if n := w.s.Node(3); !n.Unknown || n.Victim != nil {
		t.Errorf("the survivor is not unknown: %+v", n)
	}
	if w.s.Quorum() != 1 || w.s.RosterHash != roster {
		t.Errorf("quorum %d, roster %s, want 1 and the same roster", w.s.Quorum(), w.s.RosterHash)
	}
	alone(w, 3)
	if w.s.Votes(0) != 1 || !w.s.Eligible(3) {
		t.Fatalf("the survivor has %d votes and is eligible: %v", w.s.Votes(0), w.s.Eligible(3))
	}
	w.claim(3, 2)
	p := w.proof(2)
	w.must(3, Entry{Verdict: p})
	if n := w.s.Node(2); n.Last.Kind != fence.VerdictOff || !n.OffHeld || n.PowerOn != nil || !n.Lost {
		t.Errorf("node 2 is proven off and not held off: %+v", n)
	}
}

func TestVouchingComesAfterEverythingWasTried(t *testing.T) { // R4, R19
	w := newWorld(t, 3)
	ruined(t, w, LostNode{Node: 1, Unproven: true}, LostNode{Node: 2})
	alone(w, 3)
	if w.s.Node(1).Victim == nil {
		t.Fatal("a victim was released on a person's word before any device was asked")
	}
	for id := fence.NodeID(1); id <= 2; id++ {
		w.claim(3, id)
		es := w.must(3, Entry{ClaimEnd: &ClaimEnd{Node: id, Number: w.s.Node(id).Victim.Claim.Number, Quiet: true}})
		if has(es, EventVerdict) != (id == 1) {
			t.Errorf("node %d after a full round in vain: %v", id, es)
		}
	}
	l := w.s.Node(1).Last
	if l == nil || l.Kind != fence.VerdictAcknowledged || l.Evidence.Kind != fence.EvidenceOperator || l.Evidence.By != "uid=0" || l.Evidence.Reason != "burnt" {
		t.Errorf("node 1: %+v", l)
	}
	if w.s.Node(2).Victim == nil {
		t.Error("nobody vouched for node 2")
	}
}

func TestALostNodesVoteComesBackWithItsAdmission(t *testing.T) { // R4
	w := newWorld(t, 3)
	ruined(t, w, LostNode{Node: 1, Unproven: true}, LostNode{Node: 2})
	alone(w, 3)
	w.boots[2]++
	w.index++
	w.s.ApplyView(w.index, []Origin{w.origin(2), w.origin(3)}, true)
	if w.s.Votes(0) != 1 || w.s.Quorum() != 1 {
		t.Fatalf("a node that was given up counts before it is admitted: %d of %d", w.s.Votes(0), w.s.Quorum())
	}
	w.clean(2)
	if w.s.Votes(0) != 2 || w.s.Quorum() != 2 || w.s.Node(2).Lost {
		t.Errorf("admitted again: %d votes of %d", w.s.Votes(0), w.s.Quorum())
	}
}

func TestRecoverKeepsVictimsAlsoWhereNothingIsArmed(t *testing.T) { // R4, R10
	w := newWorld(t, 3)
	w.must(1, Entry{Arm: &Arm{Armed: false, By: "op"}})
	ruined(t, w, LostNode{Node: 1}, LostNode{Node: 2})
	if len(w.s.Victims()) != 2 {
		t.Fatal("a person gave them up by name, and they are no victims because nothing is armed")
	}
	w = newWorld(t, 3)
	w.view(1, 3)
	id := w.s.Node(2).Victim.ID
	ruined(t, w, LostNode{Node: 1}, LostNode{Node: 2})
	if v := w.s.Node(2).Victim; v == nil || v.ID != id || v.Action != fence.ActionOff || v.Cause != fence.CauseFailed {
		t.Errorf("the open victim became %+v", v)
	}
}

func TestWhatCannotBeRecovered(t *testing.T) { // R4
	w := newWorld(t, 3)
	for _, tt := range []struct {
		what string
		self fence.NodeID
		lost []fence.NodeID
		ok   bool
	}{
		{"two of three", 3, []fence.NodeID{1, 2}, true},
		{"one of three: the others are a quorum", 3, []fence.NodeID{1}, false},
		{"nobody", 3, nil, false},
		{"a node without a vote", 9, []fence.NodeID{1, 2}, false},
	} {
		if err := w.s.CheckRecover(tt.self, tt.lost); (err == nil) != tt.ok || (err != nil && !errors.Is(err, ErrNotRecoverable)) {
			t.Errorf("%s: %v", tt.what, err)
		}
	}
	if err := New().CheckRecover(1, []fence.NodeID{2}); err == nil {
		t.Error("a store without a roster")
	}
}

func TestALostWitnessIsNobodysVictim(t *testing.T) { // R4, R12
	w := newWorld(t, 3)
	w.s.Roster.Nodes[0].Witness, w.s.Roster.Nodes[0].Levels = true, nil // a role never changes by an entry
	if err := w.s.CheckRecover(1, []fence.NodeID{2, 3}); err == nil {
		t.Error("a witness fences nobody, and makes a domain")
	}
	ruined(t, w, LostNode{Node: 1}, LostNode{Node: 2})
	if n := w.s.Node(1); n.Victim != nil || !n.Lost {
		t.Errorf("the witness that was given up: %+v", n)
	}
	if w.s.Node(2).Victim == nil || w.s.Quorum() != 1 {
		t.Error("the node that was given up is no victim, or the witness counts")
	}
}

func TestADamagedRecoveryChangesNothing(t *testing.T) {
	w := newWorld(t, 3)
	w.index++
	if _, _, err := w.s.ApplyRecover(w.index, []byte("{")); err == nil {
		t.Error("it was taken")
	}
	if len(w.s.View.Members) != 3 {
		t.Error("the view is gone")
	}
}

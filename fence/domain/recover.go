package domain

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fenced-project/fenced/fence"
)

// Recover is what `fenced recover` writes behind the committed story of a store whose majority is gone for ever: from here on this is another
// domain (R4). It is no proposal: only the owner of a store, offline, can write it there, and the membership provider hands it over.
type Recover struct {
	AtMS int64      `json:"at_ms"`
	Lost []LostNode `json:"lost"`
	// By and Reason are the person's, and stay in history (R19).
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// LostNode is a node that is given up.
type LostNode struct {
	Node fence.NodeID `json:"node"`
	// Unproven: the person vouches that it is over even if no device can prove it.
	Unproven bool `json:"unproven,omitempty"`
}

// EncodeRecover encodes it for the log.
func EncodeRecover(r Recover) ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the recovery: %w", err)
	}
	return b, nil
}

// ApplyRecover begins the new domain: a cold start in which every clean node is unknown and every victim stays (R10); the nodes that are given
// up are victims whose power is to be cut and held off, whatever the brake says and also where nothing is armed, for a person asked for it by
// name; their votes do not count any more. The view is empty until the provider installs one.
// Kept for R4: S5.13, V3.
func (s *State) ApplyRecover(index uint64, data []byte) ([]Event, int64, error) {
	if index <= s.Index {
		return nil, 0, nil
	}
	s.Index = index
	var r Recover
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, 0, fmt.Errorf("the recovery at index %d does not decode: %w", index, err)
	}
	t := &turn{s: s, index: index}
	s.View, s.Comparison = View{Index: index}, nil
	t.uncounted()
	t.emit(Event{Kind: EventRecover, By: r.By, Reason: r.Reason, Text: r.By + ": " + r.Reason})
	t.coldStart()
	for _, l := range r.Lost {
		if n := s.Node(l.Node); n != nil {
			t.giveUp(n, l, r)
		}
	}
	t.orphans()
	t.disarms()
	s.counted()
	return t.events, r.AtMS, nil
}

// giveUp makes the newest life of a lost node a victim that is to be held off.
func (t *turn) giveUp(n *Node, l LostNode, r Recover) {
	n.Lost = true
	if r, ok := t.s.Roster.Node(n.ID); ok && r.Witness {
		return // it holds no state, and nothing powers it
	}
	if n.Victim == nil {
		life := t.s.meant(n)
		t.makeVictim(n, life, fence.CauseRecover)
	}
	ask := Ask{ID: fmt.Sprintf("recover-%d-%d", t.index, n.ID), By: r.By, Reason: r.Reason}
	v := n.Victim
	v.Action, v.Force, v.Named = fence.ActionOff, true, true
	t.askedNow(fence.CauseOperator, &v.AskedAt)
	if len(v.Requests) < maxAsks {
		v.Requests = append(v.Requests, ask)
	}
	if l.Unproven {
		v.Vouched = &ask
	}
	t.asked = &Request{ID: ask.ID, By: r.By, Reason: r.Reason, Action: fence.ActionOff}
	t.emit(Event{Kind: EventRequest, Node: n.ID, Life: v.Incarnation, Request: ask.ID, Text: r.By + ": " + r.Reason})
	t.asked = nil
}

// vouched ends a victim by the word of the person who gave it up, when everyone eligible has tried all levels and nothing was proven (R4,
// R19). Never before, never without that person's explicit word, and never for a node that is in the view.
func (t *turn) vouched(n *Node) {
	v := n.Victim
	if v == nil || v.Vouched == nil || v.Claim != nil || v.Round == 0 || n.Instance != "" || !t.s.Quorate() {
		return
	}
	ask := *v.Vouched
	t.emit(Event{Kind: EventAck, Node: n.ID, Life: v.Incarnation, Text: ask.By + ": " + ask.Reason})
	t.resolve(n, fence.Verdict{
		Incarnation: v.Incarnation, Kind: fence.VerdictAcknowledged, Actor: t.by.Node, Index: t.index,
		Evidence: fence.Evidence{Kind: fence.EvidenceOperator, By: ask.By, Reason: ask.Reason},
	}, nil, Times{})
}

// ErrNotRecoverable: nothing is lost, or not enough is known to make a domain of it.
var ErrNotRecoverable = errors.New("cannot recover")

func witness(r *fence.Roster, id fence.NodeID) bool {
	n, _ := r.Node(id)
	return n.Witness
}

// CheckRecover says why these nodes cannot be given up by node self, nil if they can: there is a roster, all of them are in it and are others,
// and those who stay are no quorum without it, so that nothing else helps.
func (s *State) CheckRecover(self fence.NodeID, lost []fence.NodeID) error {
	rest := 0
	for _, n := range s.Roster.Nodes {
		rest += s.votesOf(n.ID)
	}
	for _, id := range lost {
		rest -= s.votesOf(id)
	}
	switch {
	case s.Roster.Version == 0:
		return fmt.Errorf("%w: this store has no roster", ErrNotRecoverable)
	case s.votesOf(self) == 0:
		return fmt.Errorf("%w: this node has no vote in the domain that its store knows", ErrNotRecoverable)
	case witness(&s.Roster, self):
		return fmt.Errorf("%w: this node is a witness, which fences nobody: recover on a node that can", ErrNotRecoverable)
	case len(lost) == 0:
		return fmt.Errorf("%w: no node is named as lost", ErrNotRecoverable)
	case rest >= s.Quorum():
		return fmt.Errorf("%w: without them %d of the %d votes that quorum needs are left: start those nodes, nothing is lost for ever", ErrNotRecoverable, rest, s.Quorum())
	}
	return nil
}

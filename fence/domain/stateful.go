package domain

import (
	"errors"
	"fmt"

	"github.com/fenced-project/fenced/fence"
)

// stateful commits whether the proposer's life may hold state (R12). On is believed of every clean member at any time, because it only adds
// suspicion. Off spares a life whose daemon dies, so everything that could make it untrue refuses it, see idle.
// Kept for R12: S4.4, I1.
func (t *turn) stateful(e Stateful) error {
	n, err := t.present()
	if err != nil {
		return err
	}
	if !t.s.Clean(n.ID) {
		return fmt.Errorf("%s is no clean member", t.name(n.ID))
	}
	if !e.On {
		if err := t.idle(e, n); err != nil {
			return err
		}
	} else if t.s.Roster.Policy.IdleStateless {
		n.StatefulAt = t.index // whatever off was on its way is void from now on
	}
	if n.Stateful != e.On {
		n.Stateful = e.On
		t.emit(Event{Kind: EventStateful, Node: n.ID, Life: n.Life, On: e.On})
	}
	if !e.On {
		t.closes(n)
	}
	return nil
}

// idle says why a life does not become stateless. Its word is about a scan with the grant gate closed, so it is void once a later On was
// committed: a proposal whose outcome was lost may arrive at any time, also after a grant.
func (t *turn) idle(e Stateful, n *Node) error {
	switch {
	case !t.s.Quorate():
		return fence.ErrNoQuorum
	case !t.s.Armed:
		return fence.ErrNotArmed
	case !t.s.Roster.Policy.IdleStateless:
		return errors.New("by the roster's policy a member always counts as stateful (R12)")
	case e.Since != n.StatefulAt:
		return fmt.Errorf("it was proposed before %s became stateful at index %d (R12)", t.name(n.ID), n.StatefulAt)
	}
	return nil
}

// idlePolicy follows a change of the policy: without it every member counts as stateful again, and with it nothing that was proposed before
// counts.
func (t *turn) idlePolicy(was, is bool) {
	for i := range t.s.Nodes {
		n := &t.s.Nodes[i]
		if is && (!was || n.StatefulAt == 0) {
			n.StatefulAt = t.index
		}
		if was && !is && t.s.Armed && n.Phase == PhaseMember && !n.Stateful && !t.s.Witness(n.ID) {
			n.Stateful = true
			t.emit(Event{Kind: EventStateful, Node: n.ID, Life: n.Life, On: true})
		}
	}
}

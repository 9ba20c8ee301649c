package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// Some devices open a way only when the very node says so: an agent whose `on` is on_target, as fence_scsi's, registers the key of the machine that it
// runs on. Nobody commands that from elsewhere. The daemon of the new boot does it under a claim of its own: once, before it is admitted, and never
// later in that boot, for then it could undo a cut of a life that goes on (R18, V11, 0099).

// FeatureOwn is the feature level from which a node opens such ways itself (R11).
const FeatureOwn = 3

// Opened is what the daemon of one boot of a node has opened itself.
type Opened struct {
	Boot  string       `json:"boot"`
	Steps []fence.Step `json:"steps"`
}

// Own reports whether the very life that a claim is for has it: it opens its own ways.
func (c *Claim) Own() bool { return c.Unfence && c.Actor.Boot == c.Boot }

// onTarget reports whether nobody but the node that a step is about may open it.
func (s *State) onTarget(st fence.Step) bool {
	d, ok := s.Roster.Device(st.Device)
	return ok && d.OnTarget && d.Kind == fence.KindStorage && s.Feature >= FeatureOwn
}

// ToOpen are the steps that may be closed to a node: those that others open, and those that only its own daemon does.
func (s *State) ToOpen(n *Node) (others, own []fence.Step) {
	if n.Cut == nil {
		return nil, nil
	}
	for _, st := range n.Cut.Steps {
		if s.onTarget(st) {
			own = append(own, st)
		} else {
			others = append(others, st)
		}
	}
	return others, own
}

// owes notes what the pending life has to open itself, cut before or not: a registration belongs to a boot (required unfencing). Who was stateful
// was admitted in this boot already, and a cluster that is not armed touches no device.
func (t *turn) owes(n *Node) {
	if c := n.Cut; c != nil && c.Owed && c.Claim == nil && !t.s.Armed && !c.Force {
		n.Cut = nil
	}
	if t.s.Feature < FeatureOwn || !t.s.Armed || n.Pending == nil || n.Stateful {
		return
	}
	r, _ := t.s.Roster.Node(n.ID)
	var all []fence.Step
	for _, l := range r.Levels {
		for _, st := range l.Steps {
			if t.s.onTarget(st) && !n.hasOpened(st) {
				all = append(all, st)
			}
		}
	}
	if len(all) == 0 {
		return
	}
	if n.Cut != nil {
		owed := n.Cut.Owed
		t.closed(n, n.Cut.ID, all)
		n.Cut.Owed = owed
		return
	}
	t.closed(n, t.number(), all)
	n.Cut.Owed = true
}

// hasOpened reports whether the life that is there has opened a step itself, in this boot.
func (n *Node) hasOpened(st fence.Step) bool {
	return n.Opened != nil && n.Opened.Boot == n.Life.Boot && slices.Contains(n.Opened.Steps, st)
}

// opened remembers what the life that is there has opened itself.
func (n *Node) opened(steps []fence.Step) {
	o := Opened{Boot: n.Life.Boot}
	if n.Opened != nil && n.Opened.Boot == o.Boot {
		o.Steps = slices.Clone(n.Opened.Steps)
	}
	for _, st := range steps {
		if !slices.Contains(o.Steps, st) {
			o.Steps = append(o.Steps, st)
		}
	}
	n.Opened = &o
}

// MayOpenItself says why the daemon of a node does not open its own ways now, nil if it may: only that of a clean new boot that waits for its admission,
// by the committed roster, when the others have opened what they can, and not while an operator holds the machine off.
func (s *State) MayOpenItself(n *Node) error {
	others, own := s.ToOpen(n)
	name := s.Roster.Name(n.ID)
	switch {
	case len(own) == 0:
		return fmt.Errorf("nothing is closed to %s that it opens itself", name)
	case n.Pending == nil || n.Stateful:
		return fmt.Errorf("%s opens its ways itself only in a new boot, before it is admitted (R18, V11)", name)
	case n.OffHeld && n.Cut.AskedAt == 0:
		return fmt.Errorf("an operator holds %s off", name)
	case n.Roster != s.RosterHash:
		return fmt.Errorf("the file of %s is not the committed roster (R5)", name)
	case n.Outvoted():
		return fmt.Errorf("%s has another state than the majority (I3)", name)
	case len(others) > 0:
		return fmt.Errorf("%s is to be opened by others first", others[0])
	}
	return errors.Join(s.MayOpen(n), s.MayUnfence(n))
}

// itself reports whether the proposer asks to open its own ways, and there are such that only it opens.
func (t *turn) itself(n *Node, e ClaimEntry) bool {
	_, own := t.s.ToOpen(n)
	return e.Unfence && !e.Drill && t.by.Node == n.ID && len(own) > 0
}

// whoOpens refuses a claim to open the ways of a node by who must not have it: others open what a switch closes, the node itself what is registered on it.
func (t *turn) whoOpens(n *Node) error {
	if t.by.Node == n.ID {
		return t.s.MayOpenItself(n)
	}
	if others, _ := t.s.ToOpen(n); len(others) == 0 {
		return fmt.Errorf("only the daemon of %s opens what is closed to it (R18, V11)", t.name(n.ID))
	}
	return nil
}

// left are the steps that an unfencing that went well has not opened.
func (s *State) left(n *Node, c Claim) []fence.Step {
	others, own := s.ToOpen(n)
	if c.Own() {
		return others
	}
	return own
}

package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// A pause keeps the members from acting on a node by themselves, or on any: somebody works on it. Nothing else changes: its lives become victims as
// ever, whoever waits for them waits, and nobody is released. What an operator asks for by name is done, and what ran when it was paused is finished (0081).

// FeaturePause is the feature level from which nodes are paused (R11).
const FeaturePause = 3

// PauseEntry pauses a node or resumes it; without a node it pauses, or resumes, the whole cluster.
type PauseEntry struct {
	Node   fence.NodeID `json:"node,omitempty"`
	On     bool         `json:"on"`
	By     string       `json:"by"`
	Reason string       `json:"reason,omitempty"`
	// ForMS ends it so long after it was committed, in milliseconds by a member's own timer; 0 is until somebody resumes.
	ForMS int64 `json:"for_ms,omitempty"`
}

// Pause is one that is in force.
type Pause struct {
	Node   fence.NodeID `json:"node,omitempty"` // 0 for all
	Since  uint64       `json:"since"`          // its index, which a TimeOver names
	By     string       `json:"by"`
	Reason string       `json:"reason,omitempty"`
	ForMS  int64        `json:"for_ms,omitempty"`
}

// ErrPaused: nobody acts on the node by himself.
var ErrPaused = fmt.Errorf("%w: paused, nobody acts on it until it is resumed or an operator names it", fence.ErrRefused)

func (s *State) pausedAt(id fence.NodeID) (int, bool) {
	return slices.BinarySearchFunc(s.Paused, id, func(p Pause, id fence.NodeID) int { return int(int64(p.Node) - int64(id)) })
}

// PausedNode reports whether this very node is paused: it does not act either (R8).
func (s *State) PausedNode(id fence.NodeID) bool {
	_, is := s.pausedAt(id)
	return is
}

// IsPaused reports whether a node is paused, by itself or with all others.
func (s *State) IsPaused(id fence.NodeID) bool {
	return len(s.Paused) > 0 && (s.Paused[0].Node == 0 || s.PausedNode(id))
}

// pause pauses or resumes. It needs quorum and a member that is no victim: nobody puts off its own fence.
func (t *turn) pause(e PauseEntry) error {
	if t.s.Feature < FeaturePause {
		return fmt.Errorf("a pause needs feature level %d, the committed one is %d (R11)", FeaturePause, t.s.Feature)
	}
	if err := t.quorate(); err != nil {
		return err
	}
	by, err := t.present()
	if err != nil {
		return err
	}
	if err := checkTexts(e.By, e.Reason); err != nil {
		return err
	}
	name := "all nodes"
	if e.Node != 0 {
		if _, err := t.node(e.Node); err != nil {
			return err
		}
		name = t.name(e.Node)
	}
	i, is := t.s.pausedAt(e.Node)
	switch {
	case by.Victim != nil:
		return fmt.Errorf("%s is a victim: it decides nothing (R22)", t.name(by.ID))
	case e.By == "" || e.On && e.Reason == "":
		return errors.New("a pause needs a name and a reason: somebody will find it")
	case e.ForMS < 0 || e.ForMS > MaxForMS || !e.On && e.ForMS != 0:
		return fmt.Errorf("a pause is for at most %d ms", int64(MaxForMS))
	case !e.On && !is:
		return fmt.Errorf("%s: not paused", name)
	case !e.On:
		t.unpaused(i, e.By+": "+e.Reason)
		return nil
	case t.s.Witness(e.Node):
		return fmt.Errorf("%s is a witness: it is never fenced and never acts", name)
	case e.Node != 0 && !is && !slices.ContainsFunc(t.s.Eligibles(), func(id fence.NodeID) bool { return id != e.Node }):
		return fmt.Errorf("%w: a paused node does not act (R8), and besides %s none may: pause all nodes instead", fence.ErrRefused, name)
	}
	p := Pause{Node: e.Node, Since: t.index, By: e.By, Reason: e.Reason, ForMS: e.ForMS}
	t.s.Paused = slices.Clone(t.s.Paused)
	if is {
		t.s.Paused[i] = p
	} else {
		t.s.Paused = slices.Insert(t.s.Paused, i, p)
	}
	t.emit(Event{Kind: EventPause, Node: e.Node, Text: e.By + ": " + e.Reason})
	return nil
}

// unpaused ends the pause at this place.
func (t *turn) unpaused(i int, text string) {
	node := t.s.Paused[i].Node
	t.s.Paused = slices.Delete(slices.Clone(t.s.Paused), i, i+1)
	t.emit(Event{Kind: EventResume, Node: node, Text: text})
}

// forgetPauses drops those of nodes that the roster has no more.
func (t *turn) forgetPauses() {
	t.s.Paused = slices.DeleteFunc(slices.Clone(t.s.Paused), func(p Pause) bool { return p.Node != 0 && t.s.Node(p.Node) == nil })
}

package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// Replace is a human's word that another machine takes a node's place: the machine that is known is dropped, and never accepted again under
// this name unless the configuration declares it. The next clean life may bring the new one (R2, S5.6).
type Replace struct {
	Node fence.NodeID `json:"node"`
	// Old is the machine that the human saw and gives up: of two who replace at once the second is told.
	Old fence.Machine `json:"old"`
	// New is the one machine that is accepted; unset: the one that waits, else the first that announces itself clean.
	New    *fence.Machine `json:"new,omitempty"`
	By     string         `json:"by"`
	Reason string         `json:"reason"`
}

// maxFormer bounds Node.Former.
const maxFormer = 8

func (t *turn) replace(e Replace) error {
	if err := t.quorate(); err != nil {
		return err
	}
	if _, err := t.present(); err != nil {
		return err
	}
	n, err := t.node(e.Node)
	if err != nil {
		return err
	}
	if err := checkTexts(e.By, e.Reason, e.Old.UUID, e.Old.Serial); err != nil {
		return err
	}
	r, _ := t.s.Roster.Node(n.ID)
	switch {
	case e.By == "" || e.Reason == "":
		return errors.New("giving up a machine needs a name and a reason (R19)")
	case r.Machine != nil:
		return fmt.Errorf("the machine of %s is declared in the configuration: change it there and apply", t.name(n.ID))
	case !n.Machine.Known():
		return fmt.Errorf("no machine of %s is known: the next clean life brings it", t.name(n.ID))
	case n.Machine.UUID != e.Old.UUID:
		return fmt.Errorf("%w: the machine of %s is %s, %s was to be given up", fence.ErrStale, t.name(n.ID), n.Machine.UUID, e.Old.UUID)
	}
	if err := t.over(n, true); err != nil {
		return fmt.Errorf("the machine of %s cannot be given up: %w", t.name(n.ID), err)
	}
	fresh := e.New
	if fresh == nil && n.Instance != "" {
		fresh = n.Foreign
	}
	if err := t.acceptable(n, fresh); err != nil {
		return err
	}
	old := n.Machine
	n.forgetMachine()
	text := fmt.Sprintf("machine %s is given up by %s: %s", old.UUID, e.By, e.Reason)
	if fresh != nil {
		n.Machine = *fresh
		n.Former = slices.DeleteFunc(n.Former, func(m fence.Machine) bool { return m.Same(*fresh) })
		text = fmt.Sprintf("machine %s takes the place of %s, by %s: %s", fresh.UUID, old.UUID, e.By, e.Reason)
	}
	t.rename(n, old)
	if n.Instance != "" {
		n.again(t.index) // the life that was refused may announce itself again
	}
	t.emit(Event{Kind: EventReplace, Node: n.ID, Text: text})
	return nil
}

// acceptable refuses a new machine that identifies nothing or is another node's.
func (t *turn) acceptable(n *Node, m *fence.Machine) error {
	if m == nil {
		return nil
	}
	if !m.Known() {
		return fmt.Errorf("%q identifies no machine", m.UUID)
	}
	for _, o := range t.s.Nodes {
		if o.ID != n.ID && o.Machine.Same(*m) {
			return fmt.Errorf("machine %s is the machine of %s (R16)", m.UUID, t.name(o.ID))
		}
	}
	return nil
}

// forgetMachine gives up the machine that is known, and with it what a drill proved about its outlets and what its watchdog was.
func (n *Node) forgetMachine() {
	n.Former = append(slices.Clone(n.Former), n.Machine)
	n.Former = n.Former[max(0, len(n.Former)-maxFormer):]
	n.Machine, n.Watchdog, n.Proven = fence.Machine{}, fence.Watchdog{}, nil
}

// former reports whether a machine was given up for this node.
func (n *Node) former(m fence.Machine) bool {
	return slices.ContainsFunc(n.Former, func(f fence.Machine) bool { return f.Same(m) })
}

package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// Removed is what stays of a node that left the roster: boots that are over are never admitted, also if the node is added again (R16).
type Removed struct {
	ID    fence.NodeID `json:"id"`
	Ended []string     `json:"ended"`
}

// maxRemoved bounds State.Removed; the oldest goes first.
const maxRemoved = 256

// newcomer is a node of which nothing is known. Those of the first roster may hold state from before; one that is added to a running cluster
// was never admitted here, so nobody has to be afraid of it before it comes (0029).
func (t *turn) newcomer(id fence.NodeID) Node {
	n := Node{ID: id, Phase: PhaseAbsent, NextClaim: 1, Unknown: t.s.Roster.Version == 0}
	if t.s.Roster.Version == 0 {
		return n
	}
	n.Added = true
	n.NextClaim = t.index // it may have been here before: each claim took an index, so numbers never repeat (R7)
	for _, r := range t.s.Removed {
		if r.ID == id {
			n.Ended = slices.Clone(r.Ended)
		}
	}
	return n
}

// removable demands of every node that the new roster does not name that nothing of it can be lost (R5).
func (t *turn) removable(r fence.Roster) error {
	for i := range t.s.Nodes {
		n := &t.s.Nodes[i]
		if _, kept := r.Node(n.ID); kept {
			continue
		}
		if n.ID == t.by.Node && t.s.EverArmed {
			return fmt.Errorf("%s cannot be removed by itself: let it leave, then remove it on another node (R5)", t.name(n.ID))
		}
		if err := t.over(n, false); err != nil {
			return fmt.Errorf("%s cannot be removed: %w", t.name(n.ID), err)
		}
	}
	return nil
}

// errNotOver is what a node needs before it may be forgotten, as a whole or its machine.
var errNotOver = errors.New("it needs a verdict, a clean leave or an acknowledgement first (R5)")

// over says why some life of a node may still hold state or be acted upon, nil if all are over: it left cleanly, its last life has a
// verdict or an acknowledgement, or none is remembered and nothing is unknown. With foreign, a clean life that was refused because of its machine does not count:
// it holds nothing and waits to be told that it is the right one (0026).
func (t *turn) over(n *Node, foreign bool) error {
	proven := n.Last != nil && (n.Life == n.Last.Incarnation || n.Life.Zero() || t.s.IsOver(n.Life))
	refused := foreign && n.Foreign != nil && n.Instance != "" && n.Phase == PhaseJoining
	switch {
	case len(n.Unquiet) > 0, n.PowerOn != nil && n.PowerOn.Claim != nil:
		return errors.New("something may still be in flight to its devices (R9)")
	case n.Victim != nil:
		return fmt.Errorf("operation %d on it is open; %w", n.Victim.ID, errNotOver)
	case n.Suspect != "", !n.Lapsed.Zero():
		return fmt.Errorf("it went without quorum and nobody knows how; %w", errNotOver)
	case n.Unknown:
		return fmt.Errorf("nobody knows whether it holds state; %w", errNotOver)
	case n.Cut != nil && n.Cut.Claim != nil:
		return errors.New("its ways are being opened (R9)")
	case n.lives():
		return fmt.Errorf("%s is cut off and goes on: reset it, switch it off or acknowledge it first (R18)", n.Cut.Life)
	case n.Drill != nil:
		return fmt.Errorf("drill %d on it is open", n.Drill.ID)
	case refused:
		return nil
	case n.Instance != "":
		return fmt.Errorf("it is in the view; %w", errNotOver)
	case n.Phase == PhaseLeft, proven, n.Added, n.Life.Zero(), t.s.Witness(n.ID):
		return nil
	}
	return fmt.Errorf("it is %s; %w", n.Phase, errNotOver)
}

// bury keeps what must never be forgotten of nodes that the new roster does not name, and drops what a node took up that is back.
func (t *turn) bury(r fence.Roster) {
	graves := slices.DeleteFunc(slices.Clone(t.s.Removed), func(g Removed) bool {
		_, back := r.Node(g.ID)
		return back
	})
	for _, n := range t.s.Nodes {
		if _, kept := r.Node(n.ID); !kept && len(n.Ended) > 0 {
			graves = append(graves, Removed{ID: n.ID, Ended: n.Ended})
		}
	}
	t.s.Removed = graves[max(0, len(graves)-maxRemoved):]
}

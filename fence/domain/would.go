package domain

import "github.com/fenced-project/fenced/fence"

// FeatureWould is the feature level from which what a disarmed cluster would have done has a number of its own, as an operation has, so that
// history keeps it (R11).
const FeatureWould = 3

// would says what an armed cluster would have done about a life. Nobody is a victim for it; the node is unknown from then on (R10).
func (t *turn) would(n *Node, life fence.Incarnation, cause fence.Cause) {
	n.Unknown, n.Stateful = true, false
	e := Event{Kind: EventWould, Node: n.ID, Life: life, Cause: cause, Text: "would be a victim, the cluster is not armed"}
	if t.s.Feature >= FeatureWould {
		e.Operation, e.Action = t.number(), t.leaves(n)
	}
	t.emit(e)
}

// actionOn is what a node's fence is to leave behind.
func (t *turn) actionOn(id fence.NodeID) fence.Action {
	if r, ok := t.s.Roster.Node(id); ok && r.Action != "" {
		return r.Action
	}
	return fence.ActionReboot
}

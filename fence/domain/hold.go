package domain

import "github.com/fenced-project/fenced/fence"

// FeatureHold is the feature level from which a hold outlives what happens to its node meanwhile (R11).
const FeatureHold = 3

// leaves is what an operation on a node is to leave behind: what the roster says of its fences, unless an operator holds the machine off. A hold ends
// by a person's word (on, reboot) or by a clean life of the node that is admitted, which only a person can have started; never by an operation that
// nobody asked for, as the one on an unknown node after a cold start (R10, R23, 0082).
func (t *turn) leaves(n *Node) fence.Action {
	if n.OffHeld && t.s.Feature >= FeatureHold {
		return fence.ActionOff
	}
	return t.actionOn(n.ID)
}

package domain

import "github.com/fenced-project/fenced/fence"

// FeatureHold is the feature level from which a hold outlives what happens to its node meanwhile (R11).
const FeatureHold = 3

// leaves is what an operation on a node is to leave behind: what the roster says of its fences, unless an operator holds the machine off. A hold ends
// by a person's word (on, reboot) or by a clean life of the node that is admitted, which only a person can have started; never by an operation that
// nobody asked for, as the one on an unknown node after a cold start, nor by what a program asks for (R10, played by R10-held-off; 0082). One of two that came back and was lost
// again too often is held off too (R23, returns.go).
func (t *turn) leaves(n *Node) fence.Action {
	if (n.OffHeld || n.Looped()) && t.s.Feature >= FeatureHold {
		return fence.ActionOff
	}
	return t.actionOn(n.ID)
}

// wished is what an operation that is asked for is to leave behind. A person's word ends a hold, and the count of returns with it; a program, as dlm, which asks
// for every node that it misses, does not know of holds (0082).
func (t *turn) wished(n *Node, r Request) fence.Action {
	switch {
	case t.s.Feature < FeatureHold:
	case r.Cause == fence.CauseOperator && r.Action == fence.ActionReboot:
		n.OffHeld, n.Losses = false, Losses{}
	case r.Cause != fence.CauseOperator && (n.OffHeld || n.Looped()):
		return fence.ActionOff
	}
	return r.Action
}

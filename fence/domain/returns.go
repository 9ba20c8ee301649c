package domain

import (
	"fmt"

	"github.com/fenced-project/fenced/fence"
)

// Of two nodes with two_node the one that is switched off boots, waits for the other, is let in, and is lost again when their link breaks again. Each time
// costs a power-off, and everything that runs there. The one that stays counts these returns and stops at a bound: then it leaves the other off until
// a person lifts the hold (R23, L5, ADR 0106). Kept for R23: S5.14, R23-two-node-loop.txt, L5.

// FeatureReturns is the feature level from which the returns of one of two are counted (R11).
const FeatureReturns = 3

// MaxReturns is how often one of two may come back after it was lost and be lost again. It is as many lives in a row as end themselves in vain (R24): the
// first loss is an accident, a second one a coincidence, and what three returns have not mended a fourth one does not.
const MaxReturns = 3

// QuietMS is for how long it must have been a clean member since its last loss, by a member's own timer, for the count to begin anew: long enough for a link that
// breaks under the load of a recovery or of a backup, and not so long that two accidents of one day add up.
const QuietMS = 60 * 60 * 1000

// Losses are the losses of one node with less than QuietMS between them, of two nodes with two_node.
type Losses struct {
	Count int `json:"count,omitempty"`
	// Boot is the newest life that was counted: each is lost once, whatever was tried against it.
	Boot string `json:"boot,omitempty"`
	// Since is the index of its newest admission since, 0 while it is away. A TimeOver names it.
	Since uint64 `json:"since,omitempty"`
}

// Looped reports whether this node has come back and was lost again as often as one of two may.
func (n *Node) Looped() bool { return n.Losses.Count > MaxReturns }

// Kept reports whether the bound on returns, and no person, keeps this node off.
func (n *Node) Kept() bool { return n.OffHeld && n.Looped() }

// Calms reports whether the time without a loss runs that ends the count.
func (n *Node) Calms() bool {
	return n.Losses.Count > 0 && n.Losses.Since != 0 && n.Phase == PhaseMember && n.Victim == nil
}

// lostAgain counts a life of one of two that nobody asked to be ended.
func (t *turn) lostAgain(n *Node, boot string) {
	if t.s.Feature < FeatureReturns || t.s.TwoMS() == 0 || boot == "" || boot == n.Losses.Boot {
		return
	}
	n.Losses = Losses{Count: n.Losses.Count + 1, Boot: boot}
}

// restored counts a life that was switched off to prove it over and is nobody's victim, because it was idle or not let in yet, when the one that did that asks
// for its power (0083). It reports whether the node stays off instead.
func (t *turn) restored(n *Node, r Request) bool {
	if r.byPerson() {
		n.Losses = Losses{} // who asks has looked
		return false
	}
	if r.By != ByItself || n.PowerOn != nil {
		return false
	}
	if t.lostAgain(n, n.Life.Boot); !n.Looped() {
		return false
	}
	t.keep(n, n.Life)
	return true
}

// keep holds a node off and says so once.
func (t *turn) keep(n *Node, life fence.Incarnation) {
	was := n.OffHeld
	n.OffHeld = true
	if n.Looped() && !was {
		t.emit(Event{Kind: EventHeld, Node: n.ID, Life: life, Operation: n.LastOperation, Text: n.KeptWhy()})
	}
}

// KeptWhy says in words why nobody powers a kept node on.
func (n *Node) KeptWhy() string {
	return fmt.Sprintf("it came back %d times and was lost again each time, so it stays off until somebody has looked at the link between both (R23)", n.Losses.Count-1)
}

// calm begins to count the time without a loss, when it is let in.
func (t *turn) calm(n *Node) {
	if n.Losses.Count > 0 {
		n.Losses.Since = t.index
	}
}

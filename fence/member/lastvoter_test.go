package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// lastOfTwo is a view of 1 and 2, in which 2 is a victim that gives quorum; 3 is away.
func lastOfTwo(t *testing.T) (*cluster, func(ms int64) bool) {
	c := newCluster(t, 3, true)
	m := c.n(1).m
	life := c.n(2).self().Incarnation
	two, three := m.dom.Node(2), m.dom.Node(3)
	two.Phase = domain.PhaseDirty
	two.Victim = &domain.Victim{ID: 1, Victim: fence.Victim{Incarnation: life, Cause: fence.CauseFailed, Action: fence.ActionReboot, Index: m.dom.Index}}
	three.Phase, three.Instance, three.Stateful = domain.PhaseAbsent, "", false
	m.dom.View.Members = m.dom.View.Members[:2]
	m.dom = restored(t, m.dom) // what was changed by hand is counted
	claimed := false
	c.onPropose = func(_ fence.NodeID, p Propose) bool {
		claimed = claimed || p.Entry.Claim != nil && p.Entry.Claim.Node == 2
		return true
	}
	return c, func(ms int64) bool {
		for end := c.now + ms; c.now < end; {
			c.now += 500
			c.give(c.n(1), Tick{})
		}
		return claimed
	}
}

// R21, S5.2: who gives quorum is not fenced while a voter with a new store is about to come: then nobody could commit the proof.
func TestTheLastVoterIsFencedWhenNobodyElseCame(t *testing.T) {
	c, claims := lastOfTwo(t)
	delay := c.dom(1).Roster.Timing.PostJoinDelayMS
	if claims(delay - 1500) {
		t.Fatal("quorum was fenced away while node 3 could still come")
	}
	if !claims(3000) {
		t.Fatal("it is waited for for ever")
	}
	c, claims = lastOfTwo(t)
	c.dom(1).Node(3).OffHeld = true // nobody waits for who is held off
	if !claims(2000) {
		t.Fatal("who is held off is waited for")
	}
}

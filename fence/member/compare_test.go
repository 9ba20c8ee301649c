package member

import (
	"errors"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// errs makes a node's copy of the domain another one than the others', as a mistake in Apply or in memory would: it forgot something of a node.
func (c *cluster) errs(id fence.NodeID) { c.dom(id).Node(id).Proven = []string{"nobody proved this"} }

// something is committed, so that there is something to compare.
func (c *cluster) something() {
	c.append(record{by: c.n(1).self(), data: encode(c.t, domain.Entry{Arm: &domain.Arm{Armed: true, By: "test"}})})
}

func TestAMemberWithAnotherStateIsFrozen(t *testing.T) { // I3
	c := newCluster(t, 4, true)
	db := c.register(3, "db", RoleWatch)
	c.run(compareEveryMS + 2000)
	if c.dom(1).Comparison == nil || len(c.dom(1).Comparison.Words) != 4 {
		t.Fatalf("nobody compared anything: %+v", c.dom(1).Comparison)
	}
	for _, x := range c.nodes {
		if why := x.m.Frozen(); why != "" {
			t.Fatalf("node %d is frozen: %s", x.id, why)
		}
	}
	c.errs(3)
	c.something()
	c.run(compareEveryMS + 2000)
	for _, x := range c.nodes {
		if (x.m.Frozen() != "") != (x.id == 3) || !x.m.Domain().Node(3).Outvoted() {
			t.Fatalf("node %d: frozen %q, knows %v", x.id, x.m.Frozen(), x.m.Domain().Node(3).Outvoted())
		}
		if c.count(x.id, domain.EventDiverged, 3) != 1 {
			t.Errorf("node %d says it %d times", x.id, c.count(x.id, domain.EventDiverged, 3))
		}
	}
	if db.kinds() != "state granted frozen" {
		t.Errorf("its client was told %s", db.kinds())
	}
	if d := db.last(TellFrozen); !strings.Contains(d.Why, "(I3)") {
		t.Errorf("its client was told %q", d.Why)
	}
	c.give(c.n(3), Requested{Reply: 7, Entry: domain.Entry{Request: &domain.Request{ID: "r", Node: 1, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}}})
	c.give(c.n(3), LeaveRequested{Reply: 8, UntilMS: c.now + 1000})
	if as := c.n(3).answers; len(as) != 2 || !errors.Is(as[0].Err, fence.ErrRefused) || !errors.Is(as[1].Err, fence.ErrRefused) {
		t.Errorf("answers %+v", as)
	}
	// The others go on; it has no part in it, though the first in rank is away.
	proposed := 0
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		if by == 3 && p.Entry.Compare == nil {
			proposed++
		}
		return false
	}
	c.kill(1)
	c.run(2000)
	c.install()
	c.run(3000)
	if c.offs[1] != 1 || proposed != 0 || c.count(2, domain.EventClaim, 1) == 0 {
		t.Errorf("off %d times, claims %d, it proposed %d entries", c.offs[1], c.count(2, domain.EventClaim, 1), proposed)
	}
	if len(c.n(3).released) != 0 || len(c.n(2).released) != 1 {
		t.Errorf("it released %v, another %v", c.n(3).released, c.n(2).released)
	}
	c.dom(3).Node(3).Victim = &domain.Victim{Victim: fence.Victim{Incarnation: c.n(3).self().Incarnation}}
	c.run(1000)
	if c.n(3).fell {
		t.Error("it ended its machine because its own wrong state said so")
	}
	c.run(2 * compareEveryMS)
	if c.n(3).m.Frozen() == "" || c.n(2).m.Frozen() != "" {
		t.Errorf("later: %q and %q", c.n(3).m.Frozen(), c.n(2).m.Frozen())
	}
}

// What was in flight is cancelled and handed over; another member ends it.
func TestAFrozenMembersWalkIsHandedOver(t *testing.T) { // I3, R9
	c := newCluster(t, 4, true)
	c.dead[4] = true // the walk takes its time
	c.errs(1)
	c.kill(4)
	c.run(2000)
	c.install()
	c.run(2000)
	if v := c.dom(2).Node(4).Victim; v == nil || v.Claim == nil || v.Claim.Actor.Node != 1 {
		t.Fatalf("the first in rank did not claim: %+v", v)
	}
	for i := 0; c.n(1).m.Frozen() == "" && i < 30; i++ {
		c.run(1000)
	}
	if c.n(1).m.Frozen() == "" {
		t.Fatal("it was never frozen")
	}
	c.dead[4] = false
	c.run(60_000)
	if c.dom(2).Node(4).Victim != nil || c.dom(2).Node(4).Last == nil || c.dom(2).Node(4).Last.Actor == 1 {
		t.Errorf("victim %+v, last %+v", c.dom(2).Node(4).Victim, c.dom(2).Node(4).Last)
	}
}

// Of two who differ nobody knows who is right, so both wait; a third word decides.
func TestTwoWhoDifferBothWait(t *testing.T) {
	c := newCluster(t, 3, true)
	c.run(compareEveryMS + 2000)
	silent := true
	c.onPropose = func(by fence.NodeID, p Propose) bool { return by == 2 && p.Entry.Compare != nil && silent }
	c.errs(3)
	c.something()
	c.run(compareEveryMS + 1000)
	if c.n(1).m.Frozen() == "" || c.n(3).m.Frozen() == "" || c.n(2).m.Frozen() != "" {
		t.Fatalf("frozen: %q, %q, %q", c.n(1).m.Frozen(), c.n(2).m.Frozen(), c.n(3).m.Frozen())
	}
	silent = false
	c.run(20_000) // what was lost without a word is given up first
	if c.n(1).m.Frozen() != "" || c.n(3).m.Frozen() == "" || c.n(2).m.Frozen() != "" {
		t.Fatalf("then: %q, %q, %q", c.n(1).m.Frozen(), c.n(2).m.Frozen(), c.n(3).m.Frozen())
	}
	// The next daemon of that node begins with the log, and is no worse than anybody.
	c.powerOff(3)
	c.run(2000)
	c.install()
	c.run(5000)
	if !c.n(3).up {
		c.boot(3)
	}
	c.install()
	c.run(2*compareEveryMS + 2000)
	if c.n(3).m.Frozen() != "" || !c.dom(1).Eligible(3) {
		t.Errorf("its next life: %q, %v", c.n(3).m.Frozen(), c.dom(1).Eligible(3))
	}
}

// An idle cluster compares nothing: every comparison is entries in everybody's log.
func TestAnIdleClusterComparesNothing(t *testing.T) {
	c := newCluster(t, 3, true)
	c.run(2 * compareEveryMS)
	before := len(c.log)
	c.run(10 * compareEveryMS)
	if len(c.log) != before {
		t.Errorf("%d entries in a cluster in which nothing happens", len(c.log)-before)
	}
}

// Frozen is what an administrator is told: also of what is no divergence.
func TestFrozenSaysWhy(t *testing.T) {
	c := newCluster(t, 3, false)
	if why := c.n(1).m.Frozen(); why != "" {
		t.Errorf("not armed is not frozen, it is not armed: %q", why)
	}
	c = newCluster(t, 3, true)
	if why := c.n(1).m.Frozen(); why != "" {
		t.Errorf("frozen: %q", why)
	}
	c.give(c.n(1), QuorumLost{Why: "cut"})
	if why := c.n(1).m.Frozen(); why == "" {
		t.Error("without quorum nothing is released or granted, and it is not frozen")
	}
}

// TestTwoAndTwoWaitForAPerson: I3, 0063. Of two halves nobody knows which is right, so all wait; whose daemon a person ends, the other half goes on.
func TestTwoAndTwoWaitForAPerson(t *testing.T) {
	c := newCluster(t, 4, true)
	c.run(compareEveryMS + 2000)
	c.errs(3)
	c.dom(4).Node(3).Proven = []string{"nobody proved this"} // the same mistake
	c.something()
	c.run(10 * compareEveryMS)
	for _, x := range c.nodes {
		if x.m.Frozen() == "" || x.m.Domain().Node(x.id).Outvoted() {
			t.Fatalf("node %d goes on, or was outvoted: %q", x.id, x.m.Frozen())
		}
	}
	c.powerOff(4)
	c.install()
	c.run(2 * compareEveryMS)
	if c.n(1).m.Frozen() != "" || c.n(2).m.Frozen() != "" || c.n(3).m.Frozen() == "" {
		t.Fatalf("then: %q, %q, %q", c.n(1).m.Frozen(), c.n(2).m.Frozen(), c.n(3).m.Frozen())
	}
	if n := c.dom(1).Node(4); n.Victim != nil || n.Last == nil {
		t.Fatalf("nobody fenced the one that went: %+v", n)
	}
}

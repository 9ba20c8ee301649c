package member

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// S0.10: a node that lives in another domain is fenced by nobody here, until an operator names it.
// part of: S0.10
func TestNobodyIsFencedAcrossDomains(t *testing.T) {
	c := newCluster(t, 3, true)
	c.kill(3)
	other := domain.Origin{Incarnation: fence.Incarnation{Node: 3, Boot: "another-boot"}, Instance: "another-instance"}
	for id := fence.NodeID(1); id <= 2; id++ {
		c.give(c.n(id), HeardElsewhere{By: other})
	}
	c.install()
	c.run(60_000)
	if c.dom(1).Node(3).Victim == nil {
		t.Fatal("the life that went without a word is no victim")
	}
	if n := c.offs[3]; n != 0 {
		t.Fatalf("its power was cut %d times, and it lives in another domain", n)
	}
	if !slices.Contains(c.n(2).m.Held(), 3) || !slices.Contains(c.n(2).m.Elsewhere(), 3) {
		t.Fatal("nobody says that it waits for an operator")
	}
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Request: &domain.Request{
		ID: "x", Node: 3, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op", Reason: "that domain goes",
	}})})
	c.run(30_000)
	if c.offs[3] == 0 {
		t.Fatal("an operator named it and nobody acts")
	}
}

// S0.10, R10: after a cold start it is no victim for being silent here, and post_join_delay begins anew when it has come back.
func TestWhoLivesInAnotherDomainIsNotOverdue(t *testing.T) {
	c := newCluster(t, 3, true)
	m := c.n(1).m
	n := m.Domain().Node(3)
	n.Phase, n.Unknown, n.Instance = domain.PhaseAbsent, true, ""
	m.dom.View.Members = m.dom.View.Members[:2]
	c.give(c.n(1), HeardElsewhere{By: domain.Origin{Incarnation: fence.Incarnation{Node: 3, Boot: "b"}, Instance: "i"}})
	proposed := false
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		proposed = proposed || p.Entry.Overdue != nil
		return true
	}
	late := m.Domain().Roster.Timing.PostJoinDelayMS + 5000
	for range late / 1000 {
		c.now += 1000
		c.give(c.n(1), Tick{})
	}
	if proposed {
		t.Fatal("a node that lives in another domain was called overdue")
	}
	m.elsewhere = nil
	for range late / 1000 {
		c.now += 1000
		c.give(c.n(1), Tick{})
	}
	if !proposed {
		t.Fatal("nobody is overdue though nothing is heard of node 3: this test shows nothing")
	}
}

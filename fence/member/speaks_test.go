package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

func TestAWalkKnowsWhoSpoke(t *testing.T) { // R16 d: what speaks speaks on while its supplies hold up; any life of that machine
	c := newCluster(t, 3, true)
	n := &domain.Node{ID: 3, Victim: &domain.Victim{Victim: fence.Victim{Incarnation: fence.Incarnation{Node: 3, Boot: "x"}}}}
	m := c.n(1).m
	if m.spec(n, &domain.Claim{Number: 1}).Speaks {
		t.Fatal("nobody heard it")
	}
	c.give(c.n(1), Heard{By: c.n(3).self()})
	if !m.spec(n, &domain.Claim{Number: 1}).Speaks {
		t.Fatal("it was heard just now")
	}
	c.run(m.dom.Roster.Timing.FailureTimeoutMS + 100)
	if m.spec(n, &domain.Claim{Number: 1}).Speaks {
		t.Fatal("it is silent for the failure timeout")
	}
}

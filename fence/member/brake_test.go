package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence/domain"
)

func TestTheBrakesWindowEnds(t *testing.T) { // R21: ten minutes after the claim, by a member's own timer, another victim that answers may be fenced
	c := newCluster(t, 3, true)
	life := c.n(3).self().Incarnation
	c.kill(3)
	c.run(2000)
	c.give(c.n(1), Heard{By: c.n(3).self()})
	c.install()
	c.run(500)
	if got := c.dom(1).Answering; len(got) != 1 || got[0] != life {
		t.Fatalf("the brake counts %v", got)
	}
	c.run(testRoster(3).Policy.BrakeWindowMS - 1000)
	if len(c.dom(1).Answering) != 1 {
		t.Fatal("it forgets too early")
	}
	c.run(5000)
	if len(c.dom(1).Answering) != 0 {
		t.Fatal("it never forgets")
	}
}

func TestAnOldClaimIsCountedByWhoComesLater(t *testing.T) { // R21: a daemon that starts anew, also from a snapshot, knows the count
	c := newCluster(t, 5, true)
	c.dead[4] = true
	life4 := c.n(4).self()
	c.kill(4)
	c.kill(5)
	c.run(2000)
	c.give(c.n(1), Heard{By: life4})
	c.give(c.n(2), Heard{By: life4})
	c.install()
	c.run(300)
	c.start(3)
	c.install()
	s, err := c.dom(1).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	state, err := domain.Restore(s)
	if err != nil {
		t.Fatal(err)
	}
	c.give(c.n(3), SnapshotInstalled{State: state})
	if count, limit := c.n(3).m.Brake(); count != 1 || limit != 1 {
		t.Fatalf("a new daemon counts %d of %d", count, limit)
	}
}

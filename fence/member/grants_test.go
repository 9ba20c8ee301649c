package member

import (
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// stop lets a node's process stand still while the world goes on.
func (c *cluster) stop(id fence.NodeID, ms int64) {
	if c.frozen == nil {
		c.frozen = map[fence.NodeID]bool{}
	}
	c.frozen[id] = true
	c.run(ms)
	c.frozen[id] = false
}

// leaves lets a node leave and its view follow.
func (c *cluster) left(id fence.NodeID) {
	c.leave(id, false)
	c.run(500)
	c.install()
	c.run(500)
}

// TestEveryConditionOfAGrant: R12, R14, R20, R26. Each case takes one condition away: the client is told why, once, and granted when it is back.
func TestEveryConditionOfAGrant(t *testing.T) {
	for _, x := range []struct {
		name  string
		spoil func(*cluster)
		words string
		heal  func(*cluster)
		ms    int64
	}{
		{
			"no quorum", func(c *cluster) { c.give(c.n(2), QuorumLost{Why: "test"}) }, "no quorate view",
			func(c *cluster) { c.give(c.n(2), QuorumHeld{}) }, 500,
		},
		{
			"no lease", func(c *cluster) { c.noLease[2] = true; c.run(6000) }, "lease",
			func(c *cluster) { c.noLease[2] = false }, 500,
		},
		{"it was stopped", func(c *cluster) { c.stop(2, 1500) }, "stood still", func(*cluster) {}, 6000},
		{"not armed", func(c *cluster) { c.arm(false); c.run(100) }, "not armed", func(c *cluster) { c.arm(true) }, 500},
		{"a victim", func(c *cluster) {
			c.dead[3] = true
			c.kill(3)
			c.install()
			c.run(500)
		}, "node-3 (victim)", func(c *cluster) { c.dead[3] = false }, 30_000},
		{"an unknown node", func(c *cluster) {
			for _, x := range c.nodes {
				c.powerOff(x.id)
			}
			c.boot(1)
			c.boot(2)
			c.install()
			c.run(1000)
		}, "node-3 (unknown)", func(c *cluster) { c.boot(3); c.install() }, 3000},
		{"a dirty node", func(c *cluster) {
			c.left(3)
			c.n(3).residue = true
			c.start(3)
			c.install()
			c.run(500)
		}, "node-3 (dirty)", func(*cluster) {}, 20_000},
		{"a node that has not said what it found", func(c *cluster) {
			c.left(3)
			c.start(3)
			c.n(3).mute = true
			c.install()
			c.run(500)
		}, "node-3 (joining)", func(c *cluster) { c.n(3).mute = false }, 30_000},
		{
			"it leaves", func(c *cluster) { c.n(2).mute = true; c.leave(2, false); c.run(10) }, "leaves",
			func(*cluster) {}, 6000,
		},
		{"its record is not durable", func(c *cluster) {
			c.idleStateless(true)
			c.run(1000)
			c.n(2).stuck = true
		}, "session record", func(c *cluster) { c.n(2).stuck = false }, 70_000},
		{"it is not committed stateful", func(c *cluster) {
			c.idleStateless(true)
			c.run(1000)
			c.lose = true
		}, "not committed yet", func(c *cluster) { c.lose = false }, 20_000},
		{"the log does not confirm", func(c *cluster) { c.lose = true }, "not confirmed", func(c *cluster) { c.lose = false }, 20_000},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCluster(t, 3, true)
			c.noLease = map[fence.NodeID]bool{}
			c.onPropose = func(by fence.NodeID, p Propose) bool {
				return c.lose && by == 2 && p.Entry.Stateful != nil && p.Entry.Stateful.On
			}
			x.spoil(c)
			s := c.register(2, "db", RoleWatch)
			other := c.register(2, "gfs", RoleWatch)
			c.run(1500)
			want(t, s, "state grant-refused")
			want(t, other, "state grant-refused")
			if r := s.last(TellRefused); !strings.Contains(r.Why, x.words) {
				t.Fatalf("refused with %q, want %q", r.Why, x.words)
			}
			x.heal(c)
			c.run(x.ms)
			if !s.granted || !other.granted {
				t.Fatalf("not granted: %+v", s.tells)
			}
		})
	}
}

// TestANodeThatLagsGrantsNothing: R12, I1. Its pings are answered and its view is quorate, but it does not know yet who is a victim.
func TestANodeThatLagsGrantsNothing(t *testing.T) {
	c := newCluster(t, 3, true)
	c.dead[3] = true
	c.n(2).lag = true
	c.kill(3)
	c.install()
	c.run(500)
	s := c.register(2, "db", RoleWatch)
	c.run(5000)
	want(t, s, "state grant-refused")
	if c.dom(1).Node(3).Victim == nil || c.dom(2).Node(3).Victim != nil {
		t.Fatal("the story is wrong")
	}
	c.n(2).lag = false
	c.run(1000)
	want(t, s, "state grant-refused grant-refused")
	if r := s.last(TellRefused).Why; !strings.Contains(r, "node-3 (victim)") {
		t.Fatal(r)
	}
}

// TestAConfirmationThatWasLongUnderWayCountsForNothing: R12. It says what was true when it was committed, and this node hears of it late.
func TestAConfirmationThatWasLongUnderWayCountsForNothing(t *testing.T) {
	c := newCluster(t, 3, true)
	s := c.register(2, "db", RoleWatch) // asks
	c.n(2).lag = true
	c.run(testRoster(3).Timing.FailureTimeoutMS + 1000)
	x := c.n(2)
	if len(c.log) != x.applied+1 {
		t.Fatalf("the story is wrong: %d entries, %d applied", len(c.log), x.applied)
	}
	x.lag = false
	c.onPropose = func(fence.NodeID, Propose) bool { return c.lose }
	c.lose = true
	c.deliver(x) // the one entry that it asked for so long ago
	want(t, s, "state grant-refused")
	if x.m.ask.number == 0 {
		t.Fatal("it does not ask again")
	}
	c.lose = false
	c.run(20_000)
	want(t, s, "state grant-refused granted")
}

// TestTheGateClosesWithTheLeave: R12, S2.11. The grant that was asked for when the leave began is not given, and nobody holds.
func TestTheGateClosesWithTheLeave(t *testing.T) {
	c := newCluster(t, 3, true)
	s := c.register(3, "db", RoleWatch) // asks the log in this very step
	if !c.n(3).m.wanted() || c.n(3).m.ask.number == 0 {
		t.Fatal("the story is wrong")
	}
	c.leave(3, false)
	c.run(500)
	if !c.n(3).departed || s.granted {
		t.Fatalf("departed %v, told %s", c.n(3).departed, s.kinds())
	}
	want(t, s, "state grant-refused")
	c.unharmed()
}

// TestALeaveNamesWhoHolds: S2.11.
func TestALeaveNamesWhoHolds(t *testing.T) {
	c := newCluster(t, 3, true)
	db, gfs := c.register(3, "db", RoleWatch), c.register(3, "gfs", RoleWatch)
	c.register(3, "dlm", RoleReport)
	c.run(500)
	c.leave(3, true)
	c.run(500)
	if as := c.n(3).leaves(); len(as) != 1 || as[0].Err == nil || !strings.HasSuffix(as[0].Err.Error(), ": db, gfs") {
		t.Fatalf("%+v", as)
	}
	want(t, db, "state granted")
	c.gone(3, db, true)
	c.gone(3, gfs, false)
	c.leave(3, false)
	c.run(500)
	if !c.n(3).departed {
		t.Fatalf("%+v", c.n(3).leaves())
	}
}

// TestAWitnessGrantsNothing: it has no devices, no scan and nothing to protect, and says so.
func TestAWitnessGrantsNothing(t *testing.T) {
	c := newWitnessed(t)
	c.fatal = t.Fatalf
	s := c.register(3, "db", RoleWatch)
	c.run(5000)
	want(t, s, "state grant-refused")
	if r := s.last(TellRefused).Why; !strings.Contains(r, "witness") || s.last(TellHeartbeat).Kind == "" {
		t.Fatalf("%+v", s.tells)
	}
}

// TestALifeHeardAfterItsVerdictClosesTheGate: R16. Who was heard only before the verdict is no such thing.
func TestALifeHeardAfterItsVerdictClosesTheGate(t *testing.T) {
	c := newCluster(t, 3, true)
	ghost := c.n(3).self()
	c.give(c.n(2), Heard{By: ghost})
	c.fenced(3)
	s := c.register(2, "db", RoleWatch)
	c.run(100)
	want(t, s, "state granted")
	c.give(c.n(2), Heard{By: ghost})
	late := c.register(2, "late", RoleWatch)
	c.run(alarmEveryMS / 2)
	want(t, late, "state grant-refused")
	if r := late.last(TellRefused).Why; !strings.Contains(r, "node-3 (heard after its verdict)") {
		t.Fatal(r)
	}
	c.give(c.n(2), Heard{By: ghost})
	c.run(alarmEveryMS - 100)
	want(t, late, "state grant-refused")
	c.run(1000)
	want(t, late, "state grant-refused granted")
	want(t, s, "state granted")
}

// TestTheLogIsNotFilledByWhoComesAndGoes: each grant asks the log, and there is a pause between two questions.
func TestTheLogIsNotFilledByWhoComesAndGoes(t *testing.T) {
	c := newCluster(t, 3, true)
	before := len(c.log)
	for range 200 {
		s := c.register(2, "loop", RoleWatch)
		c.run(10)
		c.gone(2, s, true)
	}
	if n := len(c.log) - before; n == 0 || n > 2*2000/askEveryMS {
		t.Fatalf("%d entries in two seconds", n)
	}
}

package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

func TestAnActorThatLagsTouchesNothing(t *testing.T) { // R9: not stopped, but its log is behind
	c := newCluster(t, 3, true)
	c.kill(3)
	c.run(2000)
	c.install()
	one := c.n(1)
	c.give(one, ViewInstalled{Index: uint64(len(c.log)), Members: c.view, Quorate: true})
	one.applied = len(c.log) - 1 // its claim is the next entry, and comes three seconds later
	for range 60 {
		c.now += 50
		c.give(one, Tick{})
	}
	c.deliver(one)
	c.give(one, Tick{})
	for _, o := range one.ops {
		if o.spec.Claim == 1 {
			t.Fatal("a claim of three seconds ago was acted upon: the others count its duration from when they applied it")
		}
	}
	c.run(20_000)
	if n := c.dom(2).Node(3); n.Last == nil || n.Last.Claim == 1 {
		t.Fatalf("it ends that claim and somebody claims anew: %+v", n.Victim)
	}
}

func TestAVictimReleasesNothing(t *testing.T) { // R13, R22: its lease may still run for a moment
	c := newCluster(t, 5, true)
	c.noLease = map[fence.NodeID]bool{2: true}
	c.kill(5)
	c.run(2000)
	c.install()
	c.run(1500)
	two := c.n(2)
	if c.dom(2).Node(5).Last == nil || len(two.m.releases) == 0 {
		t.Fatal("no release waits")
	}
	// on_residual: halt, so that it is not the self-fence that keeps it quiet
	two.m.dom.Roster.Policy.OnResidual = fence.ResidualHalt
	c.dead[2] = true
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Request: &domain.Request{ID: "x", Node: 2, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})})
	c.deliver(two)
	c.give(two, LeaseRenewed{SentMS: c.now})
	if len(two.released) != 0 {
		t.Fatal("a victim let its clients recover from another")
	}
}

func TestARebirthCancelsTheWalk(t *testing.T) { // R2, R9, V7
	c := newCluster(t, 3, true)
	victim3(c)
	c.run(300)
	one := c.n(1)
	if len(one.ops) != 1 || one.ops[0].done {
		t.Fatal("node 1 should be acting")
	}
	c.powerOff(3)
	c.boot(3)
	c.dead[3] = false // from here on its BMC would obey
	c.install()
	c.run(500)
	if !one.ops[0].done {
		t.Fatal("the walk goes on against a life that announced itself clean")
	}
	c.run(60_000)
	if c.offs[3] != 0 || !c.dom(1).Clean(3) {
		t.Fatalf("%d offs, %+v", c.offs[3], c.dom(1).Node(3))
	}
}

func TestARosterChangeInMidWalkEndsTheClaimAtOnce(t *testing.T) { // V6: evidence by another mapping is refused, and not offered for ever
	c := newCluster(t, 3, true)
	victim3(c)
	c.run(300)
	r := testRoster(3)
	r.Version = 2
	r.Devices[2].Mapping = "moved"
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Roster: &domain.Roster{Roster: r, By: "t"}})})
	for _, id := range []fence.NodeID{1, 2} {
		c.give(c.n(id), ConfigChanged{RosterHash: r.Hash()})
	}
	c.dead[3] = false
	c.run(30_000)
	n := c.dom(1).Node(3)
	if n.Last == nil || n.Last.Evidence.Devices[0].Mapping != "moved" {
		t.Fatalf("%+v, last %+v", n.Victim, n.Last)
	}
	if r := c.dom(1).Rejected; r > 5 {
		t.Fatalf("%d entries were refused: the same evidence again and again", r)
	}
}

func TestDisarmingCancelsTheWalk(t *testing.T) {
	c := newCluster(t, 3, true)
	victim3(c)
	c.run(300)
	c.append(record{by: c.n(2).self(), data: encode(t, domain.Entry{Arm: &domain.Arm{By: "op", Now: true}})})
	c.run(500)
	if !c.n(1).ops[0].done {
		t.Fatal("a device is touched in a disarmed cluster")
	}
	c.dead[3] = false
	c.run(30_000)
	if c.offs[3] != 0 || c.dom(1).Node(3).Victim == nil {
		t.Fatalf("%d offs; a victim is not forgotten", c.offs[3])
	}
	c.append(record{by: c.n(2).self(), data: encode(t, domain.Entry{Arm: &domain.Arm{Armed: true, By: "op"}})})
	c.run(60_000)
	if c.offs[3] != 1 {
		t.Fatalf("%d offs after arming again", c.offs[3])
	}
}

func TestTwoNodesThatDieInOneViewAreBothFenced(t *testing.T) {
	c := newCluster(t, 5, true)
	c.kill(4)
	c.kill(5)
	c.run(2000)
	c.install()
	c.run(20_000)
	if c.offs[4] != 1 || c.offs[5] != 1 || len(c.n(2).released) != 2 {
		t.Fatalf("offs %v, released %v", c.offs, c.n(2).released)
	}
}

func TestPostFailDelayIsKept(t *testing.T) { // S2.7: a node that comes back within it is not fenced
	c := newCluster(t, 3, true)
	for _, x := range c.nodes {
		x.m.dom.Roster.Timing.PostFailDelayMS = 5000
	}
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(4500)
	if c.offs[3] != 0 {
		t.Fatal("fenced before post_fail_delay")
	}
	c.powerOff(3)
	c.boot(3)
	c.install()
	c.run(20_000)
	if c.offs[3] != 0 || !c.dom(1).Clean(3) {
		t.Fatalf("%d offs, %+v", c.offs[3], c.dom(1).Node(3))
	}
}

func TestPowerOnWaitsForTheSameClaimsOtherLevel(t *testing.T) { // R9: level 1 hangs in its BMC, level 2 proved
	c := newCluster(t, 3, true)
	c.inFlight = map[fence.NodeID]bool{3: true}
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(3000)
	n := c.dom(2).Node(3)
	if n.Last == nil || len(n.Unquiet) != 1 || c.n(3).power {
		t.Fatalf("power %v, %+v: a late off would kill the node after its return", c.n(3).power, n)
	}
	c.inFlight = nil
	c.give(c.n(1), CallsReturned{Node: 3, Claim: n.Last.Claim})
	c.run(2000)
	if !c.n(3).power {
		t.Fatalf("never powered on: %+v", c.dom(2).Node(3))
	}
}

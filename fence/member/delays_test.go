package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// down lets these nodes die at once in a cluster with a post_fail_delay, and shows it to the others.
func down(t *testing.T, n int, delayMS int64, ids ...fence.NodeID) *cluster {
	c := newCluster(t, n, true)
	c.delayed(delayMS)
	for _, id := range ids {
		c.powerOff(id)
	}
	c.install()
	return c
}

// after runs on, and demands that this node was switched off that often.
func (c *cluster) after(ms int64, id fence.NodeID, offs int, why string) {
	c.t.Helper()
	if c.run(ms); c.offs[id] != offs {
		c.t.Fatalf("%d offs of node %d, want %d: %s", c.offs[id], id, offs, why)
	}
}

// back lets a node boot and shows it.
func (c *cluster) back(id fence.NodeID) {
	c.boot(id)
	c.install()
}

func TestWhoComesBackBeginsTheDelayOfTheOthersAnew(t *testing.T) { // the old fenced's post_join_delay (modified), ADR 0111
	c := down(t, 7, 4000, 6, 7)
	c.run(3000)
	c.back(6)
	c.after(5500, 7, 0, "node 6 came back, node 7 may be just coming: post_join_delay from then, which is longer")
	c.after(2000, 7, 1, "a delay, not a pardon")
	if c.offs[6] != 0 || !c.dom(1).Clean(6) {
		t.Fatalf("%d offs of who came back in time", c.offs[6])
	}
	c.agree()
}

func TestTheLongerDelayBeginsAnew(t *testing.T) { // post_fail_delay, where it is longer than post_join_delay
	c := down(t, 7, 9000, 6, 7)
	c.run(3000)
	c.back(6)
	c.after(8500, 7, 0, "post_fail_delay begins anew")
	c.after(2000, 7, 1, "and ends")
}

func TestTheLastReturnEndsTheDelay(t *testing.T) { // nobody waits for a delay when all are back
	c := down(t, 7, 60_000, 6, 7)
	c.run(2000)
	c.back(6)
	c.back(7)
	c.run(2000)
	if n := c.dom(1); n.Node(6).Victim != nil || n.Node(7).Victim != nil || len(n.Unresolved()) != 0 {
		t.Fatalf("all are back and clean, and the delay still holds something up: %v", n.Unresolved())
	}
	c.after(100_000, 7, 0, "it came back in time")
}

func TestEachNodeIsASignOnce(t *testing.T) { // S5.11, L1: who comes and goes puts nothing off for ever
	c := down(t, 7, 4000, 6, 7)
	for range 4 {
		c.run(1500)
		c.back(6)
		c.run(1500)
		c.powerOff(6)
		c.install()
	}
	if c.offs[7] != 1 {
		t.Fatalf("node 6 comes and goes, and node 7 was switched off %d times in 12 s", c.offs[7])
	}
}

func TestAFencedNodesReturnIsNoSign(t *testing.T) { // S3.11: it says nothing about who comes back by himself
	c := down(t, 7, 60_000, 6)
	c.run(40_000)
	c.powerOff(7)
	c.install()
	c.after(21_000, 6, 1, "its delay is over")
	c.back(6)
	c.after(37_000, 7, 0, "its own delay is not")
	if !c.dom(1).Clean(6) {
		t.Fatalf("node 6 should be back: %+v", c.dom(1).Node(6))
	}
	c.after(4000, 7, 1, "node 6 came back from a verdict")
}

func TestWithoutADelayNobodyIsWaitedFor(t *testing.T) { // post_fail_delay 0: the first claim comes at once, and a return changes nothing
	c := down(t, 7, 0, 6, 7)
	c.after(1500, 7, 1, "no delay")
}

func TestAnOperatorWaitsForNoDelay(t *testing.T) { // who names a node wants it done
	c := down(t, 5, 60_000, 5)
	c.run(2000)
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Request: &domain.Request{ID: "x", Node: 5, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})})
	c.after(1500, 5, 1, "asked for by name")
}

func TestPostFailDelayBeginsAnewWithQuorum(t *testing.T) { // pitfall 11: without it nobody can say that he is clean
	c := down(t, 5, 5000, 5)
	c.run(3000)
	for _, x := range c.nodes {
		c.give(x, QuorumLost{Why: "test"})
	}
	c.run(4000)
	for _, x := range c.nodes {
		c.give(x, QuorumHeld{})
	}
	c.after(4500, 5, 0, "quorum is back since less than post_fail_delay")
	c.after(2000, 5, 1, "and now it is over")
}

func TestAtAColdStartOneComesAfterTheOther(t *testing.T) { // S5.12, R10: the domain forms, and each return gives the others the delay anew
	c := newCluster(t, 5, true)
	for id := fence.NodeID(1); id <= 5; id++ {
		c.powerOff(id)
	}
	for id := fence.NodeID(1); id <= 3; id++ {
		c.boot(id)
	}
	c.install()
	c.run(5000)
	c.back(4)
	c.after(5000, 5, 0, "node 4 came back less than post_join_delay ago")
	c.after(4000, 5, 1, "nobody vouches for it, and nobody else comes")
	if c.offs[4] != 0 || !c.dom(1).Clean(4) {
		t.Fatalf("%d offs of who came in time", c.offs[4])
	}
	c.agree()
}

func TestTheDelayRunsWhileAnotherHasTheClaim(t *testing.T) { // R8: who takes over from an actor that died does not wait for it once more
	c := down(t, 5, 5000, 5)
	c.dead[5] = true
	claimed := false
	c.onClaim = func() { claimed = true }
	c.until(25_000, "a claim", func() bool { return claimed })
	for id := fence.NodeID(2); id <= 4; id++ { // their delays begin anew, while node 1 has the claim
		c.give(c.n(id), QuorumLost{Why: "test"})
		c.give(c.n(id), QuorumHeld{})
	}
	c.run(6000)
	c.powerOff(1)
	c.dead[5] = false
	c.install()
	c.after(3000, 5, 1, "node 1 died with its claim, and post_fail_delay was over before")
}

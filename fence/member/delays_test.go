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

// inTime demands that this node came back clean, that nothing was switched, and that all agree.
func (c *cluster) inTime(id fence.NodeID) {
	c.t.Helper()
	if c.offs[id] != 0 || !c.dom(1).Clean(id) {
		c.t.Fatalf("%d offs of who came back in time", c.offs[id])
	}
	c.agree()
}

// noQuorum tells all who run that there is no quorum, and after so long that there is.
func (c *cluster) noQuorum(ms int64) {
	for _, in := range []Input{QuorumLost{Why: "test"}, QuorumHeld{}} {
		for _, x := range c.nodes {
			if x.up {
				c.give(x, in)
			}
		}
		c.run(ms)
		ms = 0
	}
}

func TestWhoComesBackBeginsTheDelayOfTheOthersAnew(t *testing.T) { // the old fenced's post_join_delay (modified), ADR 0111
	for delay, anew := range map[int64]int64{4000: 6000, 9000: 9000} { // post_join_delay, or post_fail_delay where that is longer
		c := down(t, 7, delay, 6, 7)
		c.run(3000)
		c.back(6)
		c.after(anew-500, 7, 0, "node 6 came back, node 7 may be just coming: the longer delay from then")
		c.after(2000, 7, 1, "a delay, not a pardon")
		c.inTime(6)
	}
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
	c.noQuorum(4000)
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
	c.inTime(4)
}

func TestAJoinsDelayBeginsAnewWithQuorum(t *testing.T) { // pitfall 11: post_join_delay too
	c := down(t, 5, 0, 3, 4, 5)
	c.back(3)
	c.run(3000)
	c.noQuorum(5000)
	c.after(5000, 5, 0, "who was just coming could not say so for most of post_join_delay")
	c.after(3000, 5, 1, "it is over")

	c = newCluster(t, 5, true)
	c.comeBack(5)
	c.n(5).mute = true // its scan takes for ever
	c.install()
	c.run(3000)
	c.noQuorum(5000)
	c.after(5000, 5, 0, "its next life could not say that it is clean either")
	c.after(3000, 5, 1, "it is over too")
}

func TestAQuorumThatComesAndGoesPutsNothingOffForEver(t *testing.T) { // L1, S5.11: it begins the delays anew as often as there are nodes
	c := down(t, 5, 4000, 5)
	for range 12 {
		c.noQuorum(500)
		c.run(3000)
	}
	c.after(0, 5, 1, "each quorum lasts for 3 s")

	c = newCluster(t, 5, true)
	for id := fence.NodeID(1); id <= 5; id++ {
		c.powerOff(id)
	}
	for id := fence.NodeID(1); id <= 4; id++ {
		c.boot(id)
	}
	c.install()
	for i := range 12 {
		c.run(4000)
		c.noQuorum(3000)
		if i == 3 && c.offs[5] != 0 {
			t.Fatal("without quorum node 5 could not say that it is clean")
		}
	}
	c.after(0, 5, 1, "node 5 never comes, and each quorum lasts for 4 s (S5.12)")
}

func TestAPauseIsNoDelay(t *testing.T) { // the delay begins when the victim is known, whoever may not fence it yet
	c := down(t, 5, 5000)
	c.pauses(domain.PauseEntry{Node: 5, On: true})
	c.powerOff(5)
	c.install()
	c.after(10_000, 5, 0, "it is paused")
	c.pauses(domain.PauseEntry{Node: 5})
	c.after(2000, 5, 1, "post_fail_delay was over before")
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
	c.run(500)
	if v := c.dom(2).Node(5).Victim; v.Claim == nil || len(v.Tried) > 0 {
		t.Fatalf("node 1 should have the claim: %+v", v)
	}
	c.powerOff(1)
	c.dead[5] = false
	c.install()
	c.after(3000, 5, 1, "node 1 died with its claim, and post_fail_delay was over before")
}

func TestAReturnIsNoSignAfterAClaim(t *testing.T) { // R8: nor does who takes over wait for those who came back meanwhile
	c := down(t, 7, 4000, 7)
	c.dead[7] = true
	c.run(3000)
	c.powerOff(6)
	c.install()
	c.run(400)
	for id := fence.NodeID(2); id <= 5; id++ { // their delays are longer than node 1's
		c.give(c.n(id), QuorumLost{Why: "test"})
		c.give(c.n(id), QuorumHeld{})
	}
	c.until(2000, "a claim", func() bool { return c.dom(2).Node(7).Victim.Claim != nil })
	c.back(6)
	c.run(500)
	c.inTime(6)
	c.powerOff(1)
	c.dead[7] = false
	c.install()
	c.after(2500, 7, 1, "node 1 had the claim before node 6 came back")
}

package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// claimants are the nodes that propose a claim on a victim from now on.
func (c *cluster) claimants(victim fence.NodeID, lose bool) map[fence.NodeID]int {
	who := map[fence.NodeID]int{}
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		if e := p.Entry.Claim; e != nil && e.Node == victim {
			who[by]++
			return lose // each sees what the one before it has proposed, unless it is lost
		}
		return false
	}
	return who
}

// delayed applies a roster with this post_fail_delay.
func (c *cluster) delayed(ms int64) {
	r := c.roster()
	r.Version, r.Timing.PostFailDelayMS = c.dom(1).Roster.Version+1, ms
	c.append(record{by: c.n(1).self(), data: encode(c.t, domain.Entry{Roster: &domain.Roster{Roster: r, By: "test"}})})
	for _, x := range c.nodes {
		c.give(x, ConfigChanged{RosterHash: r.Hash()})
	}
	c.run(500)
}

func TestTheOrderOfRankHoldsAfterADelay(t *testing.T) { // R8: one proposes, and the others only if it does not
	c := newCluster(t, 5, true)
	c.delayed(3000) // longer than all staggers together
	c.powerOff(5)
	c.install()
	who := c.claimants(5, true)
	c.run(2900)
	if len(who) != 0 {
		t.Fatalf("claimed before post_fail_delay was over: %v", who)
	}
	for i := 0; len(who) == 0 && i < 100; i++ {
		c.run(10)
	}
	for turn := 1; turn <= 4; turn++ { // one more with each stagger
		c.run(100)
		if len(who) != turn || who[fence.NodeID(turn)] == 0 {
			t.Fatalf("turn %d: %v propose", turn, who)
		}
		c.run(100)
	}
}

func TestTheNextInRankActsAfterADelayToo(t *testing.T) { // R8: whose loop hangs is not waited for
	c := newCluster(t, 5, true)
	c.delayed(3000)
	c.powerOff(5)
	c.install()
	c.run(100)
	c.frozen = map[fence.NodeID]bool{1: true}
	who := c.claimants(5, false)
	c.run(4000)
	if len(who) != 1 || who[2] != 1 || c.offs[5] != 1 {
		t.Fatalf("%v propose, %d offs", who, c.offs[5])
	}
}

// unreachable answers every proposal at once that nobody knows what became of it, as a provider without a leader does.
func (c *cluster) unreachable(id fence.NodeID) *int {
	asked := 0
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		if by != id {
			return false
		}
		if p.Entry.Verdict != nil {
			asked++
		}
		c.n(by).queue = append(c.n(by).queue, ProposalDone{Number: p.Number})
		return true
	}
	return &asked
}

func TestAVerdictThatNobodyTakesIsNotProposedTwiceASecond(t *testing.T) { // R21: it may be committed when quorum is back, at once
	c := newCluster(t, 3, true)
	c.powerOff(3)
	c.install()
	var asked *int
	c.onClaim = func() { asked = c.unreachable(1) }
	c.run(8000) // its claim is not over yet
	if asked == nil || *asked < 3 || *asked > 10 {
		t.Fatalf("proposed %v times in eight seconds", asked)
	}
	end := c.now + lostMS
	for before := *asked; *asked == before && c.now < end; {
		c.run(10)
	}
	c.give(c.n(1), QuorumLost{Why: "test"})
	c.onPropose = nil
	c.give(c.n(1), QuorumHeld{})
	c.run(againMS + 200)
	if n := c.dom(1).Node(3); n.Victim != nil || n.Last == nil {
		t.Fatalf("contact is back, and the proof waits: %+v", n)
	}
}

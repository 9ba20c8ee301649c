package member

import (
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// The main job: a node dies, one survivor claims, cuts the power once, everybody is told once, the node comes back clean with a new boot id.
func TestAFailedNodeIsFencedOnceAndReturns(t *testing.T) {
	c := newCluster(t, 3, true)
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(1500)
	for _, id := range []fence.NodeID{1, 2} {
		if got := c.count(id, domain.EventVerdict, 3); got != 1 {
			t.Fatalf("node %d saw %d verdicts, want 1", id, got)
		}
		if got := c.n(id).released; len(got) != 1 || got[0].Boot != "boot-3-1" {
			t.Fatalf("node %d released %v", id, got)
		}
	}
	if c.offs[3] != 1 {
		t.Fatalf("%d power-offs, want 1", c.offs[3])
	}
	if v := c.dom(1).Node(3).Last; v.Kind != fence.VerdictReset || v.Evidence.Kind != fence.EvidencePowerOff || v.Actor != 1 {
		t.Fatalf("verdict %+v", v)
	}
	if !c.n(3).up {
		t.Fatal("the node was not powered on again (R9)")
	}
	c.install()
	c.run(1000)
	if !c.dom(1).Clean(3) || c.dom(1).Node(3).Life.Boot != "boot-3-2" {
		t.Fatalf("not back: %+v", c.dom(1).Node(3))
	}
	c.run(30_000)
	if c.offs[3] != 1 {
		t.Fatalf("%d power-offs after the return, want 1 (pitfall 13)", c.offs[3])
	}
	c.agree()
}

func TestNothingHappensWhileDisarmed(t *testing.T) {
	c := newCluster(t, 3, false)
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(60_000)
	if c.offs[3] != 0 || c.count(1, domain.EventVictim, 3) != 0 {
		t.Fatal("a disarmed cluster touched a device or made a victim")
	}
	if c.count(1, domain.EventWould, 3) != 1 {
		t.Fatal("it did not say what it would have done")
	}
	if len(c.n(1).released) != 0 {
		t.Fatal("a disarmed cluster released")
	}
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Arm: &domain.Arm{Armed: true, By: "test"}})})
	c.run(5000)
	if c.offs[3] != 0 {
		t.Fatal("fenced before post_join_delay after arming")
	}
	c.run(10_000)
	if c.offs[3] != 1 {
		t.Fatalf("%d power-offs: an unknown node is a startup victim after post_join_delay (R10)", c.offs[3])
	}
}

func TestAMinorityDoesNothing(t *testing.T) { // R30, S1.14
	c := newCluster(t, 3, true)
	c.n(1).cut = true
	c.give(c.n(1), QuorumLost{Why: "test"})
	c.kill(2)
	c.kill(3)
	c.run(60_000)
	if c.offs[2]+c.offs[3] != 0 || len(c.n(1).released) != 0 || c.n(1).m.Quorate() {
		t.Fatal("a node without quorum acted")
	}
	c.give(c.n(1), Requested{Reply: 7, Entry: domain.Entry{Request: &domain.Request{ID: "x", Node: 2, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}}})
	if as := c.n(1).answers; len(as) != 1 || as[0].Err == nil || !strings.Contains(as[0].Err.Error(), "no quorum") {
		t.Fatalf("a request without quorum: %+v", as)
	}
}

func TestAnotherActorTakesOverWhenTheFirstFails(t *testing.T) { // R8, pitfall 14
	c := newCluster(t, 4, true)
	c.dead[4] = true
	c.kill(4)
	c.run(2000)
	c.install()
	c.run(60_000)
	actors := map[fence.NodeID]bool{}
	for _, e := range c.n(2).events {
		if e.Kind == domain.EventClaim && e.Node == 4 {
			actors[e.Actor] = true
		}
	}
	if len(actors) != 3 {
		t.Fatalf("actors %v, want all three in turn", actors)
	}
	if v := c.dom(1).Node(4).Victim; v == nil || v.Round == 0 {
		t.Fatalf("after a full round the operation needs an operator: %+v", v)
	}
	c.dead[4] = false
	c.run(60_000)
	if c.offs[4] != 1 || c.dom(1).Node(4).Victim != nil {
		t.Fatalf("%d offs; it repeats until done (L1)", c.offs[4])
	}
}

func TestAnActorThatDiesIsReplaced(t *testing.T) { // L3
	c := newCluster(t, 5, true)
	c.dead[5] = true
	c.kill(5)
	c.run(2000)
	c.install()
	c.run(100)
	first := c.dom(2).Node(5).Victim.Claim
	if first == nil || first.Actor.Node != 1 {
		t.Fatalf("claim %+v, want node 1's", first)
	}
	c.kill(1)
	c.dead[5] = false
	c.run(2000)
	c.install()
	c.run(3000)
	n := c.dom(2).Node(5)
	if n.Last == nil || n.Last.Actor == 1 || n.Last.Claim == first.Number {
		t.Fatalf("verdict %+v", n.Last)
	}
	if len(n.Unquiet) != 2 || n.Unquiet[0].Number != first.Number { // and the verdict's own: nobody knows whose off it was
		t.Fatalf("the dead actor's claim is not waited for: %+v (R9)", n.Unquiet)
	}
	if c.n(5).up {
		t.Fatal("powered on while the first actor's request may still take effect (R9, S5.9)")
	}
	c.run(first.DurationMS + first.EffectMS + 5000)
	if !c.n(5).up {
		t.Fatal("never powered on: quiescence must end by time (R9)")
	}
	c.agree()
}

func TestACleanRebornNodeCancelsItsFencing(t *testing.T) { // R2, S2.7
	c := newCluster(t, 3, true)
	c.dead[3] = true
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(500)
	if c.dom(1).Node(3).Victim == nil {
		t.Fatal("no victim")
	}
	c.powerOff(3)
	c.boot(3)
	c.install()
	c.run(20_000)
	n := c.dom(1).Node(3)
	if !c.dom(1).Clean(3) || n.Last.Evidence.Kind != fence.EvidenceBootChanged || c.offs[3] != 0 {
		t.Fatalf("%+v, last %+v, %d offs", n, n.Last, c.offs[3])
	}
	if len(c.n(2).released) != 1 {
		t.Fatalf("waiters are released once (pitfall 5): %v", c.n(2).released)
	}
}

func TestADaemonThatDiesInAStatefulLifeIsFenced(t *testing.T) { // S2.10, R26: the same boot is no proof
	c := newCluster(t, 3, true)
	c.dead[3] = true
	c.kill(3)
	c.start(3)
	c.install()
	c.run(500)
	if c.dom(1).Node(3).Victim == nil {
		t.Fatal("a stateful life whose daemon died is a victim")
	}
	if !c.n(3).fell {
		t.Fatal("the new daemon of a victim's life must end it (R24)")
	}
	c.dead[3] = false
	c.run(30_000)
	if c.offs[3] != 1 {
		t.Fatalf("%d offs", c.offs[3])
	}
}

func TestAStatelessLifeThatGoesIsNobodysVictim(t *testing.T) { // S4.4, R12
	c := newCluster(t, 3, true)
	c.idleStateless(true)
	c.run(300)
	if c.dom(1).Node(3).Stateful || c.n(3).disk.State != SessionStateless {
		t.Fatalf("%+v, record %+v", c.dom(1).Node(3), c.n(3).disk)
	}
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(20_000)
	if c.offs[3] != 0 || c.count(1, domain.EventGone, 3) != 1 {
		t.Fatalf("%d offs, gone %d", c.offs[3], c.count(1, domain.EventGone, 3))
	}
	c.start(3)
	c.install()
	c.run(2000)
	if !c.dom(1).Clean(3) {
		t.Fatalf("a stateless life comes back without a reboot: %+v", c.dom(1).Node(3))
	}
}

func TestColdStartWaitsForPostJoinDelay(t *testing.T) { // R10, S5.12
	c := newCluster(t, 3, true)
	for id := fence.NodeID(1); id <= 3; id++ {
		c.powerOff(id)
	}
	c.boot(1)
	c.boot(2)
	c.install()
	c.run(5000)
	if c.offs[3] != 0 {
		t.Fatal("fenced before post_join_delay")
	}
	if g := c.dom(1).Generation; g != 2 {
		t.Fatalf("generation %d, want 2", g)
	}
	c.run(5000)
	if c.offs[3] != 1 || c.dom(1).Node(3).Last == nil {
		t.Fatalf("%d offs: a node that nobody can vouch for is fenced after the delay", c.offs[3])
	}
	c.run(300_000) // an on would wait until the off can no longer take effect (R9)
	if c.n(3).power {
		t.Fatal("a startup victim that read off at first is not powered on (R10)")
	}
}

func TestAReturnWithinPostJoinDelayIsNotFenced(t *testing.T) { // S2.7
	c := newCluster(t, 3, true)
	for id := fence.NodeID(1); id <= 3; id++ {
		c.powerOff(id)
	}
	c.boot(1)
	c.boot(2)
	c.install()
	c.run(4000)
	c.boot(3)
	c.install()
	c.run(30_000)
	if c.offs[3] != 0 || !c.dom(1).Clean(3) {
		t.Fatalf("%d offs, %+v", c.offs[3], c.dom(1).Node(3))
	}
}

func TestADirtyNodeNeverCounts(t *testing.T) { // S2.1, S2.10, V12
	c := newCluster(t, 3, true)
	for id := fence.NodeID(1); id <= 3; id++ {
		c.kill(id)
	}
	for id := fence.NodeID(1); id <= 3; id++ {
		c.n(id).residue = id != 3
		c.start(id)
	}
	c.n(3).disk = Session{} // C never held anything
	c.install()
	c.run(1000)
	for id := fence.NodeID(1); id <= 2; id++ {
		if c.dom(3).Clean(id) || !c.n(id).fell {
			t.Fatalf("node %d has residue: it must be dirty and end itself", id)
		}
	}
	if len(c.n(3).released) != 0 {
		t.Fatal("released before anything was proven")
	}
}

func TestSwappedBMCSwitchesNothing(t *testing.T) { // S5.7, R16 a
	c := newCluster(t, 3, true)
	c.swapped[3] = uuid(2)
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(30_000)
	if c.offs[3] != 0 {
		t.Fatal("a device that names another machine was switched")
	}
	if c.dom(1).Node(3).Victim == nil {
		t.Fatal("the victim must stay")
	}
}

func TestALyingDeviceNeverProves(t *testing.T) { // V2
	c := newCluster(t, 3, true)
	c.lies[3] = true
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(60_000)
	if v := c.dom(1).Node(3); v.Victim == nil || v.Last != nil {
		t.Fatalf("accepted was taken for done: %+v", v.Last)
	}
}

func TestAHeardVictimIsNotBelievedOff(t *testing.T) { // R16 d
	c := newCluster(t, 3, true)
	life := c.n(3).self()
	c.kill(3)
	c.run(2000)
	c.install()
	for range 100 {
		c.run(50)
		for id := fence.NodeID(1); id <= 2; id++ {
			c.give(c.n(id), Heard{By: life})
		}
		if c.dom(1).Node(3).Last != nil {
			t.Fatal("a life that is heard while its device reads off got a verdict")
		}
	}
}

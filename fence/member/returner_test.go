package member

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// comeBack lets the machines of these nodes die and boot.
func (c *cluster) comeBack(ids ...fence.NodeID) {
	for _, id := range ids {
		c.powerOff(id)
		c.boot(id)
	}
}

// cutView installs the view of everybody who runs but for one.
func (c *cluster) cutView(without fence.NodeID) {
	members := slices.DeleteFunc(c.connected(), func(m domain.Origin) bool { return m.Node == without })
	c.append(record{view: members, quorate: len(members) > len(c.nodes)/2})
	c.view = members
}

func TestAJoinThatGivesQuorumShootsNobodyWhoIsComing(t *testing.T) { // pitfall 11
	c := newCluster(t, 3, true)
	c.powerOff(3)
	c.comeBack(2)
	c.install() // its daemon and ours are quorate, and node 3 boots
	c.run(2000)
	c.boot(3)
	c.install()
	c.run(20_000)
	if c.offs[2]+c.offs[3] != 0 || !c.dom(1).Clean(2) || !c.dom(1).Clean(3) {
		t.Fatalf("offs %v, %+v", c.offs, c.dom(1).Node(3))
	}
	c.agree()
}

func TestWhoDoesNotComeIsFencedAfterTheDelay(t *testing.T) { // pitfall 11, L1: a delay, not a pardon
	c := newCluster(t, 3, true)
	c.powerOff(3)
	c.comeBack(2)
	c.install()
	c.run(c.dom(1).Roster.Timing.PostJoinDelayMS - 500)
	if c.offs[3] != 0 {
		t.Fatal("fenced although it may be just coming")
	}
	c.run(3000)
	if c.offs[3] != 1 {
		t.Fatalf("%d offs", c.offs[3])
	}
}

func TestANewLifeMaySpeakBeforeItIsShotForTheOldOne(t *testing.T) { // pitfall 11: also where quorum was never lost
	c := newCluster(t, 5, true)
	delay := c.dom(1).Roster.Timing.PostJoinDelayMS
	c.comeBack(5)
	c.n(5).mute = true // its scan takes for ever
	c.install()
	if v := c.dom(1).Node(5).Victim; v != nil {
		t.Fatal("the view is not delivered yet")
	}
	c.run(delay - 500)
	if v := c.dom(1).Node(5).Victim; v == nil || v.Joined != 0 || c.offs[5] != 0 {
		t.Fatalf("offs %v, %+v", c.offs, v)
	}
	c.run(3000)
	if c.offs[5] != 1 {
		t.Fatalf("it never says what it is, and is waited for for ever: %d offs", c.offs[5])
	}
}

func TestOnlyTheFirstNewLifeIsWaitedFor(t *testing.T) { // R7: a node in a boot loop does not put its fence off for ever
	c := newCluster(t, 5, true)
	for range 6 {
		c.comeBack(5)
		c.n(5).mute = true
		c.install()
		c.run(c.dom(1).Roster.Timing.PostJoinDelayMS / 3)
	}
	if c.offs[5] == 0 {
		t.Fatal("each new life begins the wait anew")
	}
}

func TestWhoIsNamedIsNotWaitedFor(t *testing.T) { // pitfall 11, R21
	c := newCluster(t, 5, true)
	c.comeBack(5)
	c.n(5).mute = true
	c.install()
	c.run(200)
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Request: &domain.Request{ID: "x", Node: 5, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})})
	c.run(1000)
	if c.offs[5] != 1 {
		t.Fatal("an operator waits for a delay")
	}
}

func TestALifeThatIsHeardIsComing(t *testing.T) { // pitfall 11: the view that drops a life is made before the next one has started in the log
	c := newCluster(t, 5, true)
	delay := c.dom(1).Roster.Timing.PostJoinDelayMS
	c.comeBack(5)
	c.hears()
	c.cutView(5)
	c.run(1000)
	if v := c.dom(1).Node(5).Victim; v == nil || v.Claim != nil || c.offs[5] != 0 {
		t.Fatalf("claimed although its next life speaks: offs %v, %+v", c.offs, v)
	}
	c.install()
	c.run(1000)
	if c.offs[5] != 0 || !c.dom(1).Clean(5) {
		t.Fatalf("offs %v, %+v", c.offs, c.dom(1).Node(5))
	}
	c.agree()

	c.comeBack(5)
	c.pings = true // and goes on to be heard, and no view ever shows it
	c.cutView(5)
	c.run(delay - 500)
	if c.offs[5] != 0 {
		t.Fatal("fenced although it may be just coming")
	}
	c.run(3000)
	if c.offs[5] == 0 {
		t.Fatal("who is heard and never comes is waited for for ever (L1)")
	}
}

func TestALifeThatFellSilentIsNotWaitedFor(t *testing.T) { // R10, L1: what was heard of it is over, and one that has a verdict is nobody who comes
	c := newCluster(t, 5, true)
	c.comeBack(5)
	c.hears()
	c.powerOff(5)
	c.cutView(5)
	timing := c.dom(1).Roster.Timing
	c.run(timing.FailureTimeoutMS + 1000)
	if c.offs[5] != 1 {
		t.Fatalf("%d offs", c.offs[5])
	}
}

func TestWhoIsNamedIsWaitedForWhereItGivesQuorum(t *testing.T) { // S2.7, R21: cut, its next life takes the quorum that the proof needs
	c := newCluster(t, 3, true)
	delay := c.dom(1).Roster.Timing.PostJoinDelayMS
	c.powerOff(3)
	c.comeBack(2)
	c.n(2).mute = true // its scan takes its time
	c.install()
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Request: &domain.Request{ID: "x", Node: 2, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op", Force: true}})})
	c.run(delay - 1000)
	if v := c.dom(1).Node(2).Victim; v == nil || !v.Force || c.offs[2] != 0 {
		t.Fatalf("the life that gives quorum is cut before it can speak: %d offs, %+v", c.offs[2], v)
	}
	c.run(3000)
	if c.offs[2] != 1 {
		t.Fatalf("it never speaks, and is waited for for ever: %d offs", c.offs[2])
	}
}

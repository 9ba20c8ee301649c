package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

func (c *cluster) disarms(a domain.Arm) {
	a.By, a.Reason = "op", "maintenance"
	c.append(record{by: c.n(2).self(), data: encode(c.t, domain.Entry{Arm: &a})})
	c.run(200)
}

func TestADisarmWaitsForTheWalk(t *testing.T) { // 0080
	c := newCluster(t, 5, true)
	c.dead[5] = true // its BMC answers at the second attempt
	c.kill(5)
	c.install()
	c.run(400)
	c.kill(4) // named, and nobody has claimed it yet
	c.disarms(domain.Arm{})
	if d := c.dom(1); !d.Armed || !d.Disarming() {
		t.Fatalf("the story is wrong: armed %v, %+v", d.Armed, d.Disarm)
	}
	c.dead[5] = false
	c.install()
	c.run(20_000)
	d := c.dom(1)
	if d.Armed || d.Node(5).Last == nil || c.offs[5] != 1 || c.offs[4] != 0 {
		t.Fatalf("armed %v, node 5 %+v, offs %v", d.Armed, d.Node(5).Last, c.offs)
	}
	if d.Node(4).Victim == nil {
		t.Fatal("the one that was named meanwhile is no victim")
	}
	c.append(record{by: c.n(2).self(), data: encode(t, domain.Entry{Arm: &domain.Arm{Armed: true, By: "op"}})})
	c.run(10_000)
	if c.offs[4] != 1 {
		t.Fatal("it is not fenced after arming")
	}
}

func TestADisarmForAWhileIsEndedByWhoeverCountsFirst(t *testing.T) { // 0080: who proposes it, what if he dies, what if he was stopped
	c := newCluster(t, 5, true)
	c.disarms(domain.Arm{ForMS: 30_000})
	if c.dom(1).Armed || c.n(1).m.DisarmLeftMS() <= 20_000 {
		t.Fatalf("armed %v, %d ms left", c.dom(1).Armed, c.n(1).m.DisarmLeftMS())
	}
	c.run(10_000)
	c.n(1).cut = true // the first in rank sees no log
	c.n(2).m.since.restart(c.now)
	c.run(18_000)
	if c.dom(3).Armed {
		t.Fatal("armed again before its time")
	}
	c.run(4000)
	if !c.dom(3).Armed || c.dom(3).Disarm != nil {
		t.Fatalf("not armed again: %+v", c.dom(3).Disarm)
	}
}

func TestADaemonThatCameLaterCountsAfresh(t *testing.T) { // late, never early
	c := newCluster(t, 3, true)
	c.disarms(domain.Arm{ForMS: 30_000})
	c.run(20_000)
	for _, id := range []fence.NodeID{1, 2, 3} { // every one of them was stopped: nobody knows how long
		c.n(id).m.since.restart(c.now)
	}
	c.run(15_000)
	if c.dom(1).Armed {
		t.Fatal("a clock that nobody watched was believed")
	}
	c.run(20_000)
	if !c.dom(1).Armed {
		t.Fatal("a disarm for a while lasts for ever")
	}
}

func TestADisarmIsWaitedForNoLongerThanItsTime(t *testing.T) {
	c := newCluster(t, 5, true)
	c.frozen = map[fence.NodeID]bool{1: true} // its loop hangs, and its claim is a long one
	c.kill(5)
	c.install()
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Claim: &domain.ClaimEntry{
		Node: 5, Boot: c.dom(2).Node(5).Life.Boot, Number: c.dom(2).Node(5).NextClaim, DurationMS: 12 * 60 * 60 * 1000,
	}})})
	c.disarms(domain.Arm{})
	if !c.dom(2).Disarming() {
		t.Fatalf("the story is wrong: %+v", c.dom(2).Node(5).Victim)
	}
	c.run(domain.DisarmWaitMS - 5000)
	if !c.dom(2).Armed {
		t.Fatal("it was to be waited for longer")
	}
	c.run(10_000)
	if c.dom(2).Armed {
		t.Fatal("a disarm waits for ever")
	}
}

func (c *cluster) pauses(e domain.PauseEntry) {
	e.By, e.Reason = "op", "new fans"
	c.append(record{by: c.n(2).self(), data: encode(c.t, domain.Entry{Pause: &e})})
	c.run(200)
}

func TestAPausedNodeIsFencedWhenItIsResumed(t *testing.T) { // 0081, L10
	c := newCluster(t, 5, true)
	c.pauses(domain.PauseEntry{Node: 5, On: true})
	c.kill(5)
	c.install()
	c.run(30_000)
	if c.offs[5] != 0 || c.dom(1).Node(5).Victim == nil {
		t.Fatalf("offs %v, victim %v", c.offs, c.dom(1).Node(5).Victim)
	}
	if r := c.dom(1).Rejected; r > 5 {
		t.Fatalf("%d entries were refused: it asks again and again", r)
	}
	c.pauses(domain.PauseEntry{Node: 5})
	c.run(10_000)
	if c.offs[5] != 1 || c.dom(1).Node(5).Last == nil {
		t.Fatalf("offs %v", c.offs)
	}
}

func TestAPauseForAWhileEndsByItself(t *testing.T) { // L10
	c := newCluster(t, 5, true)
	c.pauses(domain.PauseEntry{On: true, ForMS: 20_000})
	c.kill(5)
	c.install()
	c.run(15_000)
	if c.offs[5] != 0 {
		t.Fatal("it did not hold")
	}
	c.run(20_000)
	if c.offs[5] != 1 || len(c.dom(1).Paused) != 0 {
		t.Fatalf("offs %v, %+v", c.offs, c.dom(1).Paused)
	}
}

// R23: that one of two was not lost for an hour is counted from its admission, afresh by whoever was stopped, and ends the count of its returns.
func TestAnHourWithoutALossEndsTheCount(t *testing.T) {
	c := newCluster(t, 3, true)
	since := c.dom(1).Index
	for id := fence.NodeID(1); id <= 3; id++ {
		c.dom(id).Node(3).Losses = domain.Losses{Count: 2, Boot: "before", Since: since}
	}
	c.run(1000)
	for id := fence.NodeID(1); id <= 3; id++ { // so long, but for five seconds
		m := &c.n(id).m.since
		m.set(timeMark(since), m.get(timeMark(since), c.now)-domain.QuietMS+5000)
	}
	c.run(3000)
	if n := c.dom(1).Node(3); n.Losses.Count != 2 {
		t.Fatalf("before the hour is over: %+v", n.Losses)
	}
	c.run(5000)
	if n := c.dom(1).Node(3); n.Losses != (domain.Losses{}) {
		t.Fatalf("after it: %+v", n.Losses)
	}
}

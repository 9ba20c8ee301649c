package member

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// kennel is a node's watchdog as its shell has it.
type kennel struct {
	mode   WatchdogMode
	answer WatchdogSeen // to the next Feed; Stint is filled in
	mute   bool
	open   bool
	closes int
	until  []int64
}

func (c *cluster) dogMode(id fence.NodeID) WatchdogMode {
	if k := c.dogs[id]; k != nil {
		return k.mode
	}
	return ""
}

func (c *cluster) feeds(x *node, e Feed) {
	k := c.dogs[x.id]
	k.until = append(k.until, e.UntilMS)
	if k.mute {
		return
	}
	k.open = k.answer.Open
	in := k.answer
	in.Stint = e.Stint
	x.queue = append(x.queue, in)
}

// guarded is an armed cluster of three; node 1 has a watchdog.
func guarded(t *testing.T, armed bool) (*cluster, *kennel) {
	c := newCluster(t, 3, armed)
	for i := range c.nodes {
		if d := c.dom(fence.NodeID(i + 1)); d.Feature < domain.FeatureWatchdog {
			t.Fatalf("feature level %d", d.Feature)
		}
	}
	k := &kennel{mode: WatchdogAuto, answer: WatchdogSeen{Open: true, Kind: "iTCO_wdt", HardwareMS: 10_000}}
	c.dogs = map[fence.NodeID]*kennel{1: k}
	c.n(1).m.cfg.Watchdog = WatchdogAuto
	c.run(2000)
	return c, k
}

func (k *kennel) last() int64 {
	if len(k.until) == 0 {
		return 0
	}
	return k.until[len(k.until)-1]
}

// R14: fed behind the lease, announced to all, and never further ahead than the newest acknowledged ping reaches.
func TestFedBehindTheLease(t *testing.T) {
	c, k := guarded(t, true)
	lease := c.dom(1).Roster.Timing.LeaseMS
	if !k.open || k.last() > c.now+lease || k.last() < c.now+lease-1000 {
		t.Fatalf("open %t, fed until %d at %d", k.open, k.last(), c.now)
	}
	for id := fence.NodeID(1); id <= 3; id++ {
		if w := c.dom(id).Node(1).Watchdog; w != (fence.Watchdog{Kind: "iTCO_wdt", Open: true, LeaseMS: lease, HardwareMS: 10_000}) {
			t.Errorf("node %d knows %+v", id, w)
		}
	}
	c.noLease = map[fence.NodeID]bool{1: true}
	c.run(300)
	before := k.last()
	c.run(lease - 1000)
	if k.last() != before || c.n(1).fell {
		t.Fatalf("fed without an acknowledgement, or fell early: %d, %t", k.last()-before, c.n(1).fell)
	}
	c.run(1500)
	if !c.n(1).fell || k.closes != 0 {
		t.Errorf("its lease ended: fell %t, closed %d times", c.n(1).fell, k.closes)
	}
}

// S1.14, L6: without quorum a stateful node whose watchdog is open goes down when its lease ends; nothing keeps it, and nothing closes it.
// part of: S1.14
func TestAMinorityGoesDownWithItsLease(t *testing.T) {
	c, k := guarded(t, true)
	c.n(1).cut = true
	c.give(c.n(1), QuorumLost{Why: "test"})
	c.run(c.dom(1).Roster.Timing.LeaseMS + 500)
	if !c.n(1).fell || k.closes != 0 {
		t.Errorf("fell %t, closed %d times", c.n(1).fell, k.closes)
	}
}

// S4.11, R13: a node that stood still beyond its lease looks at itself first and goes down.
// part of: S4.11
func TestStoppedBeyondTheLease(t *testing.T) {
	c, _ := guarded(t, true)
	x := c.n(1)
	c.now += 40_000
	effects := x.m.Step(c.now, Tick{})
	i := slices.IndexFunc(effects, func(e Effect) bool { _, ok := e.(SelfFence); return ok })
	if i < 0 || slices.ContainsFunc(effects, func(e Effect) bool { _, ok := e.(Feed); return ok }) {
		t.Errorf("its first word is %v", effects)
	}
}

// V14: only the log closes a watchdog: disarming, a clean leave whose record is closed, a committed stateless life.
func TestWhatClosesIt(t *testing.T) {
	t.Run("disarmed", func(t *testing.T) {
		c, k := guarded(t, true)
		c.append(record{by: c.n(2).self(), data: encode(t, domain.Entry{Arm: &domain.Arm{By: "op"}})})
		c.run(100)
		if k.open || k.closes != 1 || c.dom(2).Node(1).Watchdog.Open {
			t.Errorf("open %t, closed %d times, %+v", k.open, k.closes, c.dom(2).Node(1).Watchdog)
		}
		fed := len(k.until)
		c.run(3000)
		if len(k.until) != fed {
			t.Error("fed in a cluster that is not armed")
		}
		c.append(record{by: c.n(2).self(), data: encode(t, domain.Entry{Arm: &domain.Arm{Armed: true, By: "op"}})})
		c.run(3000)
		if !k.open || !c.dom(2).Node(1).Watchdog.Open {
			t.Errorf("armed again: open %t, %+v", k.open, c.dom(2).Node(1).Watchdog)
		}
	})
	t.Run("left", func(t *testing.T) {
		c, k := guarded(t, true)
		c.n(1).stuck = true
		c.give(c.n(1), LeaveRequested{Reply: 7, UntilMS: c.now + 60_000})
		c.run(3000)
		if !k.open || k.closes != 0 || c.dom(2).Node(1).Phase != domain.PhaseLeft {
			t.Fatalf("before its record is closed: open %t, %s", k.open, c.dom(2).Node(1).Phase)
		}
		c.n(1).stuck = false
		c.run(62_000) // a write that was never answered is tried again after a minute
		if k.open || k.closes != 1 {
			t.Errorf("open %t, closed %d times", k.open, k.closes)
		}
	})
}

// An armed node opens its watchdog before it says that it is clean; one that is required is waited for, one that is missing otherwise is not.
func TestOpenBeforeTheWord(t *testing.T) {
	for _, mode := range []WatchdogMode{WatchdogAuto, WatchdogRequired} {
		c, k := guarded(t, true)
		c.powerOff(1)
		c.install()
		c.run(20_000)
		k.mode, k.answer, k.open = mode, WatchdogSeen{Why: "there is no /dev/watchdog"}, false
		c.boot(1)
		c.install()
		c.run(4000)
		member := c.dom(2).Node(1).Phase == domain.PhaseMember
		if member != (mode == WatchdogAuto) || c.n(1).m.WatchdogText() != "there is no /dev/watchdog" {
			t.Errorf("%s: member %t, %q", mode, member, c.n(1).m.WatchdogText())
		}
	}
}

// R2, V7: a later life opens its watchdog and speaks while its earlier one is a victim that no device can prove over; what it opened is closed when
// the cluster is disarmed meanwhile.
func TestAReturnerOpensItsWatchdog(t *testing.T) {
	for _, mode := range []WatchdogMode{WatchdogAuto, WatchdogRequired} {
		c, k := guarded(t, true)
		c.dead[1] = true
		c.powerOff(1)
		c.install()
		c.run(3000)
		if c.dom(2).Node(1).Victim == nil {
			t.Fatal("no victim")
		}
		k.mode, k.open = mode, false
		c.boot(1)
		c.install()
		c.run(30_000)
		n := c.dom(2).Node(1)
		if n.Victim != nil || !c.dom(2).Clean(1) || n.Last.Evidence.Kind != fence.EvidenceBootChanged || !k.open || !n.Watchdog.Open {
			t.Errorf("%s: %+v, last %+v, open %t", mode, n.Victim, n.Last, k.open)
		}
	}
}

// V14: what a later life opened while its earlier one is a victim is closed when the cluster is disarmed: nothing would feed it any more.
func TestADisarmedReturnerClosesItsWatchdog(t *testing.T) {
	c, k := guarded(t, true)
	c.dead[1] = true
	c.powerOff(1)
	c.install()
	c.run(3000)
	k.open = false
	c.virtual = map[fence.NodeID]bool{1: true} // its new boot id proves nothing
	c.boot(1)
	c.install()
	c.run(2000)
	if c.dom(2).Node(1).Victim == nil || !k.open {
		t.Fatalf("victim %+v, open %t", c.dom(2).Node(1).Victim, k.open)
	}
	c.arm(false)
	c.run(20_000)
	if k.open || c.n(1).fell {
		t.Errorf("open %t, fell %t", k.open, c.n(1).fell)
	}
}

// L6: a member that opens its watchdog anew grants nothing before it is open; one that is required is waited for, one that is missing otherwise is not.
func TestOpenBeforeAGrant(t *testing.T) {
	for _, mode := range []WatchdogMode{WatchdogAuto, WatchdogRequired} {
		c, k := guarded(t, true)
		k.mode, c.n(1).m.cfg.Watchdog = mode, mode
		c.arm(false)
		c.run(100)
		k.mute = true
		c.arm(true)
		s := c.register(1, "app", RoleWatch)
		c.run(2000)
		if s.granted {
			t.Errorf("%s: granted before anybody answered about its watchdog", mode)
		}
		k.mute, k.answer = false, WatchdogSeen{Why: "there is no /dev/watchdog"}
		c.run(4000)
		if s.granted != (mode == WatchdogAuto) {
			t.Errorf("%s, and there is none: granted %t", mode, s.granted)
		}
		k.answer = WatchdogSeen{Open: true, Kind: "iTCO_wdt", HardwareMS: 10_000}
		c.run(4000)
		if !s.granted {
			t.Errorf("%s: it is open, and nothing is granted: %q", mode, s.last(TellRefused).Why)
		}
	}
}

// An answer to a Feed from before a closing says nothing: the device was closed since.
func TestAnAnswerOfAnEarlierStint(t *testing.T) {
	c, k := guarded(t, true)
	k.mute = true
	c.append(record{by: c.n(2).self(), data: encode(t, domain.Entry{Arm: &domain.Arm{By: "op"}})})
	c.append(record{by: c.n(2).self(), data: encode(t, domain.Entry{Arm: &domain.Arm{Armed: true, By: "op"}})})
	c.run(100)
	c.give(c.n(1), WatchdogSeen{Stint: 0, Open: true, Kind: "iTCO_wdt", HardwareMS: 10_000})
	c.run(3000)
	if c.dom(2).Node(1).Watchdog.Open {
		t.Error("it announced a watchdog as open that it closed")
	}
}

// What is open and will not be fed any more ends this life at once.
func TestTheHolderDied(t *testing.T) {
	c, _ := guarded(t, true)
	c.give(c.n(1), WatchdogSeen{Over: true, Why: "its holder died"})
	if !c.n(1).fell {
		t.Error("it goes on")
	}
}

// minority_timeout is for a stateful node without an open watchdog, and off unless it is said.
func TestMinorityTimeout(t *testing.T) {
	for limit, falls := range map[int64]bool{0: false, 8000: true} {
		c := newCluster(t, 3, true)
		c.run(1000)
		for id := fence.NodeID(1); id <= 3; id++ {
			c.dom(id).Roster.Policy.MinorityMS = limit
		}
		c.n(1).cut = true
		c.give(c.n(1), QuorumLost{Why: "test"})
		c.run(7500)
		if c.n(1).fell {
			t.Error("early")
		}
		c.run(6000)
		if c.n(1).fell != falls {
			t.Errorf("%d: fell %t", limit, c.n(1).fell)
		}
	}
}

// R24: after a bounded number of lives in a row that ended themselves the node stays out instead, dirty; an admission ends the row.
func TestSelfFenceStopsALoop(t *testing.T) {
	for before, falls := range map[int]bool{0: true, maxSelfFences - 1: true, maxSelfFences: false} {
		c := newCluster(t, 3, true)
		c.run(1000)
		c.powerOff(3)
		c.install()
		c.run(500)
		c.boot(3)
		x := c.n(3)
		x.m.cfg.SelfFences, x.residue, x.disk.EverArmed = before, true, true
		c.install()
		c.run(3000)
		if x.fell != falls || !x.m.fell || c.dom(1).Clean(3) {
			t.Errorf("%d before: reset %t, mind made up %t, clean %t", before, x.fell, x.m.fell, c.dom(1).Clean(3))
		}
	}
	c := newCluster(t, 3, true)
	c.n(2).m.cfg.SelfFences = maxSelfFences
	if c.run(1000); c.n(2).m.cfg.SelfFences != 0 {
		t.Error("an admitted life counts the row of those before it")
	}
}

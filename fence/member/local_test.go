package member

import (
	"errors"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// force asks node by for forced power and lets its disk answer; the last answer is returned, nil while it waits for the disk.
func (c *cluster) force(by, node fence.NodeID, action fence.Action) *Answer {
	x := c.n(by)
	before := len(x.answers)
	c.give(x, LocalRequested{Reply: 90, ID: "l1", By: "op", Reason: "dead", Node: node, Action: action})
	c.run(20)
	if len(x.answers) == before {
		return nil
	}
	return &x.answers[len(x.answers)-1]
}

// alone is a cluster of three in which only node 1 is left, without quorum; nobody fenced the others.
func alone(t *testing.T) *cluster {
	c := newCluster(t, 3, true)
	c.strict = true
	c.kill(2)
	c.kill(3)
	c.give(c.n(1), QuorumLost{Why: "test"})
	return c
}

// Without quorum and claim: off is commanded and read back; there is no verdict and no release, and nothing is proposed.
func TestForcedOffWithoutQuorum(t *testing.T) { // R31
	c := alone(t)
	before := len(c.log)
	if a := c.force(1, 3, fence.ActionOff); a == nil || a.Err != nil {
		t.Fatalf("%+v", a)
	}
	c.run(2000)
	l := c.n(1).m.Local("l1")
	if l == nil || !l.Done || l.Off == nil || !l.Off.Proven || l.Told || c.offs[3] != 1 || c.n(3).power {
		t.Fatalf("%+v, %d offs", l, c.offs[3])
	}
	if len(c.log) != before || c.dom(1).Node(3).Last != nil || len(c.n(1).released) != 0 || c.dom(1).Node(3).Victim != nil {
		t.Fatal("forced power decided something")
	}
	if got := c.n(1).m.Untold(); len(got) != 1 || got[0].ID != "l1" {
		t.Fatalf("%+v", got)
	}
}

// No device is touched before the note is durable, and none if it cannot be made (R31).
func TestForcedPowerIsNotedFirst(t *testing.T) {
	c := alone(t)
	c.n(1).stuck = true
	if a := c.force(1, 3, fence.ActionOff); a != nil || c.offs[3] != 0 {
		t.Fatalf("%+v, %d offs before the note is durable", a, c.offs[3])
	}
	c.run(1000)
	c.give(c.n(1), LocalWritten{Number: c.n(1).m.notes - 1})
	c.run(1000)
	if c.offs[3] != 0 {
		t.Fatal("another write's answer was taken for the note's")
	}
	c.give(c.n(1), LocalWritten{Number: c.n(1).m.notes, Err: "disk full"})
	c.run(1000)
	a := c.n(1).answers[len(c.n(1).answers)-1]
	if !errors.Is(a.Err, ErrLocal) || c.offs[3] != 0 || c.n(1).m.Local("l1") != nil {
		t.Fatalf("%+v, %d offs", a, c.offs[3])
	}
}

// A device that identifies another machine is not switched (R16 a), and a walk that fails is no off.
func TestForcedPowerAsksForTheMachine(t *testing.T) {
	c := alone(t)
	c.swapped[3] = uuid(2)
	c.force(1, 3, fence.ActionOff)
	c.run(8000)
	if l := c.n(1).m.Local("l1"); c.offs[3] != 0 || !l.Done || l.Off.Proven {
		t.Fatalf("%+v, %d offs", l, c.offs[3])
	}
}

func TestForcedReboot(t *testing.T) {
	c := alone(t)
	life := c.n(3).boot
	c.force(1, 3, fence.ActionReboot)
	c.run(4000)
	l := c.n(1).m.Local("l1")
	if !l.Done || !l.Off.Proven || l.On == nil || !l.On.Proven || c.n(3).boot != life+1 || !c.n(3).power {
		t.Fatalf("%+v, on %+v", l, l.On)
	}
}

// Told at the next contact; until the effect time is over the victim's next life is not admitted (R31, R9).
func TestForcedPowerIsToldAtTheNextContact(t *testing.T) {
	c := alone(t)
	c.lies[3] = true // it accepts and does nothing: what was commanded may come at any time
	c.force(1, 3, fence.ActionOff)
	c.run(9000)
	l := c.n(1).m.Local("l1")
	if !l.Done || l.Off.Proven || l.Told {
		t.Fatalf("%+v", l)
	}
	effect := l.effect
	if effect <= c.now {
		t.Fatalf("nothing may take effect after %d, at %d", effect, c.now)
	}
	c.boot(2)
	c.boot(3)
	c.install()
	c.give(c.n(1), QuorumHeld{})
	c.run(500)
	if !l.Told || len(c.n(1).m.Untold()) != 0 {
		t.Fatalf("the domain was not told: %+v", l)
	}
	if n := c.dom(2).Node(3); len(n.Unquiet) == 0 || n.Unquiet[0].Local != "l1" || n.Phase == domain.PhaseMember {
		t.Fatalf("%+v", n)
	}
	for c.now < effect {
		if c.dom(1).Clean(3) {
			t.Fatalf("admitted at %d, something may take effect until %d", c.now, effect)
		}
		c.run(50)
	}
	c.run(3000)
	if len(c.dom(1).Node(3).Unquiet) != 0 || !c.dom(1).Clean(3) {
		t.Fatalf("%+v", c.dom(1).Node(3))
	}
	c.agree()
}

// A daemon that starts anew tells what its predecessor noted: of this boot what is left of its time, of another boot all of it again.
func TestNotedPowerIsToldByTheNextDaemon(t *testing.T) {
	for boot, wait := range map[string]int64{"same": 3000, "other": 9000} {
		c := newCluster(t, 3, true)
		x := c.n(1)
		r := LocalRecord{ID: "l9", Node: 3, Action: fence.ActionOff, By: "op", Reason: "dead", Boot: x.self().Boot, EndMS: c.now + 1000, DurationMS: 7000, EffectMS: 2000}
		if boot == "other" {
			r.Boot = "an earlier one"
		}
		began := c.now
		c.give(x, LocalFound{Records: []LocalRecord{r}})
		c.run(200)
		if n := c.dom(2).Node(3); len(n.Unquiet) != 1 || n.Unquiet[0].Local != "l9" {
			t.Fatalf("%s boot: not told: %+v", boot, n)
		}
		for len(c.dom(2).Node(3).Unquiet) > 0 && c.now < began+60_000 {
			c.run(50)
		}
		if took := c.now - began; took < wait || took > wait+1000 {
			t.Errorf("%s boot: waited for %d ms, want %d", boot, took, wait)
		}
	}
}

func TestForcedPowerIsRefused(t *testing.T) {
	c := alone(t)
	for _, node := range []fence.NodeID{1, 9} {
		if a := c.force(1, node, fence.ActionOff); a == nil || !errors.Is(a.Err, ErrLocal) {
			t.Errorf("node %d: %+v", node, a)
		}
	}
	c.dead[3] = true
	c.force(1, 3, fence.ActionOff)
	if a := c.force(1, 3, fence.ActionOff); a == nil || a.Err != nil {
		t.Errorf("the same command asked again: %+v", a)
	}
	c.give(c.n(1), LocalRequested{Reply: 91, ID: "l2", By: "op", Reason: "x", Node: 3, Action: fence.ActionOff})
	if a := c.n(1).answers[len(c.n(1).answers)-1]; !errors.Is(a.Err, ErrLocal) {
		t.Errorf("a second one on the same node: %+v", a)
	}
}

// No forced walk goes on with devices that are about to be others, nor in a node that stood still: what it read before is not true any more.
func TestForcedPowerIsAbandonedLikeAnyWalk(t *testing.T) { // V6, R20
	for name, end := range map[string]func(*cluster){
		"devices change": func(c *cluster) { c.give(c.n(1), DevicesChange{}) },
		"stood still":    func(c *cluster) { c.now += 60_000; c.give(c.n(1), Tick{}) },
	} {
		c := alone(t)
		c.dead[3] = true // the first read is not answered
		c.force(1, 3, fence.ActionOff)
		if x := c.n(1); len(x.ops) != 1 || x.ops[0].done {
			t.Fatalf("%s: no walk runs", name)
		}
		end(c)
		if !c.n(1).ops[0].done {
			t.Errorf("%s: the forced walk goes on", name)
		}
		c.dead[3] = false
		c.run(10_000)
		if l := c.n(1).m.Local("l1"); c.offs[3] != 0 || !l.Done || l.Off.Proven {
			t.Errorf("%s: %d offs, %+v", name, c.offs[3], l)
		}
	}
}

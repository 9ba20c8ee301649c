package member

import (
	"fmt"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// registrar is an agent that registers only the machine that it runs on, which is the node of the port's number.
type registrar struct {
	asked, wrong int
	deaf         bool
}

// effect is what a command does to a port: nothing, where it is refused.
func (g *registrar) effect(by fence.NodeID, call operation.Do) fence.Action {
	var target fence.NodeID
	_, err := fmt.Sscanf(call.Device, "fc-%d", &target)
	switch {
	case g == nil || err != nil || call.Action == fence.ActionOff:
		return call.Action
	case call.Action != fence.ActionOnTarget || target != by:
		g.wrong++
		return ""
	}
	if g.asked++; g.deaf {
		return ""
	}
	return fence.ActionOn
}

// registers is its answer.
func (g *registrar) registers(call operation.Do, r operation.CallResult) operation.CallResult {
	if g != nil && g.deaf && call.Action == fence.ActionOnTarget {
		r.Class, r.Text = operation.ClassRefused, "no disk"
	}
	return r
}

// registering makes every port one that its node opens itself.
func registering(t *testing.T) *cluster {
	c := startCluster(&cluster{t: t, fabric: true, own: &registrar{}}, 3, true)
	c.run(1000)
	return c
}

// refusedAtTheDisk is such a cluster in which node 3 was cut, has booted, and has been refused by its disk for so long.
func refusedAtTheDisk(t *testing.T, ms int64) *cluster {
	c := registering(t)
	c.kill(3)
	c.install()
	c.run(3000)
	c.powerOff(3)
	c.own.deaf = true
	c.boot(3)
	c.install()
	c.run(ms)
	return c
}

// R18, V11, 0099: the next boot of a cut life is opened by its own daemon, before it is admitted, after pauses where that fails, and by nobody else.
func TestR18TheNextBootRegistersItself(t *testing.T) {
	c := registering(t)
	c.kill(3)
	c.install()
	c.run(3000)
	if !c.closed[3] {
		t.Fatalf("%+v", c.dom(1).Node(3))
	}
	c.powerOff(3)
	c.own.deaf = true
	c.boot(3)
	c.install()
	c.run(30_000)
	asked := c.own.asked
	if n := c.dom(1).Node(3); n.Cut == nil || n.Cut.Round < 2 || n.Pending == nil || asked < 2 || asked > 20 {
		t.Fatalf("asked %d times: %+v", asked, n)
	}
	c.own.deaf = false
	for range 600 {
		c.run(50)
		if c.closed[3] && c.dom(1).Clean(3) {
			t.Fatal("admitted behind a closed port")
		}
	}
	n := c.dom(1).Node(3)
	if c.closed[3] || !c.dom(1).Clean(3) || n.Cut != nil || len(n.Opened.Steps) != 1 {
		t.Fatalf("%+v", n)
	}
	if c.own.wrong > 0 {
		t.Errorf("others asked for it %d times", c.own.wrong)
	}
	asked = c.own.asked
	c.run(60_000)
	if c.own.asked != asked {
		t.Error("it registers itself again while it is a member")
	}
	c.agree()
}

// R9, R18, 0099: a registration hangs in the kernel until the others count it as over, and the next one succeeds: the node is not admitted while the
// first may still happen, for it would undo a cut of the life that it is admitted as.
func TestR18WhoStillRegistersIsNotAdmitted(t *testing.T) {
	c := refusedAtTheDisk(t, 30_000)
	m := c.n(3).m
	hangs := &run{node: 3, claim: 1_000_000, on: true, cancelled: true}
	m.running = append(m.running, hangs)
	c.own.deaf = false
	for c.closed[3] {
		c.run(50)
	}
	for range 100 { // less than post_join_delay: who hangs for longer is fenced like anybody who does not announce itself
		c.run(50)
		if c.dom(1).Clean(3) {
			t.Fatal("admitted, and its registration may still happen")
		}
	}
	hangs.done, hangs.quiet = true, true
	c.run(30_000)
	if !c.dom(1).Clean(3) {
		t.Fatalf("it has returned: %+v", c.dom(1).Node(3))
	}
	c.agree()
}

// An unfencing that is about nothing any more switches nothing on: not the power either.
func TestR18NothingToOpenIsNotPower(t *testing.T) {
	c := registering(t)
	n := *c.dom(1).Node(3)
	n.Cut = &domain.Cut{}
	s := c.n(1).m.unfenceSpec(&n, &domain.Claim{Number: 1, Boot: n.Life.Boot, On: true, Unfence: true})
	if s.Open == nil || s.Action != fence.ActionOn {
		t.Errorf("%+v", s)
	}
}

// R16 a, 0099: a drill waits until its node is admitted, and that until it has registered itself: both come to an end.
func TestR18ADrilledNodeRegistersItself(t *testing.T) {
	c := registering(t)
	c.nameless, c.wired, c.silent, c.noBoot = map[fence.NodeID]bool{3: true}, map[fence.NodeID]fence.NodeID{}, map[fence.NodeID]bool{}, map[fence.NodeID]bool{}
	c.pings = true
	c.run(1000)
	c.give(c.n(1), Requested{Reply: 99, Entry: domain.Entry{Drill: &domain.DrillStart{ID: "d1", Node: 3, Level: 1, By: "op"}}})
	if d := c.drillOver(60_000); !d.Passed {
		t.Fatalf("%+v", d)
	}
	if n := c.dom(1).Node(3); !c.dom(1).Clean(3) || n.Opened == nil || n.Opened.Boot != n.Life.Boot || c.own.wrong > 0 {
		t.Fatalf("%+v", n)
	}
	c.agree()
}

// R5, 0099: while it waits for its registration somebody mends the configuration, with which it could never have succeeded: by the new file it goes on.
func TestR18ANewFileIsTakenByWhoWaits(t *testing.T) {
	c := refusedAtTheDisk(t, 10_000)
	if n := c.dom(1).Node(3); n.Pending == nil || n.Cut == nil || n.Cut.Round == 0 {
		t.Fatalf("%+v", n)
	}
	r := c.dom(1).Roster
	r.Version++
	r.Timing.StaggerMS++
	c.commit(domain.Entry{Roster: &domain.Roster{Roster: r, By: "test"}})
	for id := fence.NodeID(1); id <= 3; id++ {
		c.give(c.n(id), ConfigChanged{RosterHash: r.Hash()})
	}
	c.own.deaf = false
	c.run(40_000)
	if n := c.dom(1).Node(3); !c.dom(1).Clean(3) || n.Cut != nil || n.Roster != r.Hash() {
		t.Fatalf("%+v", n)
	}
	c.agree()
}

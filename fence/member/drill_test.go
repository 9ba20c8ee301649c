package member

import (
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// drillCluster has three members that hear each other; the device of node 3 gives no identity.
func drillCluster(t *testing.T, n int) *cluster {
	c := newCluster(t, n, true)
	c.nameless, c.wired, c.silent, c.noBoot = map[fence.NodeID]bool{3: true}, map[fence.NodeID]fence.NodeID{}, map[fence.NodeID]bool{}, map[fence.NodeID]bool{}
	c.pings = true
	c.run(1000)
	if c.dom(1).Feature < domain.FeatureDrill {
		t.Fatal("the feature level did not rise")
	}
	return c
}

func (c *cluster) askDrill(node fence.NodeID) {
	c.give(c.n(1), Requested{Reply: 99, Entry: domain.Entry{Drill: &domain.DrillStart{ID: "d1", Node: node, By: "op"}}})
}

// until runs until f holds, at most ms.
func (c *cluster) until(ms int64, what string, f func() bool) {
	c.t.Helper()
	for end := c.now + ms; c.now < end; {
		if f() {
			return
		}
		c.run(10)
	}
	c.t.Fatalf("%s did not happen within %d ms: %+v", what, ms, c.dom(1).Node(3))
}

func (c *cluster) lastDrill() *domain.LastDrill { return c.dom(1).Node(3).LastDrill }

// drillOver runs a drill of node 3 to its end, with views as they would be installed.
func (c *cluster) drillOver(ms int64) domain.LastDrill {
	c.t.Helper()
	gone := false
	c.until(ms, "the end of the drill", func() bool {
		if !c.n(3).up && !gone {
			gone = true
			c.install()
		} else if c.n(3).up && gone {
			gone = false
			c.install()
		}
		return c.lastDrill() != nil && c.dom(1).OpenDrill() == nil
	})
	return *c.lastDrill()
}

func TestDrillProvesAMapping(t *testing.T) { // R16 a
	c := drillCluster(t, 3)
	before := c.n(3).boot
	level := c.dom(1).Roster.Nodes[2].Levels[0]
	if c.dom(1).Proves(c.dom(1).Node(3), 0, level.Steps[0]) {
		t.Fatal("it counts as proven before any drill")
	}
	c.askDrill(3)
	c.until(5000, "ready", func() bool { d := c.dom(1).Node(3).Drill; return d != nil && d.Ready })
	if c.n(3).departed || !c.n(3).up || c.n(3).disk.State != SessionClosed {
		t.Fatalf("the drilled node must leave and stay: departed %t, up %t, session %+v", c.n(3).departed, c.n(3).up, c.n(3).disk)
	}
	d := c.drillOver(60_000)
	if !d.Passed || c.n(3).boot != before+1 || c.offs[3] != 1 {
		t.Fatalf("%+v, boot %d, offs %d", d, c.n(3).boot, c.offs[3])
	}
	c.run(500)
	for id := fence.NodeID(1); id <= 3; id++ {
		n := c.dom(id).Node(3)
		if !c.dom(id).Proves(n, 0, level.Steps[0]) || n.Phase != domain.PhaseMember || n.PowerOn != nil || n.Drill != nil {
			t.Errorf("node %d: %+v", id, n)
		}
	}
	if c.count(1, domain.EventVictim, 3)+c.count(1, domain.EventRelease, 3) != 0 {
		t.Error("a drill made a victim or released somebody")
	}
	var names []string
	for _, p := range d.Phases {
		names = append(names, p.Name)
	}
	if want := "leave claim off verify listen on boot admit total"; strings.Join(names, " ") != want {
		t.Errorf("phases %v, want %s", d.Phases, want)
	}
	c.agree()

	// From now on it is fenced by that device alone, with proof.
	c.cutOff(3)
	c.until(30_000, "a verdict by the proven outlet", func() bool {
		n := c.dom(1).Node(3)
		return n.Last != nil && n.Last.Evidence.Kind == fence.EvidencePowerOff
	})
}

// cutOff takes a node out of everybody's sight.
func (c *cluster) cutOff(id fence.NodeID) {
	c.n(id).cut = true
	c.install()
}

func TestWithoutADrillNothingIsSwitchedNorProven(t *testing.T) { // R16 a, ADR 0007
	c := drillCluster(t, 3)
	c.cutOff(3)
	c.run(20_000)
	if n := c.dom(1).Node(3); c.offs[3] != 0 || n.Victim == nil {
		t.Fatalf("offs %d, %+v", c.offs[3], n)
	}
}

// Each row is a way in which a drill must not prove anything.
func TestDrillIsNotFooled(t *testing.T) { // R16 a
	for name, row := range map[string]struct {
		set  func(c *cluster)
		want string
	}{
		"the outlet feeds nothing":            {func(c *cluster) { c.wired[3] = 0 }, "was heard after its power read off"},
		"the device accepts and does nothing": {func(c *cluster) { c.lies[3] = true }, "lied"},
		"the outlet feeds another node":       {func(c *cluster) { c.wired[3] = 2 }, ""},
		"it feeds the network of the drilled node": {func(c *cluster) {
			c.wired[3] = 0
			c.onPropose = func(_ fence.NodeID, p Propose) bool {
				switch {
				case p.Entry.Claim != nil && p.Entry.Claim.Drill:
					c.run(0)
				case p.Entry.DrillOff != nil:
					c.silent[3] = false
				}
				return false
			}
			c.onClaim = func() { c.silent[3] = true }
		}, "came back as the boot that it was"},
		"its machine was reset by something else meanwhile": {func(c *cluster) {
			c.wired[3] = 0
			c.onClaim = func() { c.powerOff(3); c.boot(3); c.n(3).cut, c.silent[3] = true, true }
			c.onPropose = func(_ fence.NodeID, p Propose) bool {
				if p.Entry.PowerOn != nil && c.n(3).cut {
					c.n(3).cut, c.silent[3] = false, false
					c.install()
				}
				return false
			}
		}, "something else reset it"},
		"it does not come back": {func(c *cluster) { c.noBoot[3] = true }, "is not back"},
	} {
		t.Run(name, func(t *testing.T) {
			c := drillCluster(t, 3)
			row.set(c)
			c.askDrill(3)
			d := c.drillOver(drillBackMS + 60_000)
			if d.Passed || !strings.Contains(d.Text, row.want) {
				t.Errorf("%+v, want a failure that says %q", d, row.want)
			}
			if len(c.dom(1).Node(3).Proven) != 0 {
				t.Error("something was proven")
			}
			if c.wired != nil && c.offs[0] != 0 {
				c.until(20_000, "power for what was switched off", func() bool { return c.offs[0] == 0 })
			}
		})
	}
}

func TestDrillWaitsForWhoHolds(t *testing.T) { // R12, S2.11: nobody's data is cut off by a rehearsal
	c := drillCluster(t, 3)
	c.n(3).residue = true
	c.askDrill(3)
	d := c.drillOver(30_000)
	if d.Passed || !strings.Contains(d.Text, "it does not leave") || !strings.Contains(d.Text, "dlm lockspace") || c.offs[3] != 0 {
		t.Fatalf("%+v, offs %d", d, c.offs[3])
	}
	if n := c.dom(1).Node(3); n.Phase != domain.PhaseMember || !c.n(3).up {
		t.Fatalf("it goes on as before: %+v", n)
	}
}

func TestActorThatDiesInADrill(t *testing.T) { // R9: what it switched off is switched on by another
	c := drillCluster(t, 5)
	c.askDrill(3)
	c.until(10_000, "the cut", func() bool { return !c.n(3).power })
	c.kill(1)
	c.install()
	c.until(60_000, "power from another", func() bool { return c.n(3).power })
	c.install()
	c.run(5000)
	c.until(120_000, "the return of node 3", func() bool { return c.dom(2).Node(3).Phase == domain.PhaseMember })
	n := c.dom(2).Node(3)
	if n.LastDrill == nil || n.LastDrill.Passed || len(n.Proven) != 0 || n.Drill != nil || n.Phase != domain.PhaseMember {
		t.Fatalf("%+v %+v", n, n.LastDrill)
	}
}

func TestVictimEndsADrill(t *testing.T) { // a real operation comes first
	c := drillCluster(t, 3)
	c.askDrill(3)
	c.until(5000, "a drill", func() bool { return c.dom(1).Node(3).Drill != nil })
	c.cutOff(2)
	c.until(20_000, "the verdict on node 2", func() bool { return c.dom(1).Node(2).Last != nil || c.dom(1).Node(3).Drill == nil })
	if c.offs[3] != 0 && c.dom(1).Node(2).Victim != nil {
		t.Fatal("the drill was claimed beside a victim")
	}
}

func TestNothingOfDrillsIsWrittenBeforeEveryBuildKnowsThem(t *testing.T) { // R11: an older build refuses a field that it does not know
	c := drillCluster(t, 3)
	raised := false
	for _, r := range c.log {
		if r.data == nil {
			continue
		}
		e, err := domain.Decode(r.data)
		if err != nil {
			t.Fatal(err)
		}
		if e.Feature != nil && e.Feature.Level >= domain.FeatureDrill {
			raised = true
		}
		if text := string(r.data); !raised && (strings.Contains(text, `"up_ms"`) || strings.Contains(text, `"drill`)) {
			t.Errorf("written at an older level: %s", text)
		}
	}
	if !raised {
		t.Fatal("the level never rose: this test saw nothing")
	}
	b, err := c.dom(1).Snapshot()
	if err != nil || strings.Contains(string(b), `drill"`) {
		t.Errorf("a state without drills speaks of them: %v", err)
	}
	c.powerOff(3)
	c.install()
	c.boot(3)
	c.run(20_000)
	c.install()
	c.run(5000)
	for _, r := range c.log[len(c.log)-10:] {
		if strings.Contains(string(r.data), `"announce"`) && !strings.Contains(string(r.data), `"up_ms"`) {
			t.Errorf("it does not say since when it is up: %s", r.data)
		}
	}
}

// What a drill switched off unproven is switched on unproven, also by the power-on after a verdict that came between.
func TestPowerOfAllLevelsIsAnOperatorsWish(t *testing.T) { // R9
	c := drillCluster(t, 3)
	n := c.dom(1).Node(3)
	n.PowerOn = &domain.PowerOn{ID: 1, For: n.Life, Level: -1, Force: true}
	if s := c.n(1).m.spec(n, &domain.Claim{Number: 1, On: true}); s.StartLevel >= 0 || s.Victim.Cause != fence.CauseOperator {
		t.Fatalf("level %d, cause %q", s.StartLevel, s.Victim.Cause)
	}
	n.PowerOn.Level = 0
	if s := c.n(1).m.spec(n, &domain.Claim{Number: 1, On: true}); s.Victim.Cause == fence.CauseOperator {
		t.Fatal("a plain power-on is nobody's wish")
	}
}

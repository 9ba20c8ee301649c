package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// stateless demands what the log and the record say of a node.
func (c *cluster) stateless(id fence.NodeID, want bool) {
	c.t.Helper()
	state := SessionStateful
	if want {
		state = SessionStateless
	}
	if n := c.dom(1).Node(id); !c.dom(1).Clean(id) || n.Stateful == want || c.n(id).disk.State != state {
		c.t.Fatalf("%d: want stateless %v: %+v, record %+v", c.now, want, n, c.n(id).disk)
	}
}

// idles counts the words in the log that a node is stateless.
func (c *cluster) idles(id fence.NodeID) int {
	n := 0
	for _, r := range c.log {
		if r.data == nil || r.by.Node != id {
			continue
		}
		if e, err := domain.Decode(r.data); err == nil && e.Stateful != nil && !e.Stateful.On {
			n++
		}
	}
	return n
}

func TestAnIdleMemberIsStatelessOnlyByPolicy(t *testing.T) { // R12: kernel dlm cannot ask
	c := newCluster(t, 3, true)
	c.run(30_000)
	c.stateless(3, false)
	if c.idles(3) != 0 {
		t.Fatal("it says so without being allowed to")
	}
	c.idleStateless(true)
	c.run(500)
	c.stateless(3, true)
	c.run(30_000)
	if c.idles(3) != 1 {
		t.Fatalf("it says so %d times", c.idles(3))
	}
	c.idleStateless(false)
	c.run(500)
	c.stateless(3, false)
}

// TestTheWayToAGrantAndBack: R12, R26, S4.4. Stateful in the log and on disk before the grant, stateless only after the client went and a scan.
func TestTheWayToAGrantAndBack(t *testing.T) {
	c := newCluster(t, 3, true)
	c.idleStateless(true)
	c.run(500)
	s, report := c.register(3, "db", RoleWatch), c.register(3, "dlm", RoleReport)
	c.run(100)
	want(t, s, "state granted")
	want(t, report, "state")
	c.stateless(3, false)
	c.run(30_000)
	c.stateless(3, false)
	c.gone(3, s, true)
	c.run(10_500)
	c.stateless(3, true)
	again := c.register(3, "db", RoleWatch)
	c.run(100)
	want(t, again, "state granted")
	c.stateless(3, false)
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(1500)
	if c.offs[3] != 1 {
		t.Fatalf("a life with a grant was spared: %+v", c.dom(1).Node(3))
	}
}

// TestAStatelessDaemonThatDiesReturnsWithoutAReset: S4.4 and the start table's row.
func TestAStatelessDaemonThatDiesReturnsWithoutAReset(t *testing.T) {
	c := newCluster(t, 3, true)
	c.idleStateless(true)
	c.run(500)
	s := c.register(1, "db", RoleWatch)
	c.run(500)
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(30_000)
	want(t, s, "state granted")
	if n := c.dom(1).Node(3); n.Phase != domain.PhaseGone || n.Victim != nil {
		t.Fatalf("%+v", n)
	}
	c.start(3)
	c.install()
	c.run(1000)
	c.stateless(3, true)
	if c.offs[3] != 0 || c.n(3).boot != 1 || c.n(3).fell {
		t.Fatalf("%d offs, boot %d", c.offs[3], c.n(3).boot)
	}
}

// TestOnlyACleanScanMakesStateless: S2.11, V12. What the last client left behind is looked for, and told once.
func TestOnlyACleanScanMakesStateless(t *testing.T) {
	for _, x := range []struct {
		name string
		find func(*node, bool)
	}{
		{"state", func(x *node, on bool) { x.residue = on }},
		{"unsure", func(x *node, on bool) { x.unsure = on }},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCluster(t, 3, true)
			c.idleStateless(true)
			three := c.n(3)
			s := c.register(3, "gfs", RoleWatch)
			c.run(500)
			x.find(three, true)
			c.gone(3, s, true)
			c.run(90_000)
			c.stateless(3, false)
			told := 0
			for _, n := range three.notices {
				if n.Kind == domain.EventStateful {
					told++
				}
			}
			if c.idles(3) != 0 || told != 1 || three.fell {
				t.Fatalf("%d words, %d notices, fell %v", c.idles(3), told, three.fell)
			}
			x.find(three, false)
			c.run(idleFoundMS + 1000)
			c.stateless(3, true)
		})
	}
}

// TestAScanOfBeforeSaysNothing: R12. It was asked for while nobody watched, a client came and went, and then it is answered.
func TestAScanOfBeforeSaysNothing(t *testing.T) {
	c := newCluster(t, 3, true)
	three := c.n(3)
	three.mute = true
	c.idleStateless(true)
	c.run(100)
	if !three.m.scan.outstanding {
		t.Fatal("the story is wrong")
	}
	s := c.register(3, "gfs", RoleWatch)
	c.run(100)
	want(t, s, "state granted")
	c.gone(3, s, true)
	c.run(100)
	c.give(three, ResidualScanned{Session: three.disk, Resettable: true})
	c.run(20_000)
	if c.idles(3) != 0 {
		t.Fatal("stateless by a scan of before")
	}
	three.mute = false
	c.run(scanLostMS + 15_000)
	c.stateless(3, true)
}

// TestALateOffDoesNotSpareWhoWasGranted: R12. Its outcome was lost, a client was granted, and now it is committed.
func TestALateOffDoesNotSpareWhoWasGranted(t *testing.T) {
	c := newCluster(t, 3, true)
	var late *domain.Entry
	c.onPropose = func(by fence.NodeID, p Propose) bool {
		if p.Entry.Stateful == nil || p.Entry.Stateful.On || by != 3 {
			return false
		}
		late = &p.Entry
		return true
	}
	c.idleStateless(true)
	c.run(500)
	s := c.register(3, "db", RoleWatch)
	c.run(100)
	want(t, s, "state granted")
	if late == nil {
		t.Fatal("the story is wrong")
	}
	c.append(record{by: c.n(3).self(), data: encode(t, *late)})
	c.run(500)
	c.stateless(3, false)
}

// TestAStatelessMemberThatWasCutOffReturnsWithoutAReset: R12, S4.4. The record that it writes to be admitted again is not what it was.
func TestAStatelessMemberThatWasCutOffReturnsWithoutAReset(t *testing.T) {
	c := newCluster(t, 3, true)
	c.idleStateless(true)
	c.run(500)
	c.stateless(3, true)
	for range 2 {
		c.n(3).cut = true
		c.install()
		c.run(5000)
		if n := c.dom(1).Node(3); n.Phase != domain.PhaseGone {
			t.Fatalf("%+v", n)
		}
		c.n(3).cut = false
		c.install()
		c.run(1000)
		if n := c.dom(1).Node(3); !c.dom(1).Clean(3) || c.n(3).fell {
			t.Fatalf("fell %v: %+v", c.n(3).fell, n)
		}
		c.run(idleScanMS + 2000)
		c.stateless(3, true)
	}
	s := c.register(3, "db", RoleWatch)
	c.run(500)
	want(t, s, "state granted")
	if c.n(3).m.session.held != SessionStateful {
		t.Fatal("who was granted would call itself clean")
	}
	c.dead[3] = true
	c.n(3).cut = true
	c.install()
	c.run(1000)
	c.n(3).cut = false
	c.install()
	c.run(1000)
	if c.dom(1).Clean(3) {
		t.Fatal("who was granted came back as if it held nothing")
	}
}

package member

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// TestAClientOfAFailedLifeIsToldAndDropped: S4.7, R16, R24. Whatever ends this node's life for the others, all its clients hear it, and so does
// everybody who registers later.
func TestAClientOfAFailedLifeIsToldAndDropped(t *testing.T) {
	victim := func(c *cluster) {
		c.dead[2] = true
		c.commit(domain.Entry{Request: &domain.Request{ID: "r", Node: 2, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op", Reason: "test"}})
	}
	for _, x := range []struct {
		name  string
		end   func(*cluster)
		words string
	}{
		{"a victim", victim, "victim"},
		{"a victim where nothing is reset", func(c *cluster) {
			c.policy.OnResidual = fence.ResidualHalt
			c.idleStateless(false)
			victim(c)
		}, "victim"},
		{"a victim of a cluster that was disarmed", func(c *cluster) {
			victim(c)
			c.arm(false)
		}, "victim"},
		{"a life that has a verdict", func(c *cluster) {
			s, err := domain.Restore(snapshotOf(c, 1))
			if err != nil {
				c.t.Fatal(err)
			}
			s.Node(2).Ended = []string{"boot-2-1"}
			s.Node(2).Last = &fence.Verdict{Incarnation: c.n(2).self().Incarnation, Index: s.Index}
			c.give(c.n(2), SnapshotInstalled{State: s})
		}, "verdict"},
		{"it ends itself", func(c *cluster) {
			s := c.registerWith(2, ClientRegistered{Name: "core", Role: RoleWatch, Critical: true})
			c.run(50)
			c.gone(2, s, false)
		}, "critical client core"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCluster(t, 3, true)
			db, dlm := c.register(2, "db", RoleWatch), c.register(2, "dlm", RoleReport)
			c.run(500)
			x.end(c)
			c.run(50)
			want(t, db, "state granted you-are-failed")
			want(t, dlm, "state you-are-failed")
			if f := db.last(TellFailed); !strings.Contains(f.Why, x.words) || f.Life != c.n(2).self().Incarnation || db.dropped == "" || dlm.dropped == "" {
				t.Fatalf("%+v, dropped %q %q", f, db.dropped, dlm.dropped)
			}
			late, report := c.register(2, "late", RoleWatch), c.register(2, "report", RoleReport)
			want(t, late, "state you-are-failed")
			want(t, report, "state you-are-failed")
			if late.dropped == "" || report.dropped == "" {
				t.Fatal("a stream goes on")
			}
		})
	}
}

// TestWhoGoesAndHow is S4: a client's end is its word that it stopped; where that is not enough it is critical.
func TestWhoGoesAndHow(t *testing.T) {
	for _, x := range []struct {
		name                                 string
		role                                 string
		granted, critical, done, armed, fell bool
	}{
		{"granted", RoleWatch, true, false, false, true, false},
		{"granted, done", RoleWatch, true, false, true, true, false},
		{"critical", RoleWatch, true, true, false, true, true},
		{"critical, done", RoleWatch, true, true, true, true, false},
		{"critical, never granted", RoleWatch, false, true, false, true, false},
		{"critical, disarmed since", RoleWatch, true, true, false, false, false},
		{"critical, but it only reports", RoleReport, false, true, false, true, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCluster(t, 3, true)
			c.noLease = map[fence.NodeID]bool{2: !x.granted}
			c.run(6000)
			s := c.registerWith(2, ClientRegistered{Name: "ocfs", Role: x.role, Critical: x.critical})
			other := c.register(2, "other", RoleReport)
			c.run(500)
			if s.granted != x.granted {
				t.Fatalf("granted %v", s.granted)
			}
			c.arm(x.armed)
			c.run(100)
			c.gone(2, s, x.done)
			c.run(100)
			if two := c.n(2); two.fell != x.fell || len(two.m.clients) != map[bool]int{false: 1, true: 0}[x.fell] {
				t.Fatalf("fell %v, %d clients", two.fell, len(two.m.clients))
			}
			if x.fell && !strings.Contains(other.last(TellFailed).Why, "critical client ocfs") {
				t.Fatalf("%+v", other.tells)
			}
			if !x.fell && (!c.dom(1).Clean(2) || c.n(2).disk.State != SessionStateful || !c.dom(1).Node(2).Stateful) {
				t.Fatalf("it is not a stateful member any more: %+v", c.dom(1).Node(2))
			}
		})
	}
}

// TestACriticalClientThatWentIsNotForgotten: the cluster was not armed, so the node was not reset; it can never say again that it holds nothing.
func TestACriticalClientThatWentIsNotForgotten(t *testing.T) {
	c := newCluster(t, 3, true)
	c.idleStateless(true)
	s := c.registerWith(3, ClientRegistered{Name: "ocfs", Role: RoleWatch, Critical: true})
	c.run(500)
	c.arm(false)
	c.run(100)
	c.gone(3, s, false)
	c.arm(true)
	c.run(60_000)
	if !c.dom(1).Node(3).Stateful {
		t.Fatal("it is stateless: it would be spared while its client's writes are in flight")
	}
	c.leave(3, false)
	c.run(500)
	if as := c.n(3).leaves(); len(as) != 1 || as[0].Err == nil || !strings.Contains(as[0].Err.Error(), "ocfs") {
		t.Fatalf("%+v", as)
	}
}

// TestWhoLosesItsMembershipWithAHolderIsDirty: R12, V12. Disarmed, the others only noted that it went; back in the view its scan sees nothing of
// a database, so the grant that it gave has to be its word.
func TestWhoLosesItsMembershipWithAHolderIsDirty(t *testing.T) {
	c := newCluster(t, 3, true)
	db, idle, dlm := c.register(3, "db", RoleWatch), c.register(2, "idle", RoleWatch), c.register(3, "dlm", RoleReport)
	c.run(500)
	c.arm(false)
	c.run(100)
	c.n(3).cut = true
	c.append(record{view: []domain.Origin{c.n(1).self(), c.n(2).self()}, quorate: true})
	c.run(500)
	c.n(3).cut = false
	c.install()
	c.run(1000)
	want(t, db, "state granted frozen you-are-failed")
	if db.dropped == "" || dlm.dropped != "" || c.n(3).fell {
		t.Fatalf("dropped %q %q, fell %v", db.dropped, dlm.dropped, c.n(3).fell)
	}
	want(t, idle, "state granted frozen")
	if n := c.dom(1).Node(3); n.Phase != domain.PhaseDirty || !strings.Contains(n.Why, "db held a grant") {
		t.Fatalf("%+v", n)
	}
	c.arm(true)
	c.run(100)
	if !c.n(3).fell {
		t.Fatal("armed, and the dirty life goes on")
	}
}

func TestClientsAreBounded(t *testing.T) { // beyond the bound a stream ends at once, and nobody else notices
	c := newCluster(t, 3, true)
	var ss []*stream
	for i := range MaxClients {
		ss = append(ss, c.register(1, fmt.Sprint("client ", i), RoleWatch))
	}
	over := c.register(1, "one too many", RoleWatch)
	if over.dropped == "" || len(over.tells) != 0 {
		t.Fatalf("%+v", over)
	}
	odd := c.register(2, "odd", "root")
	if !strings.Contains(odd.dropped, "root") {
		t.Fatalf("%+v", odd)
	}
	c.run(100)
	for _, s := range ss {
		want(t, s, "state granted")
	}
	c.give(c.n(1), ClientGone{ID: over.in.ID})
	c.give(c.n(1), ClientGone{ID: 1 << 40})
	c.gone(1, ss[0], false)
	want(t, c.register(1, "another", RoleWatch), "state")
}

// TestAStreamIsRegisteredOnce: an id is never used twice, and if it were, the first stays as it is.
func TestAStreamIsRegisteredOnce(t *testing.T) {
	c := newCluster(t, 3, true)
	s := c.register(1, "db", RoleWatch)
	c.run(100)
	again := s.in
	again.Role = RoleReport
	c.give(c.n(1), again)
	want(t, s, "state granted")
	if !s.granted || len(c.n(1).m.holders()) != 1 {
		t.Fatal("its grant is forgotten")
	}
}

// TestAResetInVainIsConfessed: R24. The machine whose critical client went is to be reset, and is not: the others must not go on with it as a
// member.
func TestAResetInVainIsConfessed(t *testing.T) {
	c := newCluster(t, 3, true)
	s := c.registerWith(2, ClientRegistered{Name: "ocfs", Role: RoleWatch, Critical: true})
	c.run(500)
	c.gone(2, s, false)
	c.run(500)
	if n := c.dom(1).Node(2); !c.n(2).fell || n.Phase != domain.PhaseDirty || !strings.Contains(n.Why, "critical client ocfs") || n.Victim != nil {
		t.Fatalf("fell %v, %+v", c.n(2).fell, n)
	}
	c.run(c.dom(1).Roster.Timing.PostJoinDelayMS + 1000)
	if n := c.dom(1).Node(2); n.Victim == nil && n.Last == nil {
		t.Fatalf("the others go on with a node that could not end itself: %+v", n)
	}
}

package member

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// The table itself, each row once (S4.6). stake false is a life that holds nothing.
func TestCoreTable(t *testing.T) {
	for _, row := range []struct {
		policy      CorePolicy
		fate        CoreFate
		stake, idle CoreOutcome
	}{
		{CoreReset, CoreRuns, CoreGoesOn, CoreGoesOn},
		{CoreReset, CoreStopped, CoreFrozen, CoreFrozen},
		{CoreReset, CoreDied, CoreEnds, CoreFrozen},
		{CoreReset, CoreLost, CoreEnds, CoreFrozen},
		{CoreRestart, CoreRuns, CoreGoesOn, CoreGoesOn},
		{CoreRestart, CoreStopped, CoreFrozen, CoreFrozen},
		{CoreRestart, CoreDied, CoreFrozen, CoreFrozen},
		{CoreRestart, CoreLost, CoreEnds, CoreFrozen},
		{CoreFreeze, CoreRuns, CoreGoesOn, CoreGoesOn},
		{CoreFreeze, CoreStopped, CoreFrozen, CoreFrozen},
		{CoreFreeze, CoreDied, CoreFrozen, CoreFrozen},
		{CoreFreeze, CoreLost, CoreFrozen, CoreFrozen},
		{CoreIgnore, CoreRuns, CoreGoesOn, CoreGoesOn},
		{CoreIgnore, CoreStopped, CoreGoesOn, CoreGoesOn},
		{CoreIgnore, CoreDied, CoreGoesOn, CoreGoesOn},
		{CoreIgnore, CoreLost, CoreGoesOn, CoreGoesOn},
		{"a word of a later version", CoreDied, CoreEnds, CoreFrozen},
	} {
		if got := CoreTable(row.policy, row.fate, true); got != row.stake {
			t.Errorf("%s, %s: %s, want %s", row.policy, row.fate, got, row.stake)
		}
		if got := CoreTable(row.policy, row.fate, false); got != row.idle {
			t.Errorf("%s, %s, idle: %s, want %s", row.policy, row.fate, got, row.idle)
		}
	}
}

// withCore gives node 1 a core process that runs.
func (c *cluster) withCore(p CorePolicy) {
	x := c.n(1)
	x.m.cores = newCores([]Core{{Name: "dlm.service", Policy: p, Limit: 2, WithinMS: 60_000, BackMS: 5000}})
	c.core(CoreRuns)
}

func (c *cluster) core(f CoreFate) {
	c.give(c.n(1), CoreSeen{Name: "dlm.service", Fate: f, Why: "signal 9"})
}

// coreOutcome is what became of node 1.
func (c *cluster) coreOutcome() CoreOutcome {
	switch x := c.n(1); {
	case x.fell || !x.up:
		return CoreEnds
	case strings.Contains(x.m.coreless(), "dlm.service"):
		return CoreFrozen
	}
	return CoreGoesOn
}

// coreStates bring node 1 into each state of S4.6. Node 1 is the first to claim what node 4 left.
var coreStates = []struct {
	name  string
	stake bool
	enter func(t *testing.T) *cluster
}{
	{"idle", false, func(t *testing.T) *cluster {
		c := newCluster(t, 4, true)
		c.idleStateless(true)
		c.run(1000)
		if c.dom(2).Node(1).Stateful {
			t.Fatal("node 1 is not idle")
		}
		return c
	}},
	{"holds a grant", true, func(t *testing.T) *cluster {
		c := newCluster(t, 4, true)
		s := c.register(1, "db", RoleWatch)
		c.run(1000)
		if !strings.Contains(s.kinds(), string(TellGranted)) {
			t.Fatal(s.kinds())
		}
		return c
	}},
	{"syncing", false, func(t *testing.T) *cluster {
		c := newCluster(t, 4, true)
		c.kill(1)
		c.run(2000)
		c.install()
		c.run(20_000)
		c.n(1).mute = true // it reads the log and has not said yet what it found
		c.install()
		c.run(1000)
		if n := c.dom(1).Node(1); n.Phase != domain.PhaseJoining {
			t.Fatalf("node 1 is %s", n.Phase)
		}
		return c
	}},
	{"fencing", true, func(t *testing.T) *cluster {
		c := newCluster(t, 4, true)
		began := false
		c.onClaim = func() { began = true }
		c.kill(4)
		c.run(2000)
		c.install()
		for i := 0; !began && i < 5000; i++ {
			c.run(1)
		}
		if !began {
			t.Fatal("nobody fences")
		}
		return c
	}},
	{"waiting for an acknowledgement", true, func(t *testing.T) *cluster {
		c := newCluster(t, 4, true)
		c.dead[4] = true
		c.kill(4)
		c.run(2000)
		c.install()
		for range 60 {
			if c.run(1000); c.dom(1).Node(4).Victim.Round > 0 {
				return c
			}
		}
		t.Fatalf("it does not need an operator: %+v", c.dom(1).Node(4).Victim)
		return c
	}},
}

// TestEveryDeathOfACoreProcessFollowsTheTable: each policy in each state, at a hundred moments of it: the outcome is what CoreTable says, with no variation.
// What ends a life comes last in each run. Units and pid files are here, fenced itself, the watchdog's holder and programs in corekilled_test.go, plugins and
// corosync in corelost_test.go: these five together are S4.6.
// proves: S4.6
func TestEveryDeathOfACoreProcessFollowsTheTable(t *testing.T) {
	for _, state := range coreStates {
		t.Run(state.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(6, 4))
			for run := range 100 {
				c := state.enter(t)
				for _, policy := range []CorePolicy{CoreIgnore, CoreFreeze, CoreRestart, CoreReset} {
					for _, fate := range []CoreFate{CoreStopped, CoreDied} {
						c.withCore(policy)
						c.run(rnd.Int64N(40))
						if c.n(1).m.stake() != state.stake {
							t.Fatalf("run %d: that moment is of another state", run)
						}
						c.core(fate)
						if got, want := c.coreOutcome(), CoreTable(policy, fate, state.stake); got != want {
							t.Fatalf("run %d, %s, %s: %s, want %s", run, policy, fate, got, want)
						}
					}
				}
			}
		})
	}
}

// A process that its service manager brings back freezes the node and lets it go on; the third death within a minute, or one after which it stays
// away, is one too many.
// part of: S4.6
func TestARestartedCoreProcessHasALimit(t *testing.T) {
	c := newCluster(t, 3, true)
	c.withCore(CoreRestart)
	s := c.register(1, "db", RoleWatch)
	c.run(1000)
	for death := 1; death <= 2; death++ {
		c.core(CoreDied)
		if got := c.coreOutcome(); got != CoreFrozen || c.n(1).m.frozen() == "" {
			t.Fatalf("death %d: %s", death, got)
		}
		c.run(1000)
		c.core(CoreRuns)
		if c.run(1000); c.coreOutcome() != CoreGoesOn || c.n(1).m.frozen() != "" {
			t.Fatalf("death %d: it is back and this node is %s, %q", death, c.coreOutcome(), c.n(1).m.frozen())
		}
	}
	if k := s.kinds(); strings.Count(k, string(TellFrozen)) != 2 || strings.Count(k, string(TellThawed)) != 2 {
		t.Errorf("the program was told %s", k)
	}
	c.core(CoreDied)
	if c.coreOutcome() != CoreEnds || !strings.Contains(c.n(1).m.fellWhy, "it died 3 times within") {
		t.Fatalf("%s: %q", c.coreOutcome(), c.n(1).m.fellWhy)
	}

	c = newCluster(t, 3, true)
	c.withCore(CoreRestart)
	for range 4 { // a minute lies between them
		c.core(CoreDied)
		c.core(CoreRuns)
		c.run(40_000)
	}
	if c.coreOutcome() != CoreGoesOn {
		t.Fatalf("deaths far apart: %s", c.coreOutcome())
	}
	c.core(CoreDied)
	if c.run(4900); c.coreOutcome() != CoreFrozen {
		t.Fatalf("before it must be back: %s", c.coreOutcome())
	}
	if c.run(200); c.coreOutcome() != CoreEnds || !strings.Contains(c.n(1).m.fellWhy, "not back") {
		t.Fatalf("%s: %q", c.coreOutcome(), c.n(1).m.fellWhy)
	}
}

// What follows is decided when it dies: an idle node that is not reset then is not reset later, when it is stateful again. And what never ran does not
// die: it is only waited for.
func TestACoreProcessIsJudgedWhenItDies(t *testing.T) {
	c := newCluster(t, 3, true)
	c.idleStateless(true)
	c.run(1000)
	c.withCore(CoreReset)
	c.core(CoreDied)
	s := c.register(1, "db", RoleWatch)
	c.run(2000)
	if c.coreOutcome() != CoreFrozen || strings.Contains(s.kinds(), string(TellGranted)) {
		t.Fatalf("%s, told %s", c.coreOutcome(), s.kinds())
	}
	c.idleStateless(false)
	c.commit(domain.Entry{Stateful: &domain.Stateful{On: true}})
	if c.run(2000); c.coreOutcome() != CoreFrozen {
		t.Fatalf("later: %s", c.coreOutcome())
	}
	c.core(CoreRuns)
	if c.run(2000); !strings.Contains(s.kinds(), string(TellGranted)) {
		t.Fatalf("it runs again, and the program was told %s", s.kinds())
	}

	c = newCluster(t, 3, true)
	c.n(1).m.cores = newCores([]Core{{Name: "dlm.service", Policy: CoreReset}})
	c.core(CoreDied)
	if c.run(1000); c.coreOutcome() != CoreFrozen {
		t.Fatalf("one that was never seen to run: %s", c.coreOutcome())
	}
}

// Unarmed, nothing is reset: the end of a core process under a program with a grant is an alarm, and this life never says again that it holds nothing (V12).
func TestUnarmedACoreProcessEndsNothing(t *testing.T) {
	c := newCluster(t, 3, true)
	c.withCore(CoreReset)
	c.register(1, "db", RoleWatch)
	c.run(1000)
	c.arm(false)
	c.run(100)
	c.core(CoreDied)
	if c.run(1000); c.coreOutcome() != CoreFrozen || c.n(1).m.tainted == "" {
		t.Fatalf("%s, tainted %q", c.coreOutcome(), c.n(1).m.tainted)
	}
}

// R20: a node that stood still measures anew how long a process is away.
func TestAStopIsNoTimeInWhichACoreProcessWasAway(t *testing.T) {
	c := newCluster(t, 3, true)
	c.withCore(CoreRestart)
	c.core(CoreDied)
	c.frozen = map[fence.NodeID]bool{1: true}
	c.run(4000)
	delete(c.frozen, 1)
	if c.run(4000); c.coreOutcome() != CoreFrozen {
		t.Fatalf("%s: %q", c.coreOutcome(), c.n(1).m.fellWhy)
	}
}

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// Tests whose names begin with TestRing run on real corosync rings; `make corosync` runs them, and not the stage of this package.

// starter builds a cluster: start, or ring where a test is run over both memberships.
type starter = func(*testing.T, playground.Options) (*playground.Cluster, context.Context)

// ring builds a cluster whose membership is corosync. Its token is the least that fenced does not warn of: a shorter one takes a busy machine for a
// dead one.
func ring(t *testing.T, opt playground.Options) (*playground.Cluster, context.Context) {
	t.Helper()
	if why := playground.CorosyncMissing(); why != "" {
		skip(t, why)
	}
	if opt.Corosync == nil {
		opt.Corosync = &playground.CorosyncSpec{}
	}
	if opt.Corosync.Token == 0 {
		opt.Corosync.Token = patience(time.Second)
	}
	if opt.BMCs == nil { // several of these run beside each other, each with three corosyncs: a BMC may be slow and is asked by one member all the same
		opt.BMCs = func(int) []playground.BMCSpec {
			return []playground.BMCSpec{{AttemptTimeout: patience(8 * time.Second)}}
		}
	}
	return startWithin(t, opt, patience(time.Minute), patience(3*time.Minute)) // twice the processes of other clusters
}

// A machine crashes, and corosync with it: the ring says so, and the others fence it once. Ids, addresses and votes are those of corosync's nodelist,
// for which every daemon waits when it starts. Status has the ring and the votes as corosync counts them.
func TestRingCrashOfAMachine(t *testing.T) {
	c, ctx := ring(t, playground.Options{Corosync: &playground.CorosyncSpec{Nodelist: true}})
	s, err := c.Node(1).Client().Status(ctx)
	must(t, err)
	if s.Provider != "corosync" || !strings.HasPrefix(s.Ring, "ring 1.") || s.Votes != (client.Votes{Have: 3, Need: 2, Source: "corosync"}) {
		t.Errorf("status shows provider %s, %q, votes %+v", s.Provider, s.Ring, s.Votes)
	}
	f := begin(t, c, 3)
	must(t, c.Node(3).Kill())
	f.fencedAndBack(ctx, expectation{device: "bmc-3"})
}

// The daemons are there before corosync is: they wait, say for what, and nobody is harmed when three corosyncs start one after the other, each in a
// ring of its own at first.
//
// proves: S0.8
func TestRingCorosyncStartsLate(t *testing.T) {
	c, ctx := ring(t, playground.Options{Corosync: &playground.CorosyncSpec{Late: true}})
	a := accidentOf(t, c)
	a.over(ctx)
}

// The link of a node is cut: its ring has one vote of three and nobody is fenced from there. The others fence it, once; healed, its next life finds
// its way back.
//
// proves: S1.14
func TestRingCutOfANode(t *testing.T) {
	c, ctx := ring(t, playground.Options{})
	f := begin(t, c, 3)
	must(t, c.Node(3).Cut())
	f.await(ctx, "node-3 to show that it has no quorum", func() bool {
		s, err := c.Node(3).Client().Status(ctx)
		return err == nil && !s.Quorate && s.Frozen || c.Node(3).BootID() != f.life
	})
	f.await(ctx, "the verdict of every survivor", func() bool { return f.survivorsSaw(playground.Verdict) })
	must(t, c.Node(3).Heal())
	f.fencedAndBack(ctx, expectation{device: "bmc-3"})
}

// Corosync of a node is killed and its daemon lives: the node that held state is fenced (S4: as if it had died itself).
//
// part of: S4.3
func TestRingCorosyncKilled(t *testing.T) {
	c, ctx := ring(t, playground.Options{})
	f := begin(t, c, 2)
	must(t, c.Node(2).SignalCorosync(ctx, unix.SIGKILL))
	f.fencedAndBack(ctx, expectation{device: "bmc-2"})
}

// Corosync of a node is stopped: the ring goes on without it, and the node is fenced while it stands still.
//
// part of: S4.3
func TestRingCorosyncFrozen(t *testing.T) {
	c, ctx := ring(t, playground.Options{})
	f := begin(t, c, 2)
	must(t, c.Node(2).SignalCorosync(ctx, unix.SIGSTOP))
	f.fencedAndBack(ctx, expectation{device: "bmc-2"})
}

// The daemon of a node dies and corosync there goes on: the ring is whole, and the node is fenced (PROCDOWN is no proof of anything).
func TestRingDaemonKilled(t *testing.T) {
	c, ctx := ring(t, playground.Options{})
	f := begin(t, c, 3)
	must(t, c.Node(3).SignalDaemon(unix.SIGKILL))
	f.fencedAndBack(ctx, expectation{device: "bmc-3"})
}

// The daemon of a node hangs in a ring that is whole: it says nothing for the failure timeout, and the node is fenced.
func TestRingDaemonHangs(t *testing.T) {
	c, ctx := ring(t, playground.Options{})
	f := begin(t, c, 1)
	must(t, c.Node(1).SignalDaemon(unix.SIGSTOP))
	f.fencedAndBack(ctx, expectation{device: "bmc-1"})
}

// A node leaves cleanly and comes back in the same life: nobody's power is cut.
//
// proves: S2.12
func TestRingCleanLeave(t *testing.T) {
	c, ctx := ring(t, playground.Options{})
	a := accidentOf(t, c)
	must(t, c.Node(3).Terminate())
	a.await(ctx, "node-3 to have left", func() bool { return !c.Node(3).Running() && stateOn(ctx, c.Node(1), "node-3") == client.StateLeft })
	must(t, c.Node(3).Restart(ctx))
	a.over(ctx)
}

// A machine with its corosync is stopped and wakes up as a victim (S1.9, S5.16). Corosync reports no loss of quorum to it: it must notice by itself.
//
// proves: S1.9, S5.16
func TestRingFrozenNodeWakes(t *testing.T) { frozenNodeWakes(t, ring) }

// The mains return, and the last of three comes within post_join_delay: rings form and grow, and nobody is fenced (S5.12).
//
// proves: S5.12
func TestRingMainsReturn(t *testing.T) { lastComesInTime(t, ring) }

// A node dies while another one is on its way into the ring: nobody waits for it, and both are members again.
func TestRingNodeDiesWhileAnotherJoins(t *testing.T) {
	c, ctx := ring(t, playground.Options{})
	a := accidentOf(t, c)
	must(t, c.Node(3).Kill())
	a.await(ctx, "another life of node-3, with corosync", func() bool { return c.Node(3).BootID() != a.lives[3] && c.Node(3).CorosyncRuns() })
	must(t, c.Node(1).Kill())
	a.over(ctx, 1, 3)
}

package e2e

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

// What may happen to a node that joins, and to those whom it joins (S0, S2), on real rings.

// leaves ends a node's daemon by a clean leave; its machine and its corosync go on.
func (a *accident) leaves(ctx context.Context, node int) {
	a.t.Helper()
	n := a.c.Node(node)
	must(a.t, n.Terminate())
	a.await(ctx, n.Name+" to have left", func() bool {
		return !n.Running() && stateOn(ctx, a.c.Node(a.bystander(node)), n.Name) == client.StateLeft
	})
}

// connects begins the daemon of a node that left, in the same life, and returns when it is in corosync's group.
func (a *accident) connects(ctx context.Context, node int) {
	a.t.Helper()
	n, o := a.c.Node(node), offline{a.t, a.c}
	mark := o.logEnd(n)
	must(a.t, n.Restart(ctx))
	a.await(ctx, n.Name+" to be in the group", func() bool { return o.said(n, mark, "connected to corosync") })
}

// groupOf is what daemons of a playground call their group.
const groupOf = "fenced:playground"

// joinsAndDies is a process of a node that joins the group and dies before its first word, when others have answered its coming: told by what they
// said to it.
func (a *accident) joinsAndDies(ctx context.Context, node int, others int) {
	a.t.Helper()
	must(a.t, a.c.Node(node).BesideCorosync(func() error {
		g, err := libcorosync.OpenGroup()
		if err != nil {
			return err
		}
		defer g.Close()
		if err := g.Join(groupOf); err != nil {
			return err
		}
		heard := map[libcorosync.Process]bool{}
		for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
			events, _, err := g.Dispatch()
			if err != nil {
				return err
			}
			for _, e := range events {
				if d, ok := e.(libcorosync.Delivered); ok {
					heard[d.From] = true
				}
			}
			if len(heard) >= others {
				return nil
			}
			if ctx.Err() != nil {
				return errors.New("nobody says anything to a process that joins")
			}
		}
	}))
}

// A process joins from a node and dies before its first word: the others go on without it, and the node's daemon can join after it.
//
// proves: S0.1
func TestRingJoinerDiesBeforeItsFirstWord(t *testing.T) {
	c, ctx := ring(t, playground.Options{})
	a := accidentOf(t, c)
	a.leaves(ctx, 3)
	a.joinsAndDies(ctx, 3, 2)
	must(t, c.Node(3).Restart(ctx))
	a.over(ctx)
}

// A node joins while the one that would bring it the log says nothing any more, and that one's machine dies, or its link: nobody waits for it, the
// joiner becomes a member, and the dead one is fenced, once.
//
// proves: S0.2
func TestRingSenderDiesBeforeItSaysAnything(t *testing.T) {
	for name, dies := range map[string]func(n *playground.Node) error{
		"Machine": (*playground.Node).Kill,
		"Link": func(n *playground.Node) error {
			return errors.Join(n.Cut(), n.SignalDaemon(unix.SIGCONT))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, ctx := ring(t, playground.Options{})
			a := accidentOf(t, c)
			a.leaves(ctx, 3)
			must(t, c.Node(1).SignalDaemon(unix.SIGSTOP))
			a.connects(ctx, 3)
			must(t, dies(c.Node(1)))
			a.await(ctx, "node-2 and node-3 to release node-1", func() bool {
				return a.saw(2, 1, playground.Release) && a.saw(3, 1, playground.Release)
			})
			must(t, c.Node(1).Heal())
			a.over(ctx, 1)
			a.once(ctx, 1)
		})
	}
}

// once checks that each of these lost its power once.
func (a *accident) once(ctx context.Context, nodes ...int) {
	a.t.Helper()
	for _, i := range nodes {
		if n := counts(ctx, a.t, a.c.BMC(i)); n.AppliedOff != 1 {
			a.t.Errorf("%s lost its power %d times", a.c.Node(i).Name, n.AppliedOff)
		}
	}
}

// A node joins, and its daemon is killed and begun again five times as fast as processes begin, each in the group and killed before it is in any view:
// that, and not a number of seconds, is what a leftover wait needs. The last one is the member, on all nodes; nobody waits for an earlier one, and nobody
// is harmed.
//
// proves: S0.12
func TestRingQuickRestarts(t *testing.T) {
	c, ctx := ring(t, playground.Options{})
	a := accidentOf(t, c)
	n := c.Node(3)
	a.leaves(ctx, 3)
	seen := map[int]int{1: len(c.Events(1)), 2: len(c.Events(2))}
	a.connects(ctx, 3)
	began, runs := time.Now(), map[int]bool{n.PID(): true}
	for range 5 {
		must(t, n.SignalDaemon(unix.SIGKILL))
		a.await(ctx, "the daemon to be gone", func() bool { return !n.Running() })
		a.connects(ctx, 3)
		runs[n.PID()] = true
	}
	t.Logf("five restarts in %v", time.Since(began))
	if len(runs) != 6 {
		t.Errorf("the processes were %v, want 6", runs)
	}
	for i, from := range seen {
		for _, e := range c.Events(i)[from:] {
			if e.Event.Event == client.EventView && slices.Contains(e.Members, n.Name) {
				t.Errorf("%s had it in a view before the last run: %+v", c.Node(i).Name, e.Event)
			}
		}
	}
	a.over(ctx)
	a.oneView(ctx)
	a.devicesSpare(ctx, 1, 2, 3)
	for _, o := range c.Nodes() {
		if is, last := status(ctx, o).Nodes[2].Instance, status(ctx, n).Nodes[2].Instance; is != last || is == "" {
			t.Errorf("%s shows the run %q of node-3, which is %q", o.Name, is, last)
		}
	}
}

// A node loses quorum by another's failure, and that one comes back dirty, which gives quorum: it is fenced although it is in the view. That takes
// quorum away again; the verdict comes with the third node.
//
// proves: S2.6
func TestRingDirtyReturnGivesQuorum(t *testing.T) {
	c, ctx := ring(t, playground.Options{OnResidual: "vote-only"})
	a := accidentOf(t, c)
	a.leaves(ctx, 3)
	must(t, c.Node(2).SignalDaemon(unix.SIGKILL))
	a.losesQuorum(ctx, 1)
	must(t, c.Node(2).Restart(ctx))
	a.await(ctx, "the power of node-2 to be cut", func() bool { return counts(ctx, t, c.BMC(2)).AppliedOff > 0 })
	must(t, c.Node(3).Restart(ctx))
	a.overFor(ctx, []int{3}, 2)
	a.once(ctx, 2)
}

// losesQuorum waits until a node says that it has none, and demands that nobody is a victim for it (R30).
func (a *accident) losesQuorum(ctx context.Context, node int) {
	a.t.Helper()
	n := a.c.Node(node)
	a.await(ctx, n.Name+" to lose quorum", func() bool { s := status(ctx, n); return s.Node != "" && !s.Quorate })
	if v := a.victims(node); len(v) != 0 {
		a.t.Errorf("without quorum %s shows victims: %+v", n.Name, v)
	}
}

// As before, but the other one comes back with another life, clean, before the delay is over: that is the proof, and nothing is switched.
//
// proves: S2.7
func TestRingCleanReturnGivesQuorum(t *testing.T) {
	c, ctx := ring(t, playground.Options{PostFailDelay: patience(30 * time.Second)})
	f := begin(t, c, 2)
	a := accidentOf(t, c)
	a.leaves(ctx, 3)
	must(t, c.Node(2).LosePower(ctx))
	a.losesQuorum(ctx, 1)
	must(t, c.Node(2).RegainPower(ctx))
	c.Seat(c.Node(1), c.Node(2))
	f.await(ctx, "node-1 to release the old life", func() bool { return a.saw(1, 2, playground.Release) })
	must(t, c.AwaitClean(ctx))
	a.devicesSpare(ctx, 1, 2, 3)
	a.streams(2)
	if line, ok := f.lineOf(ctx, c.Node(1)); !ok || line.Resolution != client.ResolutionRejoined {
		t.Errorf("node-1 remembers %+v", line)
	}
}

// The mains return, and the daemon of one node hangs before it says that it is clean, in a ring that is whole: when the delay is over it is fenced.
//
// proves: S2.8
func TestRingHangsBeforeItIsClean(t *testing.T) {
	if why := playground.DisksMissing(); why != "" {
		skip(t, why)
	}
	c, ctx := ring(t, playground.Options{PostJoinDelay: patience(4 * time.Second), Disks: func(n int) *playground.DiskSpec {
		if n != 3 {
			return nil
		}
		return &playground.DiskSpec{}
	}})
	blackout(t, c)
	must(t, c.Node(3).FreezeDisk()) // its daemon hangs when it opens its store
	for _, n := range c.Nodes() {
		must(t, n.RegainPower(ctx))
	}
	a := accidentOf(t, c)
	a.await(ctx, "node-3 to be a victim", func() bool { return len(a.victims(1)) > 0 && len(a.victims(2)) > 0 })
	must(t, c.Node(3).ThawDisk())
	must(t, c.AwaitClean(ctx))
	a.devices(ctx, 3)
	a.once(ctx, 3)
	for _, i := range []int{1, 2} {
		for _, e := range a.victims(i) {
			if e.Node != "node-3" || e.Cause != client.CauseStartup {
				t.Errorf("%s shows %s as a victim: %s", c.Node(i).Name, e.Node, e.Cause)
			}
		}
		a.liveOn(i)
	}
}

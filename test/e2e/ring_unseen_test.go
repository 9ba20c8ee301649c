package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// A node is away and back before anybody looked, or before corosync noticed: the members are the same, and what they hold is not (S1.10).

// The daemon of a node, or its corosync, is killed and there again while the daemons of the others are stopped; their next view has the same members. Or
// its corosync is, as fast as one begins, under the eyes of the others. Its instance, or the ring that it left and joined at once, tells: the old state is a
// victim, and only a reset ends that. A node that is committed stateless was clean: it is gone, nobody's victim, and back in the same life.
//
// proves: S1.10
// part of: S4.3
func TestRingBackBeforeItIsMissed(t *testing.T) {
	for name, tt := range map[string]struct {
		corosync bool // it is corosync that goes
		stopped  bool // the others' daemons look only when it is back
		clean    bool // it holds no state
	}{
		"DaemonUnseen":       {stopped: true},
		"Corosync":           {corosync: true},
		"CorosyncUnseen":     {corosync: true, stopped: true},
		"DaemonUnseenNoUser": {stopped: true, clean: true},
	} {
		t.Run(name, func(t *testing.T) {
			c, ctx := ring(t, playground.Options{IdleStateless: tt.clean})
			a := accidentOf(t, c)
			if tt.clean {
				a.stateless(ctx, 2)
			}
			look := a.unseen(tt.stopped, 1, 3)
			a.againThere(ctx, 2, tt.corosync, tt.stopped)
			look()
			if tt.clean {
				a.await(ctx, "node-2 to have been gone", func() bool { return len(a.about(1, 2, client.EventGone)) > 0 })
				a.over(ctx)
				a.devicesSpare(ctx, 1, 2, 3)
				a.oneView(ctx)
				return
			}
			a.over(ctx, 2)
			a.once(ctx, 2)
			a.devicesSpare(ctx, 1, 3)
			a.oneView(ctx)
			for _, i := range []int{1, 3} {
				victim := a.victims(i)[0]
				for _, e := range a.c.Events(i) {
					if e.Event.Event == client.EventView && e.Index == victim.Index && tt.stopped && len(e.Members) != 3 {
						t.Errorf("%s saw it away: it was a victim by the view %v", c.Node(i).Name, e.Members)
					}
				}
				for _, e := range a.about(i, 2, client.EventClean) {
					if e.Index > victim.Index {
						t.Errorf("%s shows the old life as clean again: %+v", c.Node(i).Name, e.Event)
					}
				}
			}
		})
	}
}

// unseen stops the daemons of some nodes, if it should; what it returns lets them go on.
func (a *accident) unseen(should bool, nodes ...int) (look func()) {
	a.t.Helper()
	if !should {
		return func() {}
	}
	for _, i := range nodes {
		must(a.t, a.c.Node(i).SignalDaemon(unix.SIGSTOP))
	}
	return func() {
		for _, i := range nodes {
			must(a.t, a.c.Node(i).SignalDaemon(unix.SIGCONT))
		}
	}
}

// againThere kills a node's daemon, or its corosync, and begins it again; it returns when the node is in the group again, and where its corosync went, with
// all others in one ring.
func (a *accident) againThere(ctx context.Context, node int, corosync, wait bool) {
	a.t.Helper()
	n, o := a.c.Node(node), offline{a.t, a.c}
	mark := o.logEnd(n)
	if corosync {
		must(a.t, n.SignalCorosync(ctx, unix.SIGKILL))
		must(a.t, n.StartCorosync(ctx))
	} else {
		must(a.t, n.SignalDaemon(unix.SIGKILL))
		a.await(ctx, "the daemon to be gone", func() bool { return !n.Running() })
		must(a.t, n.Restart(ctx))
	}
	if wait { // else it may be fenced first
		a.await(ctx, n.Name+" to be in the group again", func() bool { return o.said(n, mark, "connected to corosync") })
		a.rings(ctx, node, len(a.c.Nodes()))
	}
}

// stateless waits until a node is committed stateless, and has written that down.
func (a *accident) stateless(ctx context.Context, node int) {
	a.t.Helper()
	n := a.c.Node(node)
	a.await(ctx, n.Name+" to be stateless", func() bool {
		s := status(ctx, a.c.Node(a.bystander(node)))
		return s.Node != "" && slices.Contains(s.Nodes[node-1].Flags, client.FlagStateless)
	})
	record := filepath.Join(a.c.Dir(), n.Name, "state/session", a.lives[node]+".json")
	a.await(ctx, n.Name+" to have written that down", func() bool {
		b, err := os.ReadFile(record)
		return err == nil && bytes.Contains(b, []byte(`"stateful":false`))
	})
}

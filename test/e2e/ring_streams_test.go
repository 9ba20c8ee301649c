package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// A machine dies, and of the two streams of those who remain one tells it five seconds after the other, either way round. Until both show the same ring
// nobody asks a device, claims anything or makes a victim; then the outcome is that of any other crash.
//
// proves: S1.1
func TestRingStreamsApart(t *testing.T) {
	for name, late := range map[string]string{"GroupFirst": "libquorum.so.5", "QuorumFirst": "libcpg.so.4"} {
		t.Run(name, func(t *testing.T) {
			w := withholds(t, late)
			c, ctx := ring(t, playground.Options{Env: w.env()})
			a := accidentOf(t, c)
			for _, n := range c.Nodes() {
				w.hold(n, now)
			}
			must(t, c.Node(3).Kill())
			survivors := c.Nodes()[:2]
			for _, n := range survivors {
				a.await(ctx, n.Name+" to say that its streams show two rings", func() bool { return ringsDiffer(status(ctx, n)) })
			}
			a.nothingAsked(ctx, 3, patience(5*time.Second))
			for _, n := range survivors {
				if s := status(ctx, n); !ringsDiffer(s) {
					t.Errorf("%s does not say any more that its streams show two rings: %+v", n.Name, s.Waiting)
				}
			}
			for _, n := range survivors {
				w.tell(n)
			}
			a.over(ctx, 3)
			a.once(ctx, 3)
			a.devicesSpare(ctx, 1, 2)
			a.oneView(ctx)
		})
	}
}

func ringsDiffer(s client.Status) bool {
	return slices.ContainsFunc(s.Waiting, func(w client.Waiting) bool {
		return strings.Contains(w.What, "the group is in ring") && strings.Contains(w.What, "the quorum service in ring")
	})
}

// nothingAsked looks for so long whether anybody makes a node a victim, claims it, or asks for its power.
func (a *accident) nothingAsked(ctx context.Context, node int, d time.Duration) {
	a.t.Helper()
	until := time.Now().Add(d)
	a.await(ctx, "nothing to be asked for "+d.String(), func() bool {
		for _, n := range a.c.Nodes() {
			if a.saw(n.Index, node, playground.Detection) || a.saw(n.Index, node, playground.Claim) {
				a.t.Fatalf("%s shows %s as a victim", n.Name, a.c.Node(node).Name)
			}
		}
		a.devicesSpare(ctx, node)
		return time.Now().After(until)
	})
}

// Node 3 joins, and node 1, which brings it the log, dies: when all that node 3 says is delivered there, and before it sends anything; when it has sent, and node 3 has not been told yet; when node 3 has
// been told, is in a view and knows what was committed, and node 2 has not. Node 2 does what is left to do with the next change; all end with one state.
//
// proves: S0.3, S3.4
func TestRingSenderDies(t *testing.T) {
	for name, late := range map[string]int{"BeforeItSends": 0, "AfterItSent": 3, "SeenByTheJoinerAlone": 2} {
		t.Run(name, func(t *testing.T) {
			w := withholds(t, "libcpg.so.4")
			c, ctx := ring(t, playground.Options{Env: w.env()})
			a := accidentOf(t, c)
			a.leaves(ctx, 3)
			before := status(ctx, c.Node(1)).Epoch
			if late == 0 {
				must(t, c.Node(1).SignalDaemon(unix.SIGSTOP)) // corosync there goes on, and delivers
			} else {
				w.hold(c.Node(late), atPage)
			}
			a.connects(ctx, 3)
			switch late {
			case 0:
				a.await(ctx, "node-3 to wait for node-1, or not any more", func() bool {
					return waitsFor(status(ctx, c.Node(3)), "node-1") || a.saw(2, 1, playground.Detection)
				})
			default:
				a.await(ctx, "node-1 to have sent the log", func() bool { return w.begun(c.Node(late)) })
			}
			if late == 2 {
				a.await(ctx, "node-3 to be in a view", func() bool {
					return slices.ContainsFunc(c.Events(3), func(e playground.Event) bool {
						return e.Event.Event == client.EventView && e.Index > before && slices.Contains(e.Members, "node-3")
					})
				})
			}
			must(t, c.Node(1).Kill())
			if late != 0 {
				w.tell(c.Node(late))
			}
			a.over(ctx, 1)
			a.once(ctx, 1)
			a.oneView(ctx)
		})
	}
}

// waitsFor reports whether a status says that its node waits for another one.
func waitsFor(s client.Status, name string) bool {
	return slices.ContainsFunc(s.Waiting, func(w client.Waiting) bool { return slices.Contains(w.For, name) })
}

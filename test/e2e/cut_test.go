package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// A node is cut off from its storage by a port of a switch that speaks SNMP (R18): its life and its program go on, and nothing of what they write
// arrives after the release. Its daemon comes back in that life and is let in nowhere; nobody opens the port. A new boot is admitted, with the port open.
func TestAPortIsClosed(t *testing.T) {
	c, ctx := startWithin(t, playground.Options{BMCs: func(int) []playground.BMCSpec {
		return []playground.BMCSpec{{Port: true, AttemptTimeout: patience(8 * time.Second)}}
	}}, patience(30*time.Second), patience(120*time.Second))
	w := &watched{ctx: ctx, accident: accidentOf(t, c), disk: sharedDisk(t), next: stubborn(t, c.Node(1), "next"), g: &guarded{Node: c.Node(3)}}
	w.disk.c = c
	w.awaits(ctx, w.next, client.NoticeGranted)
	w.disk.writes(c.Node(3))
	w.await(ctx, "its first write", func() bool { return len(w.disk.lives()) == 1 })
	closed := filepath.Join(c.Dir(), "closed-node-3")
	must(t, c.Node(3).Kill())
	w.awaits(ctx, w.next, client.NoticeReleased)
	if _, err := os.Stat(closed); err != nil {
		t.Fatalf("released, and its port is open: %v", err)
	}
	w.disk.writes(c.Node(1))
	w.await(ctx, "the first write of who takes over", func() bool { return len(w.disk.lives()) > 1 })
	must(t, c.Node(3).Restart(ctx))
	w.await(ctx, "the cut life to be told", func() bool { return inLog(c.Node(3), "has a verdict") })
	if s := stateOn(ctx, c.Node(1), "node-3"); s == client.StateMember {
		t.Error("the cut life is a member")
	}
	if got := counts(ctx, t, c.BMC(3)); got.AppliedOn != 0 {
		t.Errorf("its port was opened: %+v", got)
	}
	must(t, c.Node(3).LosePower(ctx))
	must(t, c.Node(3).RegainPower(ctx))
	must(t, c.AwaitClean(ctx))
	if _, err := os.Stat(closed); err == nil {
		t.Error("it is a member behind a closed port")
	}
	if got, want := w.disk.lives(), []string{w.lives[3], w.lives[1]}; !slices.Equal(got, want) {
		t.Errorf("the disk was written by the lives %v, want %v", got, want)
	}
	if e := w.sight(1, 3).First[playground.Verdict]; e.Verdict != client.VerdictCut {
		t.Errorf("the verdict is %s", e.Verdict)
	}
}

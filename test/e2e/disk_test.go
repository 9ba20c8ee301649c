package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// onDisks starts a cluster in which every node's state is on a disk of its own, a real ext4 that can hang, fill up and break.
func onDisks(t *testing.T, spec playground.DiskSpec, lag time.Duration) (*playground.Cluster, context.Context) {
	t.Helper()
	if why := playground.DisksMissing(); why != "" {
		skip(t, why)
	}
	opt := playground.Options{Disks: func(int) *playground.DiskSpec { return &spec }}
	if lag > 0 {
		opt.BMCs = lagging(lag)
	}
	c, ctx := start(t, opt)
	for _, n := range c.Nodes() { // arming has each write its session record: a disk is hurt when that is on it, so that it is the log that suffers
		must(t, c.Await(ctx, "the session record of "+n.Name+" to say that it was armed", func() bool {
			b, err := os.ReadFile(filepath.Join(c.Dir(), n.Name, "state", "session", n.BootID()+".json"))
			return err == nil && strings.Contains(string(b), `"armed":true`)
		}))
	}
	return c, ctx
}

// outOfService waits until a node itself says, while its disk is what it is, that it is out of the cluster and why: its loop answers.
func outOfService(ctx context.Context, t *testing.T, c *playground.Cluster, n *playground.Node, words ...string) {
	t.Helper()
	said := ""
	must(t, c.Await(ctx, n.Name+" to say that it is out of service", func() bool {
		asking, cancel := context.WithTimeout(ctx, patience(3*time.Second))
		defer cancel()
		s, err := n.Client().Status(asking)
		if err != nil {
			t.Fatalf("%s does not answer while its disk fails: %v", n.Name, err)
		}
		for _, a := range s.Attention {
			if a.Code == "E110" {
				said = a.Text + ": " + a.Next
			}
		}
		if said != "" && s.Quorate {
			t.Errorf("%s is out of service and calls itself quorate", n.Name)
		}
		return said != ""
	}))
	for _, w := range append(words, "log.db", "fenced is started again", "systemctl restart fenced", n.Name+"/state") {
		if !strings.Contains(said, w) {
			t.Errorf("%s says %q, and nothing of %q", n.Name, said, w)
		}
	}
}

// logged waits until a node's log holds all of these words.
func logged(ctx context.Context, t *testing.T, c *playground.Cluster, n *playground.Node, words ...string) {
	t.Helper()
	must(t, c.Await(ctx, "the log of "+n.Name+" to say "+strings.Join(words, ", "), func() bool { return inLog(n, words...) }))
}

func inLog(n *playground.Node, words ...string) bool {
	b, err := os.ReadFile(n.LogPath())
	for _, w := range words {
		if err != nil || !strings.Contains(string(b), w) {
			return false
		}
	}
	return true
}

// acts are what only a life does that believes in itself.
func acts(events []playground.Event, by string) (done []playground.Event) {
	for _, e := range events {
		switch e.Event.Event {
		case client.EventRelease, client.EventThawed, client.EventGranted:
			done = append(done, e)
		case client.EventClaim, client.EventEvidence:
			if e.Actor == by {
				done = append(done, e)
			}
		}
	}
	return done
}

// lagging are BMCs whose switch moves so long after the command: that is the time in which a node that is being fenced is looked at.
func lagging(lag time.Duration) func(int) []playground.BMCSpec {
	lag = patience(lag)
	return func(int) []playground.BMCSpec {
		return []playground.BMCSpec{{
			Knobs: []string{"late=" + itoa(int(lag.Milliseconds()))}, AttemptTimeout: lag + patience(4*time.Second), Effect: lag + time.Second,
		}}
	}
}

// The leader's disk hangs, its network lives (S5.4): it says so itself, the others replace it and fence it. It is told to end meanwhile, and
// its loop does end, whatever its disk holds on to.
// proves: S5.4
func TestFrozenDiskOfTheLeader(t *testing.T) {
	c, ctx := onDisks(t, playground.DiskSpec{}, 12*time.Second)
	n := c.Node(leaderOf(ctx, t, c))
	f := begin(t, c, n.Index)
	must(t, n.FreezeDisk())
	outOfService(ctx, t, c, n, "has not answered for")
	for _, o := range f.survivors() {
		f.await(ctx, o.Name+" to follow another leader", func() bool {
			s, err := o.Client().Status(ctx)
			return err == nil && s.Quorate && s.Ring != "" && !strings.HasSuffix(s.Ring, n.Name)
		})
	}
	must(t, n.Terminate())
	logged(ctx, t, c, n, "ends without a clean leave")
	f.fencedAndBack(ctx, expectation{device: "bmc-" + itoa(n.Index)})
}

// A follower's disk hangs, and answers again before its power is cut: that life has given up its part, and takes none again.
func TestFrozenDiskOfAFollowerThatThaws(t *testing.T) {
	c, ctx := onDisks(t, playground.DiskSpec{}, 12*time.Second)
	n := c.Node(leaderOf(ctx, t, c)%3 + 1)
	f := begin(t, c, n.Index)
	must(t, n.FreezeDisk())
	outOfService(ctx, t, c, n, "has not answered for")
	f.await(ctx, "every survivor to see the victim", func() bool { return f.survivorsSaw(playground.Detection) })
	before := len(c.Events(n.Index))
	must(t, n.ThawDisk())
	// That nothing happens has no event: twice the lease is more than anything needs that it could do.
	quiet := time.NewTimer(2 * patience(4*time.Second))
	defer quiet.Stop()
	select {
	case <-quiet.C:
	case <-ctx.Done():
		t.Fatal("there was no time to look")
	}
	outOfService(ctx, t, c, n)
	if did := acts(c.Events(n.Index)[before:], n.Name); len(did) > 0 {
		t.Errorf("%s acts after its disk was thawed: %+v", n.Name, did)
	}
	for _, o := range f.survivors() {
		if state := stateOn(ctx, o, n.Name); state == client.StateMember {
			t.Errorf("%s takes %s for a member", o.Name, n.Name)
		}
	}
	f.nothingReleased()
	f.fencedAndBack(ctx, expectation{device: "bmc-" + itoa(n.Index)})
}

// A full disk that takes only the history is no failure: the fence is done, everybody is told, nobody else is harmed (R20).
// proves: S4.10
func TestFullDiskThatHitsOnlyHistory(t *testing.T) {
	c, ctx := onDisks(t, playground.DiskSpec{Apart: []string{"raft", "session"}}, 0)
	for _, n := range c.Nodes() {
		must(t, n.FillDisk())
	}
	f := begin(t, c, 3)
	must(t, c.Node(3).Kill())
	f.fencedAndBack(ctx, expectation{device: "bmc-3"})
	for _, n := range f.survivors() {
		logged(ctx, t, c, n, "cannot write history", "no space left on device")
	}
}

// A full disk that takes the log: the node closes its port and its lease and says why, and is fenced. With room again its next life is a
// member.
func TestFullDiskThatHitsTheLog(t *testing.T) {
	c, ctx := onDisks(t, playground.DiskSpec{}, 2*time.Second)
	leader := c.Node(leaderOf(ctx, t, c))
	n := c.Node(leader.Index%3 + 1)
	f := begin(t, c, n.Index)
	must(t, n.FillDisk())
	f.await(ctx, "the log to need room", func() bool {
		_, err := leader.Client().Arm(ctx, client.Arm{Armed: true, Reason: strings.Repeat("a full disk ", 40)}) // an entry
		if err != nil {
			t.Log(err)
		}
		return inLog(n, "membership is out of service")
	})
	outOfService(ctx, t, c, n, "no space left on device")
	must(t, n.EmptyDisk())
	f.fencedAndBack(ctx, expectation{device: "bmc-" + itoa(n.Index)})
}

// A disk that was pulled out: every write fails. The node says so and is fenced, and the others go on. Without a disk it cannot come back.
func TestBrokenDisk(t *testing.T) {
	c, ctx := onDisks(t, playground.DiskSpec{}, 0)
	n := c.Node(leaderOf(ctx, t, c)%3 + 1)
	f := begin(t, c, n.Index)
	must(t, n.BreakDisk())
	logged(ctx, t, c, n, "membership is out of service", "log.db: ", "input/output error")
	for _, m := range []playground.Milestone{playground.Verdict, playground.Release} {
		f.await(ctx, "every survivor to see "+string(m), func() bool { return f.survivorsSaw(m) })
	}
	f.theOthersLive(ctx)
	f.devices(ctx, expectation{device: "bmc-" + itoa(n.Index)})
}

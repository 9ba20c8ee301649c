package e2e

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// unhurried is an attempt whose login is refused, and does not time out, on a busy machine too: only a refusal pauses what comes next.
const unhurried = 15 * time.Second

// mayLogIn is how many refused logins a device may have seen since begin: one, the next after 30 s, and each one after twice that time (R28).
func mayLogIn(begin time.Time) int {
	return 1 + int(math.Log2(1+time.Since(begin).Seconds()/30))
}

// refusals demands that a device saw some logins and no more than that.
func (f *fencing) refusals(ctx context.Context, b *playground.BMC, begin time.Time) {
	f.t.Helper()
	n := counts(ctx, f.t, b).Logins // before the clock is looked at
	if may := mayLogIn(begin); n < 1 || n > may {
		f.t.Errorf("%s saw %d logins with a refused password in %v, may see %d", b.Name, n, time.Since(begin).Round(time.Second), may)
	}
}

// pathOf is what a node shows of a device of node-3.
func pathOf(ctx context.Context, n *playground.Node, device string) client.Path {
	s, err := n.Client().Status(ctx)
	if err != nil {
		return client.Path{}
	}
	for _, m := range s.Nodes {
		for _, p := range m.Paths {
			if m.Name == "node-3" && p.Device == device {
				return p
			}
		}
	}
	return client.Path{}
}

// The password of node 3's first BMC was rotated. A probe finds that once, every node shows it, and the fence logs in there no more: the next level
// gives the proof (R28, S5.18).
//
// part of: S5.18
func TestARefusedLoginIsShownAndTheNextLevelIsUsed(t *testing.T) {
	begun := time.Now()
	c, ctx := start(t, playground.Options{BMCs: func(node int) []playground.BMCSpec {
		if node == 3 {
			return []playground.BMCSpec{{Knobs: []string{"auth"}, AttemptTimeout: unhurried}, {AttemptTimeout: unhurried}}
		}
		return []playground.BMCSpec{{}}
	}})
	must(t, c.AwaitClean(ctx))
	for _, n := range c.Nodes() {
		must(t, c.Await(ctx, n.Name+" to show the refused login", func() bool {
			p := pathOf(ctx, n, "bmc-3")
			return p.Health == client.HealthFailing && p.Class == client.ClassAuth
		}))
	}
	out, _, err := c.Node(2).Run(ctx, "test", "--all")
	must(t, err)
	if !strings.Contains(out, "refused this login before") {
		t.Errorf("fenced test --all does not say why it left bmc-3 out:\n%s", out)
	}
	f := begin(t, c, 3)
	f.refusals(ctx, c.BMC(3), begun)
	must(t, c.Node(3).Kill())
	f.fencedAndBack(ctx, expectation{device: "bmc-3-b", counts: map[string]playground.Counts{"bmc-3": {}, "bmc-3-b": {Off: 1, AppliedOff: 1}}})
	f.refusals(ctx, c.BMC(3), begun)
}

// The password was rotated after the last probe, and there is no other level: the fence is refused, goes round after round with every survivor, and
// brings the account no nearer to being locked. A person who corrects it and asks for the node by name is heard at once.
//
// part of: S5.18
func TestRoundsDoNotRepeatARefusedLogin(t *testing.T) {
	c, ctx := startWithin(t, playground.Options{BMCs: func(int) []playground.BMCSpec { return []playground.BMCSpec{{AttemptTimeout: unhurried}} }}, patience(30*time.Second), patience(120*time.Second))
	must(t, c.AwaitClean(ctx))
	must(t, c.Await(ctx, "bmc-3 to be probed", func() bool { p := pathOf(ctx, c.Node(2), "bmc-3").Health; return p != "" && p != client.HealthUnknown }))
	f := begin(t, c, 3)
	b := c.BMC(3)
	must(t, b.SetKnobs(ctx, "auth"))
	had, begun := counts(ctx, t, b).Logins, time.Now()
	must(t, c.Node(3).Kill())
	f.await(ctx, "several walks to have failed", func() bool {
		failed := 0
		for _, e := range c.Events(1) {
			if e.Event.Event == client.EventClaimEnd && e.Node == f.victim.Name {
				failed++
			}
		}
		return failed >= 4
	})
	n := counts(ctx, t, b).Logins - had
	if may := mayLogIn(begun); n < 1 || n > may {
		t.Errorf("%d logins in %v of rounds, may be %d", n, time.Since(begun), may)
	}
	f.nothingReleased()
	if p := pathOf(ctx, c.Node(2), "bmc-3"); p.Class != client.ClassAuth {
		t.Errorf("status shows %+v", p)
	}
	must(t, b.SetKnobs(ctx))
	if out, code, err := c.Node(2).Run(ctx, "reboot", "node-3", "--yes", "--reason", "password corrected"); err != nil || code != 0 {
		t.Fatalf("fenced reboot ends with %d, %v:\n%s", code, err, out)
	}
	f.fencedAndBack(ctx, expectation{device: "bmc-3", counts: map[string]playground.Counts{"bmc-3": {Off: 1, AppliedOff: 1}}})
	if slices.ContainsFunc(c.Nodes(), func(n *playground.Node) bool { return pathOf(ctx, n, "bmc-3").Class == client.ClassAuth }) {
		t.Error("the login works, and is shown as refused")
	}
}

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// A node whose only device does not answer is attention before it is needed (R28); every node shows the same, though one alone asked.
func TestProbesShowWhatCouldNotBeFenced(t *testing.T) {
	c, ctx := start(t, playground.Options{BMCs: func(node int) []playground.BMCSpec {
		if node == 3 {
			return []playground.BMCSpec{{Knobs: []string{"hang"}}}
		}
		return []playground.BMCSpec{{}}
	}})
	must(t, c.AwaitClean(ctx))
	for _, n := range c.Nodes() {
		must(t, c.Await(ctx, n.Name+" to show what was probed", func() bool {
			s, err := n.Client().Status(ctx)
			if err != nil {
				return false
			}
			health := func(i int) string {
				if len(s.Nodes[i].Paths) != 1 {
					return ""
				}
				return s.Nodes[i].Paths[0].Health
			}
			return health(0) == client.HealthOK && health(1) == client.HealthOK && health(2) == client.HealthFailing &&
				slices.ContainsFunc(s.Attention, func(a client.Attention) bool { return a.Code == client.AttentionUnfenceable && a.Node == "node-3" })
		}))
	}
	out, code, err := c.Node(2).Run(ctx, "status")
	must(t, err)
	if code != int(client.CodeAttention) || !strings.Contains(out, "node-3 could not be fenced now") {
		t.Errorf("fenced status ends with %d:\n%s", code, out)
	}
	for _, b := range c.BMCs() {
		if n := counts(ctx, t, b); n.Off+n.On != 0 {
			t.Errorf("a probe switched %s: %+v", b.Name, n)
		}
	}
}

// probeLimit is how long a probe may take: one that hangs and is not ended is over no sooner (fence/member).
const probeLimit = 10 * time.Second

// A probe hangs at node 2's BMC while node 3 must be fenced: nothing of that fence waits for the probe, although one process of one plugin is at both.
// A probe that went on to its deadline would be news in the log, and the verdict stands before any such news.
func TestAFenceDoesNotWaitForAProbeThatHangs(t *testing.T) {
	hang := playground.BMCSpec{Knobs: []string{"hang"}}
	c, ctx := start(t, playground.Options{BMCs: func(node int) []playground.BMCSpec {
		if node == 2 {
			return []playground.BMCSpec{hang, hang, hang} // probed one after the other
		}
		return []playground.BMCSpec{{}}
	}})
	must(t, c.AwaitClean(ctx))
	f := begin(t, c, 3)
	var probed *playground.BMC
	var before, looked time.Time // the probe began after this, and before that
	seen := map[*playground.BMC]bool{}
	f.await(ctx, "a probe to begin", func() bool {
		now := time.Now()
		for _, b := range c.BMCs() {
			if !strings.HasPrefix(b.Name, "bmc-2") || seen[b] || counts(ctx, t, b).Unheard == 0 {
				continue
			}
			seen[b] = true
			if !looked.IsZero() || len(seen) == 3 { // it began just now, or this machine is too slow to tell
				probed, before = b, looked
			}
		}
		looked = now
		return probed != nil
	})
	must(t, c.Node(3).Kill())
	f.await(ctx, "a claim", func() bool { return f.survivorsSaw(playground.Claim) })
	soon := time.Since(before) < probeLimit/2 // else it may have ended by itself
	f.fencedAndBack(ctx, expectation{device: "bmc-3"})
	one := f.sight(c.Node(1)).First
	claim, verdict := one[playground.Claim].Index, one[playground.Verdict].Index
	for _, e := range c.Events(1) {
		if e.Event.Event == client.EventDeviceHealth && e.Device == probed.Name && e.Index > claim && e.Index < verdict {
			if soon {
				t.Errorf("entry %d tells of the probe of %s, the verdict waited until entry %d", e.Index, probed.Name, verdict)
			}
			t.Logf("the probe was told in entry %d, the claim is %d", e.Index, claim)
		}
	}
	if n := counts(ctx, t, probed); n.Status+n.Logins+n.Off != 0 {
		t.Errorf("%s hung, and counts %+v", probed.Name, n)
	}
}

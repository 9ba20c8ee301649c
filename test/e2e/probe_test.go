package e2e

import (
	"slices"
	"strings"
	"testing"

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

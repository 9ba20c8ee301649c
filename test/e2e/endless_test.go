package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// All three start with state of an earlier run of their daemons, no device answers, and no machine can end itself: each stays out, status says why on
// every node and exits with 90, and nobody is granted, released or switched off. A person who takes their power away has all of them back.
// proves: S2.4
func TestAllAreDirtyAndNothingCanEndThem(t *testing.T) {
	c, ctx := start(t, playground.Options{})
	a := accidentOf(t, c)
	for _, n := range c.Nodes() {
		must(t, c.BMC(n.Index).SetKnobs(ctx, "hang"))
		must(t, os.Mkdir(filepath.Join(c.Dir(), n.Name, "root/sys/kernel/dlm/vol1"), 0o755))
		must(t, n.Kill())
	}
	for _, n := range c.Nodes() {
		must(t, n.Restart(ctx))
	}
	var programs []*program
	for _, n := range c.Nodes() {
		a.await(ctx, n.Name+" to know why all stay out", func() bool {
			s, err := n.Client().Status(ctx)
			return err == nil && len(s.Nodes) == 3 && !slices.ContainsFunc(s.Nodes, func(m client.Node) bool { return m.State != client.StateDirty }) && whyAll(s)
		})
		if out, code, err := n.Run(ctx, "status"); err != nil || code != int(client.CodeAttention) || strings.Count(out, "dlm lockspace vol1") != 3 {
			t.Errorf("status on %s: %d %v\n%s", n.Name, code, err, out)
		}
		programs = append(programs, stubborn(t, n, "db"))
	}
	for _, n := range c.Nodes() {
		logged(ctx, t, c, n, "reset step failed", "the machine still runs")
	}
	for i, n := range c.Nodes() {
		if p := programs[i]; p.hears(client.NoticeGranted) || p.hears(client.NoticeReleased) {
			t.Errorf("%s heard %s", p.name, p.story())
		}
		for victim := range c.Nodes() {
			if a.saw(n.Index, victim+1, playground.Verdict) || a.saw(n.Index, victim+1, playground.Release) {
				t.Errorf("%s released %s without proof", n.Name, c.Node(victim+1).Name)
			}
		}
		if got := counts(ctx, t, c.BMC(n.Index)); got.Off != 0 {
			t.Errorf("%s was switched off: %+v", n.Name, got)
		}
		must(t, c.BMC(n.Index).SetKnobs(ctx))
	}
	for _, n := range c.Nodes() {
		must(t, n.LosePower(ctx))
	}
	for _, n := range c.Nodes() {
		must(t, n.RegainPower(ctx))
	}
	must(t, c.AwaitClean(ctx))
}

// whyAll reports whether status names the state that keeps each node out.
func whyAll(s client.Status) bool {
	named := 0
	for _, a := range s.Attention {
		if a.Code == client.AttentionNotAdmitted && strings.Contains(a.Text, "dlm lockspace vol1") {
			named++
		}
	}
	return named == len(s.Nodes)
}

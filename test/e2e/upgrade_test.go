package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/test/product"
)

// previousEnv names a directory with an earlier build. Without it the earlier build is of the same sources and calls itself by another version:
// before the first release there is no other that must work, and CI's clone has no history.
const previousEnv = "FENCED_TEST_PREVIOUS"

const previousVersion = "v0.0.1-previous"

// variant is a build of which the daemon is of these sources with variables set by the linker.
func variant(t *testing.T, vars map[string]string) string {
	t.Helper()
	needsNamespaces(t)
	root, err := product.ModuleRoot()
	must(t, err)
	dir := t.TempDir()
	must(t, product.Source{Root: root, Vars: vars}.Daemon(dir))
	return dir
}

// previous is the earlier build, or one of these sources that has the named variables set.
func previous(t *testing.T, set ...string) string {
	t.Helper()
	if dir := os.Getenv(previousEnv); dir != "" {
		abs, err := filepath.Abs(dir)
		must(t, err)
		return abs
	}
	vars := map[string]string{"main.version": previousVersion}
	for _, name := range set {
		vars[name] = "yes"
	}
	return variant(t, vars)
}

// versionOf is what a build calls itself.
func versionOf(ctx context.Context, t *testing.T, build string) string {
	t.Helper()
	out, err := exec.CommandContext(ctx, filepath.Join(build, "fenced"), "version").Output()
	must(t, err)
	f := strings.Fields(string(out))
	if len(f) < 2 {
		t.Fatalf("fenced version says %q", out)
	}
	return f[1]
}

// install puts a build on a node as a package manager does: the daemon leaves and ends, and the other one starts.
func (p *peace) install(n *playground.Node, build string) {
	p.t.Helper()
	must(p.t, n.Terminate())
	p.ended(n)
	must(p.t, n.Install(build))
	must(p.t, n.Restart(p.ctx))
}

// asksBoth asks a node's daemon by the commands of both builds: older and newer ones understand each other.
func (p *peace) asksBoth(n *playground.Node, builds ...string) {
	p.t.Helper()
	for _, b := range builds {
		out, err := exec.CommandContext(p.ctx, filepath.Join(b, "fenced"), "status", "-o", "json", "--socket", n.Socket()).Output()
		if !strings.Contains(string(out), `"api"`) || !strings.Contains(string(out), n.Name) {
			p.t.Errorf("%s of %s says %q (%v)", "fenced status", b, out, err)
		}
	}
}

// Three nodes go from the previous build to this one, one by one, without a victim; and while they are mixed, a fence is done as ever.
func TestRollingUpgrade(t *testing.T) { rollingUpgrade(t, start, previous(t)) }

// The same over corosync, from a version that says and promises everything one after the other (ADR 0113): mixed, all do as it does.
func TestRingRollingUpgrade(t *testing.T) {
	rollingUpgrade(t, ring, previous(t, "github.com/fenced-project/fenced/membership/corosync/agreement.beforePledges"))
}

func rollingUpgrade(t *testing.T, over starter, old string) {
	p := peaceOver(t, over, func(o *playground.Options) { o.Build = old })
	now, err := product.Dir()
	must(t, err)
	was, is := versionOf(p.ctx, t, old), versionOf(p.ctx, t, now)
	if was == is {
		t.Fatalf("both builds are %s", is)
	}
	p.runs(map[string]string{"node-1": was, "node-2": was, "node-3": was})
	p.install(p.c.Node(1), now)
	p.kept()
	p.runs(map[string]string{"node-1": is, "node-2": was, "node-3": was})
	for _, n := range p.c.Nodes() {
		p.asksBoth(n, old, now)
	}
	f := begin(t, p.c, 3)
	must(t, p.c.Node(3).Kill())
	f.fencedAndBack(p.ctx, expectation{device: "bmc-3"})
	for _, i := range []int{3, 2} {
		p.install(p.c.Node(i), now)
		must(t, p.c.AwaitClean(p.ctx))
	}
	p.runs(map[string]string{"node-1": is, "node-2": is, "node-3": is})
	f.devices(p.ctx, expectation{})
	f.oneVerdict()
}

// runs waits until every node shows every node's version.
func (p *peace) runs(want map[string]string) {
	p.t.Helper()
	for _, by := range p.c.Nodes() {
		must(p.t, p.c.Await(p.ctx, by.Name+" to show the versions", func() bool {
			s, err := by.Client().Status(p.ctx)
			for _, n := range s.Nodes {
				if n.Version != want[n.Name] {
					return false
				}
			}
			return err == nil && s.Version == want[by.Name]
		}))
	}
}

// A build that speaks another protocol is started on one node, after its daemon left: both sides say who, which version and what to do, and
// keep it short; in an armed cluster nobody is harmed, however long it stays so; with the right build it is a member again.
func TestAnotherProtocolIsRefusedByName(t *testing.T) {
	anotherProtocol(t, start, "github.com/fenced-project/fenced/membership/embedded")
}

// The same in a group of corosync, which does not keep a daemon of another protocol out: the others go on without it.
func TestRingAnotherProtocolIsRefusedByName(t *testing.T) {
	anotherProtocol(t, ring, "github.com/fenced-project/fenced/membership/corosync/agreement")
}

func anotherProtocol(t *testing.T, begin starter, room string) {
	other := variant(t, map[string]string{"main.version": "v9.9.9-other", room + ".otherProtocol": "99"})
	delay := patience(5 * time.Second)
	now, err := product.Dir()
	must(t, err)
	p := peaceOver(t, begin, func(o *playground.Options) { o.PostJoinDelay = delay })
	is := versionOf(p.ctx, t, now)
	n := p.c.Node(3)
	p.install(n, other)
	began := time.Now()
	says := func(by *playground.Node, peer *playground.Node, words ...string) {
		t.Helper()
		must(t, p.c.Await(p.ctx, by.Name+" to refuse "+peer.Name+" by name", func() bool {
			s, err := by.Client().Status(p.ctx)
			for _, a := range s.Attention {
				if err == nil && a.Code == "E111" && a.Node == peer.Name {
					for _, w := range words {
						if !strings.Contains(a.Text, w) {
							t.Errorf("%s says %q, and nothing of %q", by.Name, a.Text, w)
						}
					}
					return true
				}
			}
			return false
		}))
	}
	leader := p.c.Node(1) // over corosync everybody hears everybody
	if s, err := leader.Client().Status(p.ctx); err == nil && s.Provider == "embedded" {
		if l := leaderOf(p.ctx, t, p.c); l != 3 {
			leader = p.c.Node(l)
		}
	}
	says(leader, n, "protocol 99", "v9.9.9-other", is, "install the same version")
	says(n, leader, "protocol 99", "v9.9.9-other", is, "install the same version")
	for time.Since(began) < 2*delay { // that nobody is harmed has no event; post_join_delay is what could do it
		select {
		case <-time.After(100 * time.Millisecond):
		case <-p.ctx.Done():
			t.Fatal("there was no time to look")
		}
	}
	for _, by := range []*playground.Node{p.c.Node(1), p.c.Node(2)} {
		s, err := by.Client().Status(p.ctx)
		must(t, err)
		if !s.Quorate || len(s.Operations) != 0 || stateOn(p.ctx, by, n.Name) != client.StateLeft {
			t.Errorf("%s: quorate %v, operations %v, %s is %s", by.Name, s.Quorate, s.Operations, n.Name, stateOn(p.ctx, by, n.Name))
		}
	}
	p.refusedLines(leader, n, time.Since(began))
	p.refusedLines(n, leader, time.Since(began))
	p.install(n, now)
	p.kept()
}

// refusedLines checks that one peer's refusal fills no log: one line in ten seconds.
func (p *peace) refusedLines(by, peer *playground.Node, within time.Duration) {
	p.t.Helper()
	b, err := os.ReadFile(by.LogPath())
	must(p.t, err)
	count := 0
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "msg=refused node="+peer.Name+" ") && strings.Contains(line, "protocol") {
			count++
		}
	}
	if most := 1 + int(within/(10*time.Second)) + 1; count == 0 || count > most {
		p.t.Errorf("%s has %d lines about the version of %s, want 1 to %d", by.Name, count, peer.Name, most)
	}
}

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/machine"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// peace is an armed cluster in which nobody may come to harm.
type peace struct {
	t     *testing.T
	c     *playground.Cluster
	ctx   context.Context
	lives map[string]string
	cold  map[string]int
}

// atPeace is such a cluster, with other options than the usual ones if asked for.
func atPeace(t *testing.T, with ...func(*playground.Options)) *peace {
	t.Helper()
	return peaceOver(t, start, with...)
}

// peaceOver is atPeace over another membership too.
func peaceOver(t *testing.T, begin starter, with ...func(*playground.Options)) *peace {
	t.Helper()
	opt := playground.Options{}
	for _, w := range with {
		w(&opt)
	}
	c, ctx := begin(t, opt)
	p := &peace{t: t, c: c, ctx: ctx, lives: map[string]string{}, cold: map[string]int{}}
	must(t, c.AwaitClean(ctx))
	for _, n := range c.Nodes() {
		p.lives[n.Name], p.cold[n.Name] = n.BootID(), p.saw(n, "cold-start")
	}
	return p
}

// saw counts the events of a kind in a node's stream.
func (p *peace) saw(n *playground.Node, kind string) int {
	count := 0
	for _, e := range p.c.Events(n.Index) {
		if e.Event.Event == kind {
			count++
		}
	}
	return count
}

// kept demands that no life was ended or called a victim, no power was cut, and the domain's generation is the one that it was.
func (p *peace) kept() {
	p.t.Helper()
	must(p.t, p.c.AwaitClean(p.ctx))
	for _, n := range p.c.Nodes() {
		if now := n.BootID(); now != p.lives[n.Name] || !n.PowerOn() {
			p.t.Errorf("%s has the life %q and power %v, and had %q", n.Name, now, n.PowerOn(), p.lives[n.Name])
		}
		if victims, cold := p.saw(n, client.EventVictim), p.saw(n, "cold-start"); victims != 0 || cold != p.cold[n.Name] {
			p.t.Errorf("%s shows %d victims and %d cold starts", n.Name, victims, cold-p.cold[n.Name])
		}
	}
	for _, b := range p.c.BMCs() {
		if got := counts(p.ctx, p.t, b); got.Off != 0 || got.On != 0 || got.AppliedOff != 0 {
			p.t.Errorf("%s was used: %+v", b.Name, got)
		}
	}
}

func (p *peace) machine(n *playground.Node) *machine.Machine {
	p.t.Helper()
	m, err := machine.New(filepath.Join(p.c.Dir(), n.Name))
	must(p.t, err)
	return m
}

// leave asks a node to leave and waits for the end of its daemon.
func (p *peace) leave(n *playground.Node, force bool) {
	p.t.Helper()
	done, err := p.ask(n, force)
	must(p.t, err)
	if done.Index == 0 {
		p.t.Errorf("%+v", done)
	}
	p.ended(n)
}

func (p *peace) ask(n *playground.Node, force bool) (client.Committed, error) {
	return n.Client().Leave(p.ctx, client.Leave{Reason: "e2e", Force: force, TimeoutMS: min(patience(10*time.Second), 25*time.Second).Milliseconds()})
}

// terminate does what systemd does: SIGTERM to the daemon alone.
func (p *peace) terminate(n *playground.Node) {
	p.t.Helper()
	r, err := p.machine(n).Status()
	must(p.t, err)
	if !r.Running {
		p.t.Fatalf("%s does not run", n.Name)
	}
	must(p.t, unix.Kill(r.Pid, unix.SIGTERM))
	p.ended(n)
}

func (p *peace) ended(n *playground.Node) {
	p.t.Helper()
	must(p.t, p.c.Await(p.ctx, "the daemon of "+n.Name+" to end", func() bool {
		r, err := p.machine(n).Status()
		return err == nil && !r.Running
	}))
}

// away waits until a node's view is without another one.
func (p *peace) away(by, gone *playground.Node) {
	p.t.Helper()
	must(p.t, p.c.Await(p.ctx, by.Name+" to have a view without "+gone.Name, func() bool {
		s, err := by.Client().Status(p.ctx)
		if err != nil {
			return false
		}
		for _, m := range s.Nodes {
			if m.Name == gone.Name {
				return m.Instance == "" && m.State == client.StateLeft
			}
		}
		return false
	}))
}

func (p *peace) again(n *playground.Node) {
	p.t.Helper()
	must(p.t, p.machine(n).Restart(p.ctx))
}

// A planned leave: nobody fences the node that left, and it comes back in the same life (S2.12).
// proves: S2.12
func TestLeaveMakesNoVictimAndComesBackWithoutAReboot(t *testing.T) {
	p := atPeace(t)
	n := p.c.Node(3)
	p.leave(n, false)
	for _, by := range []*playground.Node{p.c.Node(1), p.c.Node(2)} {
		p.away(by, n)
	}
	p.again(n)
	p.kept()
}

// The leader leaves: another one leads, nobody is a victim.
func TestLeaveOfTheLeader(t *testing.T) {
	p := atPeace(t)
	n := p.c.Node(leaderOf(p.ctx, t, p.c))
	by := p.c.Node(n.Index%3 + 1)
	p.leave(n, false)
	p.away(by, n)
	must(t, p.c.Await(p.ctx, "another leader", func() bool {
		s, err := by.Client().Status(p.ctx)
		return err == nil && s.Quorate && s.Ring != "" && !strings.HasSuffix(s.Ring, n.Name)
	}))
	p.again(n)
	p.kept()
}

// What `systemctl restart` does on every node, one by one, and at once without waiting for the others to notice.
func TestLeaveBySIGTERMOfEveryDaemonOneByOne(t *testing.T) {
	p := atPeace(t)
	for _, n := range p.c.Nodes() {
		p.terminate(n)
		p.again(n)
		must(t, p.c.AwaitClean(p.ctx))
	}
	p.kept()
}

// State is present: the leave is refused and names it, and the node is a member as before (S2.11). Ended by SIGTERM all the same, it is fenced.
// proves: S2.11
func TestLeaveWithStateIsRefused(t *testing.T) {
	p := atPeace(t)
	n := p.c.Node(3)
	must(t, os.Mkdir(filepath.Join(p.c.Dir(), n.Name, "root/sys/kernel/dlm/x"), 0o755))
	_, err := p.ask(n, true)
	if client.CodeOf(err) != client.CodeDirty || !strings.Contains(err.Error(), "dlm") || !strings.Contains(err.Error(), "/x") {
		t.Fatalf("%v, code %d", err, client.CodeOf(err))
	}
	p.kept()
	f := begin(t, p.c, 3)
	p.terminate(n)
	f.fencedAndBack(p.ctx, expectation{device: "bmc-3"})
}

// The last voters: who would take quorum from the rest is refused, unless forced; without quorum nobody leaves. All of them come back.
func TestLeaveOfTheLastVoters(t *testing.T) {
	p := atPeace(t)
	one, two, three := p.c.Node(1), p.c.Node(2), p.c.Node(3)
	p.leave(three, false)
	if _, err := p.ask(two, false); client.CodeOf(err) != client.CodeUnsafe {
		t.Fatalf("%v, code %d", err, client.CodeOf(err))
	}
	p.leave(two, true)
	must(t, p.c.Await(p.ctx, "node-1 to lose quorum", func() bool {
		s, err := one.Client().Status(p.ctx)
		return err == nil && !s.Quorate
	}))
	if _, err := p.ask(one, true); client.CodeOf(err) != client.CodeNoQuorum || !strings.Contains(err.Error(), "fence it") {
		t.Fatalf("%v, code %d", err, client.CodeOf(err))
	}
	p.again(two)
	p.again(three)
	p.kept()
}

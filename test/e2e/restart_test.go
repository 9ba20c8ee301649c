package e2e

import (
	"context"
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// rolling is a cluster of five under load in which node-5 is killed again and again, and the daemons of the others are started again one by one.
type rolling struct {
	t        *testing.T
	c        *playground.Cluster
	ctx      context.Context
	flapping *playground.Node
	steady   []*playground.Node
	lives    map[string]string
	ended    map[string]bool // lives that the test ended, but for the flapping node's
	flaps    *flapper
	programs map[string]*program
}

func roll(t *testing.T) *rolling {
	t.Helper()
	c, ctx := start(t, playground.Options{Nodes: 5})
	r := &rolling{
		t: t, c: c, ctx: ctx, flapping: c.Node(5), steady: c.Nodes()[:4], lives: map[string]string{}, ended: map[string]bool{}, programs: map[string]*program{},
	}
	must(t, c.AwaitClean(ctx))
	for _, n := range r.steady {
		r.lives[n.Name] = n.BootID()
		r.register(n)
	}
	underLoad(t, c.Nodes())
	r.flaps = flap(ctx, t, c, r.flapping, func() bool { return r.back(r.flapping) })
	return r
}

// register begins a program on a node that uses what is shared.
func (r *rolling) register(n *playground.Node) {
	r.t.Helper()
	p := runs(r.ctx, r.t, n, client.Registration{Name: "user"})
	must(r.t, r.c.Await(r.ctx, p.name+" to be granted", func() bool { return p.hears(client.NoticeGranted) }))
	r.programs[n.Name] = p
}

// back reports that every steady node that runs, and no fewer than three, shows a node as a member with its present life.
func (r *rolling) back(n *playground.Node) bool {
	sure := 0
	for _, by := range r.steady {
		if by == n || !by.Running() {
			continue
		}
		ctx, cancel := context.WithTimeout(r.ctx, answerTime)
		s, err := by.Client().Status(ctx)
		cancel()
		if err != nil {
			return false
		}
		for _, m := range s.Nodes {
			if m.Name == n.Name && (m.State != client.StateMember || m.BootID != n.BootID()) {
				return false
			}
		}
		sure++
	}
	return sure >= 3
}

// over ends the flapping and asks everybody: exactly the lives that the test ended were victims, each machine lost its power as often as that,
// and everybody's stream is whole.
func (r *rolling) over() {
	r.t.Helper()
	must(r.t, r.c.Await(r.ctx, "node-5 to flap twice", func() bool { return r.flaps.kills.Load() >= 2 }))
	r.flaps.end(r.t)
	must(r.t, r.c.AwaitClean(r.ctx))
	kills := int(r.flaps.kills.Load())
	for _, n := range r.c.Nodes() {
		want := kills
		if n != r.flapping {
			want = 0
			if r.ended[r.lives[n.Name]] {
				want = 1
			} else if n.BootID() != r.lives[n.Name] {
				r.t.Errorf("%s was reset", n.Name)
			}
		}
		if got := counts(r.ctx, r.t, r.c.BMC(n.Index)); got.AppliedOff != want || want == 0 && got.Off != 0 {
			r.t.Errorf("the power of %s was cut %d times (%d commands), want %d", n.Name, got.AppliedOff, got.Off, want)
		}
		if gaps := r.c.Gaps(n.Index); len(gaps) > 0 {
			r.t.Errorf("the events of %s have holes: %v", n.Name, gaps)
		}
		for _, e := range r.c.Events(n.Index) {
			_, flapped := r.flaps.lives.Load(e.Incarnation)
			if e.Event.Event == client.EventVictim && !flapped && !r.ended[e.Incarnation] {
				r.t.Errorf("%s shows %s, life %s, as a victim: %s", n.Name, e.Node, e.Incarnation, e.Cause)
			}
		}
	}
	r.t.Logf("node-5 was fenced %d times", kills)
}

// Every daemon is stopped as its unit stops it and started again, one after the other, under load and beside a node that flaps: nobody else is
// a victim, nobody hangs. The programs say that they are done before and begin anew after, as an orderly stop of a unit has it.
func TestRestartOfEveryDaemonUnderLoad(t *testing.T) {
	r := roll(t)
	for _, n := range r.steady {
		must(t, r.programs[n.Name].Done(r.ctx))
		must(t, n.Terminate())
		must(t, r.c.Await(r.ctx, "the daemon of "+n.Name+" to end", func() bool { return !n.Running() }))
		must(t, n.Restart(r.ctx))
		must(t, r.c.Await(r.ctx, n.Name+" to be a member again", func() bool { return r.back(n) }))
		r.register(n)
	}
	r.over()
}

// Every machine crashes in turn under load, with a program that uses what is shared: each is fenced once and comes back, and then the next.
func TestCrashOfEveryMachineUnderLoad(t *testing.T) {
	r := roll(t)
	for _, n := range r.steady {
		life := n.BootID()
		r.ended[life] = true
		must(t, n.Kill())
		<-r.programs[n.Name].over
		must(t, r.c.Await(r.ctx, "another life of "+n.Name, func() bool { return n.BootID() != life && r.back(n) }))
		r.register(n)
	}
	r.over()
}

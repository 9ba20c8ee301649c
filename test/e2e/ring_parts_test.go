package e2e

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// Rings of which no part may go on by itself, and two clusters in one ring: what a person sees, and does.

// Three sides of two: none has a quorum, each says so and `fenced status` ends with 106. A person resets two nodes and joins them with two others:
// those four go on, fence whoever is still away, and all six are members again. (Sides that only meet again wait for nobody: S1.6.txt.)
//
// proves: S1.6
func TestRingThreeSidesWaitForAPerson(t *testing.T) {
	c, ctx := ring(t, playground.Options{Nodes: 6})
	a := accidentOf(t, c)
	ab, cd, ef := []int{1, 2}, []int{3, 4}, []int{5, 6}
	four := slices.Concat(cd, ef)
	for _, i := range four { // at once: two of three sides together are a quorum
		must(t, c.Node(i).Cut())
	}
	a.apart(ab, cd)
	a.apart(ab, ef)
	a.apart(cd, ef)
	for _, i := range four {
		must(t, c.Node(i).Heal())
	}
	for _, i := range []int{1, 3, 5} {
		a.rings(ctx, i, 2)
	}
	for _, n := range c.Nodes() {
		a.await(ctx, n.Name+" to say that it is frozen, and why", func() bool {
			s := status(ctx, n)
			return s.Frozen && s.FrozenWhy != "" && !s.Quorate
		})
		if out, code, err := n.Run(ctx, "status"); err != nil || code != int(client.CodeNoQuorum) {
			t.Errorf("fenced status on %s ends with %d, want %d: %v\n%s", n.Name, code, client.CodeNoQuorum, err, out)
		}
	}
	a.devicesSpare(ctx, 1, 2, 3, 4, 5, 6)
	for _, i := range cd {
		must(t, c.Node(i).LosePower(ctx))
	}
	a.together(ab, cd)
	for _, i := range cd {
		must(t, c.Node(i).RegainPower(ctx))
	}
	for _, i := range ab {
		a.await(ctx, c.Node(i).Name+" to go on, and to release who is away", func() bool {
			return status(ctx, c.Node(i)).Quorate && a.saw(i, 5, playground.Release) && a.saw(i, 6, playground.Release)
		})
	}
	a.together(ab, ef)
	a.together(cd, ef)
	must(t, c.AwaitClean(ctx))
	for _, n := range c.Nodes() {
		if ended := n.BootID() != a.lives[n.Index]; ended == slices.Contains(ab, n.Index) {
			t.Errorf("the life of %s has ended: %v", n.Name, ended)
		}
	}
	a.devicesSpare(ctx, ab...)
	a.once(ctx, ef...)
}

// Two clusters with one name and one key, each with members that hold state: node-1 was cut off, and on the others somebody made another one. Their
// rings join: nobody decides between the two but a person. Until then neither grants anything, all say why, and nobody is fenced across them.
//
// proves: S0.10
func TestRingOfTwoDomains(t *testing.T) {
	c, ctx := ring(t, playground.Options{PostJoinDelay: patience(10 * time.Minute)}) // nobody is overdue before the rings join
	a, o := accidentOf(t, c), offline{t, c}
	must(t, c.AwaitClean(ctx))
	one, two, three := c.Node(1), c.Node(2), c.Node(3)
	p := stubborn(t, one, "app")
	a.awaits(ctx, p, client.NoticeGranted)
	was := status(ctx, one).Domain
	for _, n := range []*playground.Node{two, three} {
		must(t, n.LosePower(ctx))
	}
	a.awaits(ctx, p, client.NoticeFrozen)
	must(t, one.Cut())
	for _, n := range []*playground.Node{two, three} {
		o.empty(n)
		must(t, n.RegainPower(ctx))
	}
	now := o.founded(ctx, two, three)
	if now == was || now == "" {
		t.Fatalf("domain %q, and the other one is %q", now, was)
	}
	q := stubborn(t, two, "app")
	must(t, one.Heal())
	for _, n := range c.Nodes() {
		a.await(ctx, n.Name+" to say that there are two domains", func() bool {
			s := status(ctx, n)
			return !s.Quorate && s.Frozen && slices.ContainsFunc(s.Waiting, func(w client.Waiting) bool {
				return strings.Contains(w.What, "two domains in one ring") && strings.Contains(w.What, was) && strings.Contains(w.What, now)
			})
		})
		if out, code, err := n.Run(ctx, "status"); err != nil || code != int(client.CodeNoQuorum) || !strings.Contains(out, "two domains in one ring") {
			t.Errorf("fenced status on %s: %v, code %d\n%s", n.Name, err, code, out)
		}
	}
	must(t, c.Node(1).LosePower(ctx)) // the person decides
	if q.hears(client.NoticeGranted) || len(p.notices(client.NoticeThawed)) != 0 {
		t.Errorf("something was granted beside another domain: %s; %s", p.story(), q.story())
	}
	a.devicesSpare(ctx, 1, 2, 3)
	o.empty(one)
	must(t, one.RegainPower(ctx))
	must(t, c.AwaitClean(ctx))
	a.awaits(ctx, q, client.NoticeGranted)
	for _, n := range c.Nodes() {
		if s := status(ctx, n); s.Domain != now {
			t.Errorf("%s is in domain %s, want %s", n.Name, s.Domain, now)
		}
	}
	a.devicesSpare(ctx, 1, 2, 3)
}

// empty takes a node's state away, as a new installation does.
func (o offline) empty(n *playground.Node) {
	o.t.Helper()
	state := o.path(n, "state")
	must(o.t, os.RemoveAll(state))
	must(o.t, os.Mkdir(state, 0o700))
	for _, e := range o.c.Events(n.Index) {
		emptied.Store(e.Stream, true)
	}
}

// founded makes a domain on the first of some nodes, arms it when all of them are clean, and returns its id.
func (o offline) founded(ctx context.Context, nodes ...*playground.Node) (domain string) {
	o.t.Helper()
	first := nodes[0]
	must(o.t, o.c.Await(ctx, "another cluster on "+first.Name, func() bool {
		b, err := first.Client().Bootstrap(ctx, client.Bootstrap{Cluster: status(ctx, first).Cluster})
		domain = b.Domain
		return err == nil
	}))
	must(o.t, o.c.Await(ctx, "its members", func() bool {
		for _, n := range nodes {
			if stateOn(ctx, first, n.Name) != client.StateMember {
				return false
			}
		}
		return true
	}))
	must(o.t, o.c.Await(ctx, first.Name+" to arm it", func() bool {
		_, err := first.Client().Arm(ctx, client.Arm{Armed: true, Reason: "e2e"})
		return err == nil
	}))
	return domain
}

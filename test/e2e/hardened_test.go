package e2e

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// accident is a test in which more than one life may end, or none: who ends is what it is about.
type accident struct {
	t     *testing.T
	c     *playground.Cluster
	lives map[int]string // of all nodes, when it began
}

func accidentOf(t *testing.T, c *playground.Cluster) *accident {
	t.Helper()
	a := &accident{t: t, c: c, lives: map[int]string{}}
	for _, n := range c.Nodes() {
		a.lives[n.Index] = n.BootID()
	}
	return a
}

func (a *accident) await(ctx context.Context, what string, cond func() bool) {
	a.t.Helper()
	must(a.t, a.c.Await(ctx, what, cond))
}

// sight is what a node shows of the fence of the life that another node had when the accident began.
func (a *accident) sight(from, victim int) playground.Sightings {
	return playground.Sight(a.c.Events(from), a.c.Node(victim).Name, a.lives[victim])
}

// saw reports whether a node's stream shows a milestone of the fence of that life.
func (a *accident) saw(from, victim int, m playground.Milestone) bool {
	_, ok := a.sight(from, victim).First[m]
	return ok
}

// about returns the events of one kind on one node's life of the beginning, as a node's stream shows them.
func (a *accident) about(from, victim int, kind string) []playground.Event {
	return slices.DeleteFunc(a.c.Events(from), func(e playground.Event) bool {
		return e.Event.Event != kind || e.Node != a.c.Node(victim).Name || e.Incarnation != a.lives[victim]
	})
}

// actor waits until a node shows a claim, for off or for on, on a victim that is not one of those known before, and returns its actor.
func (a *accident) actor(ctx context.Context, from, victim int, action string, before ...int) int {
	a.t.Helper()
	actor := 0
	a.await(ctx, "a claim for "+action+" on "+a.c.Node(victim).Name, func() bool {
		for _, e := range a.about(from, victim, client.EventClaim) {
			n, known := a.c.Named(e.Actor)
			if known && (e.Action == client.ActionOn) == (action == client.ActionOn) && !slices.Contains(before, n.Index) {
				actor = n.Index
				return true
			}
		}
		return false
	})
	return actor
}

// bystander is a node that is none of these.
func (a *accident) bystander(not ...int) int {
	for _, n := range a.c.Nodes() {
		if !slices.Contains(not, n.Index) {
			return n.Index
		}
	}
	a.t.Fatal("no bystander is left")
	return 0
}

// over waits until all are clean members, then asks everybody: these lives have ended and no other, power was cut at their BMCs and at no
// other, nobody saw a victim but these, every survivor released them and none too early, and all tell one story.
func (a *accident) over(ctx context.Context, fenced ...int) {
	a.t.Helper()
	a.overFor(ctx, nil, fenced...)
}

// overFor is over where some nodes were away when the victims were released: they learn it from the log, and their streams do not show it.
func (a *accident) overFor(ctx context.Context, away []int, fenced ...int) {
	a.t.Helper()
	for _, v := range fenced {
		a.await(ctx, "another life of "+a.c.Node(v).Name, func() bool { return a.c.Node(v).BootID() != a.lives[v] })
	}
	must(a.t, a.c.AwaitClean(ctx))
	for _, n := range a.c.Nodes() {
		if ended := n.BootID() != a.lives[n.Index]; ended != slices.Contains(fenced, n.Index) {
			a.t.Errorf("the life of %s has ended: %v", n.Name, ended)
		}
	}
	for _, v := range fenced {
		for _, n := range a.c.Nodes() {
			if !slices.Contains(fenced, n.Index) && !slices.Contains(away, n.Index) {
				a.await(ctx, n.Name+" to release "+a.c.Node(v).Name, func() bool { return a.saw(n.Index, v, playground.Release) })
			}
		}
	}
	a.devices(ctx, fenced...)
	a.streams(fenced...)
	for _, v := range fenced {
		a.oneStory(ctx, v)
	}
}

// devices checks that power was cut only at these nodes.
func (a *accident) devices(ctx context.Context, fenced ...int) {
	a.t.Helper()
	for _, n := range a.c.Nodes() {
		off := 0
		for _, b := range a.c.BMCs() {
			if b.Name == "bmc-"+itoa(n.Index) || strings.HasPrefix(b.Name, "bmc-"+itoa(n.Index)+"-") {
				off += counts(ctx, a.t, b).AppliedOff
			}
		}
		if (off > 0) != slices.Contains(fenced, n.Index) {
			a.t.Errorf("the power of %s was cut %d times", n.Name, off)
		}
	}
}

// devicesSpare checks that nobody asked for the power of these nodes to be cut.
func (a *accident) devicesSpare(ctx context.Context, nodes ...int) {
	a.t.Helper()
	for _, i := range nodes {
		if n := counts(ctx, a.t, a.c.BMC(i)); n.Off != 0 {
			a.t.Errorf("the power of %s was asked to be cut %d times", a.c.Node(i).Name, n.Off)
		}
	}
}

// streams checks what all nodes said: no other victims, and releases in their order.
func (a *accident) streams(fenced ...int) {
	a.t.Helper()
	for _, n := range a.c.Nodes() {
		if gaps := a.c.Gaps(n.Index); len(gaps) > 0 {
			a.t.Errorf("the events of %s have holes: %v", n.Name, gaps)
		}
		for _, bad := range playground.EarlyReleases(n.Name, a.c.Events(n.Index)) {
			a.t.Error(bad)
		}
		for _, e := range a.c.Events(n.Index) {
			victim, known := a.c.Named(e.Node)
			if e.Event.Event == client.EventVictim && (!known || !slices.Contains(fenced, victim.Index) || e.Incarnation != a.lives[victim.Index]) {
				a.t.Errorf("%s shows %s, life %s, as a victim: %s", n.Name, e.Node, e.Incarnation, e.Cause)
			}
		}
		for _, v := range fenced {
			for _, bad := range a.sight(n.Index, v).Disorder(n.Name) {
				a.t.Error(bad)
			}
		}
	}
}

// oneStory checks that all nodes remember one finished operation on a victim's life, with a verdict, and the same one. Attempts to power on
// are left out: a node that began another life between the verdict and the power-on may not have them.
func (a *accident) oneStory(ctx context.Context, victim int) client.HistoryLine {
	a.t.Helper()
	f := &fencing{t: a.t, c: a.c, victim: a.c.Node(victim), life: a.lives[victim]}
	stories := map[string]string{}
	var last client.HistoryLine
	for _, n := range a.c.Nodes() {
		if line, ok := f.lineOf(ctx, n); ok {
			line.Attempts = slices.DeleteFunc(line.Attempts, func(t client.Attempt) bool { return t.Action == client.ActionOn })
			last, stories[n.Name] = line, story(line)
		}
	}
	names := slices.Sorted(maps.Keys(stories))
	for _, name := range names {
		if stories[name] != stories[names[0]] {
			a.t.Errorf("histories differ:\n%s: %s\n%s: %s", names[0], stories[names[0]], name, stories[name])
		}
	}
	return last
}

// victims lists who is a victim in a node's stream, in its order.
func (a *accident) victims(from int) []playground.Event {
	return slices.DeleteFunc(a.c.Events(from), func(e playground.Event) bool { return e.Event.Event != client.EventVictim })
}

// viewsSince lists the views in a node's stream after an event of it.
func (a *accident) viewsSince(from int, since playground.Event) []playground.Event {
	return slices.DeleteFunc(a.c.Events(from), func(e playground.Event) bool {
		return e.Event.Event != client.EventView || e.Index <= since.Index
	})
}

// livesOf counts the lives of a node that a node's stream shows as clean.
func (a *accident) livesOf(from, node int) int {
	lives := map[string]bool{}
	for _, e := range a.c.Events(from) {
		if e.Event.Event == client.EventClean && e.Node == a.c.Node(node).Name {
			lives[e.Incarnation] = true
		}
	}
	return len(lives)
}

// short is BMCs of which a walk ends soon, so that a claim whose actor is gone is over within the test (R9).
func short(int) []playground.BMCSpec {
	return []playground.BMCSpec{{AttemptTimeout: patience(1200 * time.Millisecond), Effect: 500 * time.Millisecond}}
}

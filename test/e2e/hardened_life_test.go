package e2e

import (
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// A node is stopped, and wakes up when it is a victim and before its power is cut, with another's verdict in its queue (S1.9, S5.16). It
// must release nothing, claim nothing and not be a member again in its old life; and it is fenced once.
// proves: S1.9, S5.16
func TestFrozenNodeWakesBeforeItsPowerOff(t *testing.T) { frozenNodeWakes(t, start) }

func frozenNodeWakes(t *testing.T, start starter) {
	c, ctx := start(t, playground.Options{Nodes: 5, BMCs: short})
	const frozen, dead, watcher = 5, 4, 1
	must(t, c.BMC(frozen).SetKnobs(ctx, "hang"))
	a := accidentOf(t, c)
	must(t, c.Node(frozen).Freeze())
	a.await(ctx, "the stopped node to be a victim", func() bool { return a.saw(watcher, frozen, playground.Claim) })
	must(t, c.Node(dead).Kill())
	a.await(ctx, "the release of the dead node", func() bool { return a.saw(watcher, dead, playground.Release) })
	before := len(c.Events(frozen))
	must(t, c.Node(frozen).Thaw())
	a.await(ctx, "the woken node to know that it is alone", func() bool {
		s, err := c.Node(frozen).Client().Status(ctx)
		return err != nil || s.Frozen || !s.Quorate
	})
	must(t, c.BMC(frozen).SetKnobs(ctx))
	a.over(ctx, frozen, dead)
	stream := "" // the run of its daemon that was stopped
	for i, e := range c.Events(frozen) {
		if i == before-1 {
			stream = e.Stream
		}
		if i < before || e.Stream != stream {
			continue
		}
		if k := e.Event.Event; k == client.EventRelease || k == client.EventGranted || (k == client.EventClaim && e.Actor == c.Node(frozen).Name) {
			t.Errorf("woken, %s shows %s: %+v", c.Node(frozen).Name, k, e.Event)
		}
	}
	for _, e := range a.about(watcher, frozen, client.EventClean) {
		if verdict := a.sight(watcher, frozen).First[playground.Verdict]; e.Index > verdict.Index {
			t.Errorf("the old life is clean again: %+v", e.Event)
		}
	}
	if n := counts(ctx, t, c.BMC(frozen)); n.AppliedOff != 1 && !slow() {
		t.Errorf("%s lost its power %d times", c.Node(frozen).Name, n.AppliedOff)
	}
}

// The mains fail and return; two of three boot first, and their memory calls the third a member (S5.12). When it comes within
// post_join_delay nobody is fenced.
// proves: S5.12
func TestAllPoweredOffAndTheLastComesInTime(t *testing.T) { lastComesInTime(t, start) }

func lastComesInTime(t *testing.T, start starter) {
	c, ctx := start(t, playground.Options{})
	blackout(t, c)
	for _, n := range c.Nodes()[:2] {
		must(t, n.RegainPower(ctx))
	}
	a := accidentOf(t, c) // the lives of now; the third has none yet
	for _, n := range c.Nodes()[:2] {
		a.await(ctx, n.Name+" to be a clean member without the third", func() bool {
			return stateOn(ctx, n, n.Name) == client.StateMember && stateOn(ctx, n, "node-3") != client.StateMember
		})
	}
	must(t, c.Node(3).RegainPower(ctx))
	a.lives[3] = c.Node(3).BootID()
	a.over(ctx)
}

// The third does not come: it is fenced, and not before post_join_delay is over.
// part of: S5.12
func TestAllPoweredOffAndTheLastStaysAway(t *testing.T) {
	delay := patience(5 * time.Second)
	c, ctx := start(t, playground.Options{PostJoinDelay: delay})
	blackout(t, c)
	returned := c.Since()
	for _, n := range c.Nodes()[:2] {
		must(t, n.RegainPower(ctx))
	}
	a := accidentOf(t, c)
	a.await(ctx, "the third to be a victim", func() bool { return len(a.victims(1)) > 0 && len(a.victims(2)) > 0 })
	for from := 1; from <= 2; from++ {
		for _, e := range a.victims(from) {
			if e.Node != "node-3" || e.Since-returned < delay {
				t.Errorf("%s shows %s as a victim %s after the mains returned, and post_join_delay is %s", c.Node(from).Name, e.Node, e.Since-returned, delay)
			}
		}
	}
	life := a.victims(1)[0].Incarnation // perhaps one that nobody ever saw (R10)
	for from := 1; from <= 2; from++ {
		a.await(ctx, "the release", func() bool {
			_, ok := playground.Sight(c.Events(from), "node-3", life).First[playground.Release]
			return ok
		})
	}
	if c.Node(3).PowerOn() {
		t.Error("node-3 was off when it was fenced, and was powered on (R10)")
	}
	must(t, c.Node(3).RegainPower(ctx))
	must(t, c.AwaitClean(ctx))
	a.liveOn(1, 2)
	a.devicesSpare(ctx, 1, 2)
}

// blackout takes the power of all machines.
func blackout(t *testing.T, c *playground.Cluster) {
	t.Helper()
	for _, n := range c.Nodes() {
		must(t, n.LosePower(t.Context()))
	}
}

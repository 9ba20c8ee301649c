package e2e

import (
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// The actor dies in the middle of the power-off: the device has accepted it, and has not done it yet. Another one must finish it, and the
// dead actor's claim must be over before the victim is powered on (V4, R9).
func TestActorDiesInTheMiddleOfThePowerOff(t *testing.T) {
	c, ctx := start(t, playground.Options{Nodes: 5, BMCs: short})
	const victim = 5
	must(t, c.BMC(victim).SetKnobs(ctx, "ignore")) // accepted, and not done
	a := accidentOf(t, c)
	must(t, c.Node(victim).Kill())
	first := a.actor(ctx, a.bystander(victim), victim, client.ActionOff)
	a.await(ctx, "the first off", func() bool { return counts(ctx, t, c.BMC(victim)).Off > 0 })
	must(t, c.Node(first).Kill())
	must(t, c.BMC(victim).SetKnobs(ctx))
	other := a.bystander(victim, first)
	second := a.actor(ctx, other, victim, client.ActionOff, first)
	a.over(ctx, victim, first)
	if line := a.oneStory(ctx, victim); line.Actor == c.Node(first).Name {
		t.Errorf("the dead %s has the verdict; %s claimed after it", line.Actor, c.Node(second).Name)
	}
	if n := counts(ctx, t, c.BMC(victim)); n.AppliedOff != 1 && !slow() {
		t.Errorf("%s lost its power %d times", c.Node(victim).Name, n.AppliedOff)
	}
}

// The actor dies between the verdict and the power-on (S5.10): the node is off, and stays so until another one powers it on.
// proves: S5.10
func TestActorDiesBetweenOffAndOn(t *testing.T) {
	c, ctx := start(t, playground.Options{Nodes: 5, BMCs: short})
	const victim = 5
	must(t, c.BMC(victim).SetKnobs(ctx, "late=700")) // time to spoil the power-on before there is one
	a := accidentOf(t, c)
	must(t, c.Node(victim).Kill())
	a.await(ctx, "the first off", func() bool { return counts(ctx, t, c.BMC(victim)).Off > 0 })
	must(t, c.BMC(victim).SetKnobs(ctx, "ignore")) // the off comes; no on does
	watcher := a.bystander(victim)
	a.await(ctx, "the verdict", func() bool { return a.saw(watcher, victim, playground.Verdict) })
	first := a.actor(ctx, watcher, victim, client.ActionOn)
	a.await(ctx, "the first on", func() bool { return counts(ctx, t, c.BMC(victim)).On > 0 })
	must(t, c.BMC(first).SetKnobs(ctx, "hang")) // its next life would be first in rank again, and is not there yet
	must(t, c.Node(first).Kill())
	must(t, c.BMC(victim).SetKnobs(ctx))
	other := a.bystander(victim, first)
	a.actor(ctx, other, victim, client.ActionOn, first)
	a.await(ctx, "power", func() bool { return a.saw(other, victim, playground.PowerOn) })
	for _, e := range a.about(other, victim, client.EventPowerOn) {
		if e.Actor == c.Node(first).Name {
			t.Errorf("the dead %s powered it on", e.Actor)
		}
	}
	must(t, c.BMC(first).SetKnobs(ctx))
	a.over(ctx, victim, first)
	if n := counts(ctx, t, c.BMC(victim)); (n.AppliedOff != 1 || n.AppliedOn != 1) && !slow() {
		t.Errorf("%s lost its power %d times and got it %d times", c.Node(victim).Name, n.AppliedOff, n.AppliedOn)
	}
}

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/test/product"
)

// The first actor's off is stuck in the BMC, and the actor loses its management link; another actor succeeds by the second level (S5.9).
// The stuck off must hit a machine that is off: power comes back, and the next life is admitted, only when it can hit nothing any more.
// proves: S5.9
func TestDelayedOffOfTheFirstActorHitsNoNewLife(t *testing.T) {
	const victim = 3
	late, attempt := patience(5*time.Second), patience(1200*time.Millisecond)
	c, ctx := start(t, playground.Options{BMCs: func(node int) []playground.BMCSpec {
		if node != victim {
			return []playground.BMCSpec{{}}
		}
		return []playground.BMCSpec{{Knobs: []string{"late=" + itoa(int(late.Milliseconds()))}, AttemptTimeout: attempt, Effect: late + time.Second}, {AttemptTimeout: attempt}}
	}})
	stuck, second := c.BMCs()[2], c.BMCs()[3]
	a := accidentOf(t, c)
	must(t, c.Node(victim).Kill())
	a.await(ctx, "the first off", func() bool { return counts(ctx, t, stuck).Off > 0 })
	first := a.actor(ctx, 1, victim, client.ActionOff)
	must(t, c.Node(first).CutMgmt())
	must(t, stuck.SetKnobs(ctx, "ignore")) // what is stuck stays; nothing that comes now is done
	other := a.bystander(victim, first)
	a.await(ctx, "the release", func() bool { return a.saw(other, victim, playground.Release) })
	if n := counts(ctx, t, stuck); n.AppliedOff > 0 {
		t.Logf("this machine is slow: the stuck off came before the release, and shows less than it could")
	}
	must(t, c.Node(first).HealMgmt())
	a.await(ctx, "the stuck off to come", func() bool {
		if counts(ctx, t, second).On > 0 || c.Node(victim).PowerOn() {
			t.Fatal("power came back while an off was under way (R9)")
		}
		return counts(ctx, t, stuck).AppliedOff > 0
	})
	must(t, stuck.SetKnobs(ctx))
	a.over(ctx, victim)
	if line := a.oneStory(ctx, victim); line.Actor != c.Node(other).Name || line.Evidence.Device != second.Name {
		t.Errorf("the proof is that of %s by %s, want %s by %s", line.Actor, line.Evidence.Device, c.Node(other).Name, second.Name)
	}
	if n := a.livesOf(other, victim); n != 2 {
		t.Errorf("%s had %d lives, want the old one and one new one", c.Node(victim).Name, n)
	}
}

// The BMCs of two nodes are swapped in the configuration (S5.7): nothing is switched, nothing is released, and an operator is asked for. A
// person who resets the machine ends it: its next life proves that the old one is over (R2).
// proves: S5.7
func TestSwappedBMCsSwitchNothing(t *testing.T) {
	c, ctx := start(t, playground.Options{Levels: func(node int) [][]string {
		return [][]string{{"bmc-" + itoa([]int{1, 3, 2}[node-1])}}
	}})
	f := begin(t, c, 3)
	must(t, c.Node(3).Kill())
	for _, n := range f.survivors() {
		f.await(ctx, n.Name+" to ask for an operator", func() bool { return stateOn(ctx, n, "node-3") == client.StateNeedsOperator })
	}
	f.nothingReleased()
	must(t, c.Node(3).LosePower(ctx))
	must(t, c.Node(3).RegainPower(ctx))
	must(t, c.AwaitClean(ctx))
	f.await(ctx, "every survivor to release the old life", func() bool { return f.survivorsSaw(playground.Release) })
	f.theOthersLive(ctx)
	for _, n := range c.Nodes() {
		line, ok := f.lineOf(ctx, n)
		if ok && (line.Resolution != client.ResolutionRejoined || line.Verdict != "") {
			t.Errorf("%s says %s, verdict %q; want rejoined and no verdict", n.Name, line.Resolution, line.Verdict)
		}
		if n != c.Node(3) {
			f.failedAttempts(n.Name, line, map[string][]string{"bmc-2": {client.ClassMismatch}})
		}
	}
	f.nothingSwitched(ctx, "bmc-2")
	(&accident{t: t, c: c}).devicesSpare(ctx, 1, 2, 3)
}

// Two nodes share one BMC in the configuration (S5.7): the daemons refuse it, and nothing runs.
// part of: S5.7
func TestTwoNodesOnOneBMCIsAConfigurationError(t *testing.T) {
	needsNamespaces(t)
	build, err := product.Dir()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience(20*time.Second))
	defer cancel()
	c, err := playground.Start(ctx, playground.Options{Build: build, Netns: true, Levels: func(node int) [][]string {
		return [][]string{{"bmc-" + itoa([]int{1, 2, 2}[node-1])}}
	}})
	if err == nil {
		t.Error("the cluster started")
		must(t, c.Stop())
	} else if !strings.Contains(err.Error(), "node-2") || !strings.Contains(err.Error(), "node-3") || !strings.Contains(err.Error(), "bmc-2") {
		t.Errorf("the error does not name the nodes and the device: %v", err)
	}
	if left := playground.Leftovers(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

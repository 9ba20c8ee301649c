package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// The leader's link is bad to two of five, in one direction (S5.5): the four who hear each other go on without it, and no healthy node is
// fenced. When the link is good again the leader's next life is a member.
// proves: S5.5
func TestLeaderWithABadLinkToTwoOfFive(t *testing.T) {
	c, ctx := start(t, playground.Options{Nodes: 5})
	leader := leaderOf(ctx, t, c)
	a := accidentOf(t, c)
	var deaf []*playground.Node
	for _, n := range c.Nodes() {
		if n.Index != leader && len(deaf) < 2 {
			deaf = append(deaf, n)
			must(t, c.Node(leader).Mute(n))
		}
	}
	for _, n := range c.Nodes() {
		if n.Index != leader {
			a.await(ctx, n.Name+" to release the leader", func() bool { return a.saw(n.Index, leader, playground.Release) })
		}
	}
	for _, n := range deaf {
		must(t, c.Node(leader).Unmute(n))
	}
	a.over(ctx, leader)
}

// Two members ask for each other at once (R29): the first in the log wins, and the loser's request is refused because it is a victim.
// proves: R29
func TestTwoRequestsAgainstEachOther(t *testing.T) {
	c, ctx := start(t, playground.Options{})
	a := accidentOf(t, c)
	asking, cancel := context.WithTimeout(ctx, patience(15*time.Second))
	defer cancel()
	errs := map[int]error{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, pair := range [][2]int{{2, 3}, {3, 2}} {
		wg.Go(func() {
			_, err := c.Node(pair[0]).Client().Request(asking, client.Request{Node: c.Node(pair[1]).Name, Action: client.ActionReboot, Reason: "it asks for me"})
			mu.Lock()
			defer mu.Unlock()
			errs[pair[0]] = err
		})
	}
	wg.Wait()
	a.await(ctx, "a victim", func() bool { return len(a.victims(1)) > 0 })
	loser, ok := c.Named(a.victims(1)[0].Node)
	if !ok || loser.Index == 1 {
		t.Fatalf("the victim is %+v", a.victims(1)[0].Event)
	}
	winner := a.bystander(1, loser.Index)
	if errs[winner] != nil {
		t.Errorf("%s won, and its request failed: %v", c.Node(winner).Name, errs[winner])
	}
	if errs[loser.Index] == nil {
		t.Errorf("%s lost, and its request was accepted", loser.Name)
	}
	a.over(ctx, loser.Index)
	if line := a.oneStory(ctx, loser.Index); line.Cause != client.CauseOperator || line.Verdict != client.VerdictReset {
		t.Errorf("the cause is %s, the verdict %q", line.Cause, line.Verdict)
	}
	if n := counts(ctx, t, c.BMC(loser.Index)); n.AppliedOff != 1 && !slow() {
		t.Errorf("%s lost its power %d times", loser.Name, n.AppliedOff)
	}
}

// A node flaps while another one's power-off takes its time (S5.11): views come and go, and the verdict is that of the first claim (R7).
// proves: S5.11
func TestFlappingNodeBesideASlowPowerOff(t *testing.T) {
	const victim, flapping, watcher = 5, 4, 1
	c, ctx := start(t, playground.Options{Nodes: 5, BMCs: func(node int) []playground.BMCSpec {
		if node != victim {
			return []playground.BMCSpec{{}}
		}
		return []playground.BMCSpec{{Knobs: []string{"limbo"}, AttemptTimeout: patience(20 * time.Second)}}
	}})
	a := accidentOf(t, c)
	must(t, c.Node(victim).Kill())
	a.await(ctx, "the off that takes its time", func() bool { return counts(ctx, t, c.BMC(victim)).Off > 0 })
	first := a.actor(ctx, watcher, victim, client.ActionOff)
	must(t, c.Node(flapping).Kill())
	a.await(ctx, "the flapping node to be fenced", func() bool { return a.saw(watcher, flapping, playground.Release) })
	a.await(ctx, "the flapping node to be back", func() bool { return stateOn(ctx, c.Node(watcher), c.Node(flapping).Name) == client.StateMember })
	if a.saw(watcher, victim, playground.Verdict) {
		t.Fatal("there is a verdict before the power is off")
	}
	views := len(a.viewsSince(watcher, a.sight(watcher, victim).First[playground.Claim]))
	if views < 2 {
		t.Errorf("%d views came during the power-off, want at least two", views)
	}
	must(t, c.Node(victim).LosePower(ctx)) // what the BMC was at
	must(t, c.BMC(victim).SetKnobs(ctx))
	a.await(ctx, "the verdict", func() bool { return a.saw(watcher, victim, playground.Verdict) })
	claim, verdict := a.sight(watcher, victim).First[playground.Claim], a.sight(watcher, victim).First[playground.Verdict]
	if verdict.Claim != claim.Claim || verdict.Actor != c.Node(first).Name {
		t.Errorf("the verdict is that of claim %d by %s, want %d by %s", verdict.Claim, verdict.Actor, claim.Claim, c.Node(first).Name)
	}
	must(t, c.AwaitClean(ctx))
	a.streams(victim, flapping)
	a.devicesSpare(ctx, 1, 2, 3)
	a.oneStory(ctx, victim)
}

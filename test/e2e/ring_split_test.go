package e2e

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// Rings that split and merge, in which nodes go and come back (S0.9, S1, S3), on real rings.

// apart cuts everything between two sides of the cluster network, both ways; again joins them.
func (a *accident) apart(left, right []int)    { a.between(left, right, (*playground.Node).Mute) }
func (a *accident) together(left, right []int) { a.between(left, right, (*playground.Node).Unmute) }

func (a *accident) between(left, right []int, do func(from, to *playground.Node) error) {
	a.t.Helper()
	for _, l := range left {
		for _, r := range right {
			must(a.t, do(a.c.Node(l), a.c.Node(r)))
			must(a.t, do(a.c.Node(r), a.c.Node(l)))
		}
	}
}

// rings waits until corosync of a node is in a ring of so many.
func (a *accident) rings(ctx context.Context, node, members int) {
	a.t.Helper()
	a.await(ctx, a.c.Node(node).Name+" to be in a ring of "+itoa(members), func() bool {
		return status(ctx, a.c.Node(node)).Votes.Have == members
	})
}

// stuck are devices that answer nothing when asked, where the walk through them ends soon.
func stuck(int) []playground.BMCSpec {
	return []playground.BMCSpec{{AttemptTimeout: patience(1500 * time.Millisecond), Effect: 500 * time.Millisecond}}
}

// What a node sends is lost and what is sent to it arrives: the ring goes on without it, it is fenced once, and nobody else is.
func TestRingOneWayCut(t *testing.T) {
	c, ctx := ring(t, playground.Options{})
	a := accidentOf(t, c)
	for _, i := range []int{1, 2} {
		must(t, c.Node(3).Mute(c.Node(i)))
	}
	for _, i := range []int{1, 2} {
		a.await(ctx, c.Node(i).Name+" to release node-3", func() bool { return a.saw(i, 3, playground.Release) })
	}
	for _, i := range []int{1, 2} {
		must(t, c.Node(3).Unmute(c.Node(i)))
	}
	a.over(ctx, 3)
	a.once(ctx, 3)
}

// A split of three and two that heals while the three fence the two: what was begun is ended, once each, and all have one view again.
func TestRingHealsDuringFencing(t *testing.T) {
	c, ctx := ring(t, playground.Options{Nodes: 5})
	a := accidentOf(t, c)
	a.apart([]int{1, 2, 3}, []int{4, 5})
	a.await(ctx, "both to be victims", func() bool { return a.saw(1, 4, playground.Claim) && a.saw(1, 5, playground.Detection) })
	a.together([]int{1, 2, 3}, []int{4, 5})
	a.over(ctx, 4, 5)
	a.once(ctx, 4, 5)
	a.oneView(ctx)
}

// A node is cut off, its device fails, and it keeps running. Healed it is in the ring with its old state: its corosync is ended, and it is no member.
// It stays a victim until its next life is there, because it resets itself, or, where its policy lets it run on, until its device answers.
//
// proves: S1.3
func TestRingMergeOfAVictimIsNotBelieved(t *testing.T) {
	for name, tt := range map[string]struct{ policy, evidence string }{
		"CleanRejoin": {"", client.EvidenceBootChanged},
		"Fenced":      {"vote-only", client.EvidencePowerOff},
	} {
		t.Run(name, func(t *testing.T) {
			c, ctx := ring(t, playground.Options{BMCs: stuck, OnResidual: tt.policy})
			must(t, c.BMC(3).SetKnobs(ctx, "hang"))
			a, ended := accidentOf(t, c), corosyncEnds(t, c.Node(3))
			must(t, c.Node(3).Cut())
			a.await(ctx, "a claim on node-3", func() bool { return a.saw(1, 3, playground.Claim) && a.saw(2, 3, playground.Claim) })
			if c.Node(3).BootID() != a.lives[3] || !c.Node(3).Running() || ended() {
				t.Fatal("node-3 does not run on")
			}
			must(t, c.Node(3).Heal())
			a.await(ctx, "the corosync of node-3 to be ended by whoever fences it", ended)
			a.await(ctx, "node-3 to run on without its corosync, a victim", func() bool {
				return missesCorosync(status(ctx, c.Node(3))) && c.Node(3).BootID() == a.lives[3] && len(status(ctx, c.Node(1)).Operations) == 1
			})
			if tt.policy == "" {
				o := offline{t, c}
				a.await(ctx, "node-3 to reset itself", func() bool { return o.said(c.Node(3), 0, "reset begins") })
				must(t, c.Node(3).LosePower(ctx)) // pretended machines do not end by sysrq
				must(t, c.Node(3).RegainPower(ctx))
			} else {
				must(t, c.BMC(3).SetKnobs(ctx))
			}
			a.await(ctx, "another life of node-3", func() bool { return c.Node(3).BootID() != a.lives[3] })
			must(t, c.AwaitClean(ctx))
			a.stayedAVictim(ctx, 3, tt.evidence)
		})
	}
}

// corosyncEnds reports, whenever it is asked, whether the corosync of a node has been told to end by another node's fenced since now.
func corosyncEnds(t *testing.T, n *playground.Node) func() bool {
	t.Helper()
	before, err := os.ReadFile(n.CorosyncLog())
	must(t, err)
	return func() bool {
		all, err := os.ReadFile(n.CorosyncLog())
		return err == nil && bytes.Contains(all[min(len(before), len(all)):], []byte("this node was away and is to be fenced"))
	}
}

// stayedAVictim checks that a victim's life was no clean member from then on, that this evidence ended it, and that nobody else was harmed.
func (a *accident) stayedAVictim(ctx context.Context, victim int, evidence string) {
	a.t.Helper()
	for _, n := range a.c.Nodes() {
		if n.Index == victim {
			continue
		}
		a.devicesSpare(ctx, n.Index)
		a.liveOn(n.Index)
		a.await(ctx, n.Name+" to release "+a.c.Node(victim).Name, func() bool { return a.saw(n.Index, victim, playground.Release) })
		for _, e := range a.about(n.Index, victim, client.EventClean) {
			if e.Index > a.sight(n.Index, victim).First[playground.Detection].Index {
				a.t.Errorf("%s shows the old life as clean again: %+v", n.Name, e.Event)
			}
		}
		for _, e := range a.about(n.Index, victim, client.EventVerdict) {
			if e.Evidence == nil || e.Evidence.Kind != evidence {
				a.t.Errorf("%s shows as evidence %+v, want %s", n.Name, e.Evidence, evidence)
			}
		}
	}
	want := 0
	if evidence == client.EvidencePowerOff {
		want = 1
	}
	if got := counts(ctx, a.t, a.c.BMC(victim)); got.AppliedOff != want {
		a.t.Errorf("%s lost its power %d times, want %d", a.c.Node(victim).Name, got.AppliedOff, want)
	}
	a.streams(victim)
	a.oneStory(ctx, victim)
	a.oneView(ctx)
}

// As before, but a person resets the node while the others still try: they stop, its next life is the proof, and nothing is switched.
//
// proves: S1.4
func TestRingVictimIsResetByHand(t *testing.T) {
	c, ctx := ring(t, playground.Options{BMCs: stuck})
	must(t, c.BMC(3).SetKnobs(ctx, "hang"))
	a := accidentOf(t, c)
	must(t, c.Node(3).Cut())
	a.await(ctx, "a claim on node-3", func() bool { return a.saw(1, 3, playground.Claim) && a.saw(2, 3, playground.Claim) })
	must(t, c.Node(3).LosePower(ctx))
	must(t, c.Node(3).Heal())
	must(t, c.Node(3).RegainPower(ctx))
	for _, i := range []int{1, 2} {
		a.await(ctx, c.Node(i).Name+" to release the old life", func() bool { return a.saw(i, 3, playground.Release) })
	}
	must(t, c.AwaitClean(ctx))
	for _, b := range c.BMCs() {
		if n := counts(ctx, t, b); n.AppliedOff != 0 {
			t.Errorf("%s cut power %d times", b.Name, n.AppliedOff)
		}
	}
	a.streams(3)
	if line := a.oneStory(ctx, 3); line.Resolution != client.ResolutionRejoined {
		t.Errorf("it ended as %s, verdict %q", line.Resolution, line.Verdict)
	}
}

// Corosync of a node that is committed stateless is killed and begun again under its daemon at once: the node is gone, nobody's victim, and comes back in the same life.
//
// part of: S4.4
func TestRingCorosyncRestartedOnAnIdleNode(t *testing.T) {
	c, ctx := ring(t, playground.Options{IdleStateless: true})
	a, o := accidentOf(t, c), offline{t, c}
	a.stateless(ctx, 2)
	mark := o.logEnd(c.Node(2))
	must(t, c.Node(2).SignalCorosync(ctx, unix.SIGKILL))
	must(t, c.Node(2).StartCorosync(ctx))
	a.await(ctx, "node-2 to be in the group again", func() bool { return o.said(c.Node(2), mark, "connected to corosync") })
	a.await(ctx, "node-2 to have been gone", func() bool { return len(a.about(1, 2, client.EventGone)) > 0 })
	a.over(ctx)
	a.devicesSpare(ctx, 1, 2, 3)
}

// A node is killed, fenced and back: what its next life says is heard soon after the view that has it.
//
// proves: S3.9
func TestRingWordOfAReturnedNode(t *testing.T) {
	c, ctx := ring(t, playground.Options{})
	a := accidentOf(t, c)
	must(t, c.Node(3).Kill())
	a.over(ctx, 3)
	a.once(ctx, 3)
	for _, n := range c.Nodes()[:2] {
		var view time.Duration
		for _, e := range c.Events(n.Index) {
			switch {
			case e.Event.Event == client.EventView && len(e.Members) == 3:
				view = e.Since
			case e.Event.Event == client.EventClean && e.Node == "node-3" && e.Incarnation != a.lives[3]:
				if late := e.Since - view; view > 0 && late > patience(2*time.Second) {
					t.Errorf("%s heard node-3 %v after the view", n.Name, late)
				} else {
					t.Logf("%s heard node-3 %v after the view", n.Name, late)
				}
			}
		}
	}
}

// A node is a victim that nobody has fenced yet when another joins and gets the log; then the one that brought it dies. Who remain fence both.
//
// proves: S3.10
func TestRingVictimsOutliveWhoNamedThem(t *testing.T) {
	c, ctx := ring(t, playground.Options{Nodes: 5, BMCs: stuck})
	a := accidentOf(t, c)
	a.leaves(ctx, 4)
	must(t, c.BMC(5).SetKnobs(ctx, "hang"))
	must(t, c.Node(5).Kill())
	a.await(ctx, "node-5 to be a victim", func() bool { return a.saw(1, 5, playground.Claim) })
	must(t, c.Node(4).Restart(ctx))
	a.await(ctx, "node-4 to be a member", func() bool { return stateOn(ctx, c.Node(2), "node-4") == client.StateMember })
	must(t, c.Node(1).Kill())
	a.await(ctx, "node-1 to be a victim", func() bool { return a.saw(4, 1, playground.Detection) })
	must(t, c.BMC(5).SetKnobs(ctx))
	a.over(ctx, 1, 5)
	a.once(ctx, 1, 5)
}

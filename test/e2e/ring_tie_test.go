package e2e

import (
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// Two of four are cut off, corosync's auto_tie_breaker lets the pair with the lowest id go on (ADR 0089), and the devices of the other pair answer
// nothing. That pair freezes and makes no victims. The network heals: it is refused in its old lives. A person resets both: four members, no victim is
// left, and fenced cut no power.
//
// part of: S1.5
func TestRingEvenSplitByTheLowestID(t *testing.T) {
	c, ctx := ring(t, playground.Options{Nodes: 4, BMCs: stuck, Corosync: &playground.CorosyncSpec{Quorum: "  auto_tie_breaker: 1\n"}})
	a := accidentOf(t, c)
	winners, losers := []int{1, 2}, []int{3, 4}
	for _, v := range losers {
		must(t, c.BMC(v).SetKnobs(ctx, "hang"))
	}
	a.apart(winners, losers)
	for _, v := range losers {
		n := c.Node(v)
		a.await(ctx, n.Name+" to freeze, and to be a victim of those who go on", func() bool {
			s := status(ctx, n)
			return s.Frozen && s.FrozenWhy != "" && !s.Quorate && a.saw(1, v, playground.Claim) && a.saw(2, v, playground.Claim)
		})
	}
	for _, i := range winners {
		if s := status(ctx, c.Node(i)); !s.Quorate {
			t.Errorf("%s has the lowest id beside it, and is not quorate: frozen %q, waits for %+v", c.Node(i).Name, s.FrozenWhy, s.Waiting)
		}
	}
	for _, v := range losers {
		if seen := a.victims(v); len(seen) != 0 {
			t.Errorf("%s lost, and shows victims: %+v", c.Node(v).Name, seen)
		}
	}
	a.together(winners, losers)
	for _, v := range losers {
		n := c.Node(v)
		a.rings(ctx, v, 4)
		a.await(ctx, n.Name+" to stay refused in its old life", func() bool {
			return status(ctx, n).Frozen && stateOn(ctx, c.Node(1), n.Name) != client.StateMember
		})
	}
	for _, v := range losers { // their devices answer nothing: without a person nobody ends these lives
		for _, i := range winners {
			if a.saw(i, v, playground.Release) {
				t.Errorf("%s has released %s, which runs", c.Node(i).Name, c.Node(v).Name)
			}
		}
		must(t, c.Node(v).LosePower(ctx))
		must(t, c.Node(v).RegainPower(ctx))
	}
	for _, v := range losers {
		for _, i := range winners {
			a.await(ctx, c.Node(i).Name+" to release "+c.Node(v).Name, func() bool { return a.saw(i, v, playground.Release) })
		}
		must(t, c.BMC(v).SetKnobs(ctx))
	}
	must(t, c.AwaitClean(ctx))
	a.streams(losers...)
	for _, b := range c.BMCs() {
		if n := counts(ctx, t, b); n.AppliedOff != 0 {
			t.Errorf("%s cut power %d times", b.Name, n.AppliedOff)
		}
	}
	for _, i := range winners {
		if c.Node(i).BootID() != a.lives[i] {
			t.Errorf("%s was reset", c.Node(i).Name)
		}
		for _, v := range losers {
			if got := stateOn(ctx, c.Node(i), c.Node(v).Name); got != client.StateMember {
				t.Errorf("%s shows %s as %s", c.Node(i).Name, c.Node(v).Name, got)
			}
		}
	}
	for _, v := range losers {
		if line := a.oneStory(ctx, v); line.Resolution != client.ResolutionRejoined {
			t.Errorf("the operation on %s ended as %s, verdict %q", c.Node(v).Name, line.Resolution, line.Verdict)
		}
	}
}

package e2e

import (
	"context"
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// An even split of four with devices that fail: where corosync's tie breaker says so one half goes on by itself, else both stand still. Either way it ends
// with four members and no victim.
//
// proves: S1.5
func TestRingEvenSplit(t *testing.T) {
	t.Run("LowestID", evenSplitByTheLowestID)
	t.Run("Freeze", evenSplitFreezes)
}

// Both halves freeze and say so. Healed, all go on and nobody was fenced. Then a person resets one half: the other has no quorum, says so, and goes on
// when they are back.
func evenSplitFreezes(t *testing.T) {
	c, ctx := ring(t, playground.Options{Nodes: 4, BMCs: stuck})
	a := accidentOf(t, c)
	left, right := halves()
	for _, n := range c.Nodes() {
		must(t, c.BMC(n.Index).SetKnobs(ctx, "hang"))
	}
	a.apart(left, right)
	a.allFreeze(ctx)
	a.together(left, right)
	a.over(ctx)
	a.oneView(ctx)
	a.at(right, func(n *playground.Node) error { return n.LosePower(ctx) })
	for _, i := range left {
		a.await(ctx, c.Node(i).Name+" to say that it is frozen, and why", func() bool { return isFrozen(status(ctx, c.Node(i))) })
	}
	a.at(right, func(n *playground.Node) error { return n.RegainPower(ctx) })
	must(t, c.AwaitClean(ctx))
	a.oneView(ctx)
	a.streams(right...)
	a.uncut(ctx)
	a.liveOn(left...)
}

// liveOn checks that nodes live the life they had at the beginning.
func (a *accident) liveOn(nodes ...int) {
	a.t.Helper()
	for _, i := range nodes {
		if n := a.c.Node(i); n.BootID() != a.lives[i] {
			a.t.Errorf("%s was reset", n.Name)
		}
	}
}

// at does something at some nodes at the same time.
func (a *accident) at(nodes []int, do func(n *playground.Node) error) {
	a.t.Helper()
	errs := make(chan error, len(nodes))
	for _, i := range nodes {
		go func() { errs <- do(a.c.Node(i)) }()
	}
	for range nodes {
		must(a.t, <-errs)
	}
}

// uncut checks that no device has cut any power.
func (a *accident) uncut(ctx context.Context) {
	a.t.Helper()
	for _, b := range a.c.BMCs() {
		if n := counts(ctx, a.t, b); n.AppliedOff != 0 {
			a.t.Errorf("%s cut power %d times", b.Name, n.AppliedOff)
		}
	}
}

// Two of four are cut off, corosync's auto_tie_breaker lets the pair with the lowest id go on (ADR 0089), and the devices of the other pair answer
// nothing. That pair freezes and makes no victims. The network heals: it is refused in its old lives. A person resets both: four members, no victim is
// left, and fenced cut no power.
func evenSplitByTheLowestID(t *testing.T) {
	c, ctx := ring(t, playground.Options{Nodes: 4, BMCs: stuck, Corosync: &playground.CorosyncSpec{Quorum: tied}})
	a := accidentOf(t, c)
	winners, losers := halves()
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
	a.oneView(ctx)
	a.streams(losers...)
	a.uncut(ctx)
	a.liveOn(winners...)
	for _, i := range winners {
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

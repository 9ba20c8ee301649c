package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// Four nodes that split in halves and meet again (S0.9, S1.5), on real rings.

// halves are the sides of an even split of four.
func halves() (left, right []int) { return []int{1, 2}, []int{3, 4} }

// tied lets the half with the lowest id go on by itself (ADR 0089).
const tied = "  auto_tie_breaker: 1\n"

// Two halves meet again: as soon as their rings are two, when they have stood still for as long as a minute is to the product's own delays, and while
// one fences the other. Whoever had no quorum harmed nobody; who lost is fenced, once; and in the end all four show one and the same view.
//
// proves: S0.9
func TestRingHalvesMeetAgain(t *testing.T) {
	const joins = 3 * time.Second
	for name, tt := range map[string]struct {
		quorum string
		meets  func(ctx context.Context, a *accident) // returns when the halves are to meet
		fenced []int
	}{
		"AfterAToken": {meets: func(ctx context.Context, a *accident) {
			a.rings(ctx, 1, 2)
			a.rings(ctx, 3, 2)
		}},
		// A minute is three times the post_join_delay of 20 s, and thirty times the failure timeout.
		"AfterAMinute": {meets: func(ctx context.Context, a *accident) {
			a.allFreeze(ctx)
			a.standStill(ctx, 3*patience(joins))
		}},
		"DuringFencing": {quorum: tied, fenced: []int{3, 4}, meets: func(ctx context.Context, a *accident) {
			a.await(ctx, "both to be victims, and one to be fenced", func() bool {
				return (a.saw(1, 3, playground.Claim) || a.saw(1, 4, playground.Claim)) && a.saw(1, 3, playground.Detection) && a.saw(1, 4, playground.Detection)
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c, ctx := ring(t, playground.Options{Nodes: 4, PostJoinDelay: patience(joins), Corosync: &playground.CorosyncSpec{Quorum: tt.quorum}})
			a := accidentOf(t, c)
			a.apart(halves())
			tt.meets(ctx, a)
			a.together(halves())
			a.over(ctx, tt.fenced...)
			a.once(ctx, tt.fenced...)
			a.oneView(ctx)
			for _, n := range c.Nodes() {
				if len(tt.fenced) == 0 {
					a.devicesSpare(ctx, n.Index)
				}
			}
		})
	}
}

// allFreeze waits until every node says that it is frozen without a quorum, and why.
func (a *accident) allFreeze(ctx context.Context) {
	a.t.Helper()
	for _, n := range a.c.Nodes() {
		a.await(ctx, n.Name+" to say that it is frozen, and why", func() bool { return isFrozen(status(ctx, n)) })
	}
}

func isFrozen(s client.Status) bool { return s.Frozen && s.FrozenWhy != "" && !s.Quorate }

// standStill looks for so long whether all nodes stay frozen, and nobody becomes a victim.
func (a *accident) standStill(ctx context.Context, d time.Duration) {
	a.t.Helper()
	until := time.Now().Add(d)
	a.await(ctx, "a frozen cluster to stay so for "+d.String(), func() bool {
		for _, n := range a.c.Nodes() {
			if s := status(ctx, n); s.Node != "" && !isFrozen(s) || len(a.victims(n.Index)) > 0 {
				a.t.Fatalf("%s goes on: %+v, victims %v", n.Name, s, a.victims(n.Index))
			}
		}
		return time.Now().After(until)
	})
}

// oneView waits until all nodes show one view, the same domain, epoch and ring, in which each is a member with the same life and run; and nobody waits
// for anybody.
func (a *accident) oneView(ctx context.Context) {
	a.t.Helper()
	a.await(ctx, "one view on all nodes", func() bool {
		first := status(ctx, a.c.Node(1))
		for _, n := range a.c.Nodes() {
			s := status(ctx, n)
			if s.Node == "" || !s.Quorate || s.Frozen || waitsForSomebody(s) || s.Domain != first.Domain || s.Epoch != first.Epoch || s.Ring != first.Ring {
				return false
			}
			for i, m := range s.Nodes {
				if o := first.Nodes[i]; m.State != client.StateMember || m.BootID != o.BootID || m.Instance != o.Instance {
					return false
				}
			}
		}
		return true
	})
}

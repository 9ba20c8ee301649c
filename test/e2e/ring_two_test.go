package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// Two nodes with corosync's two_node, on real rings (R23): either is quorate without the other, and only what is proven off can be done without.

// pair builds two nodes with two_node. Their devices are quick, so that the turns lie close together.
func pair(t *testing.T) (*playground.Cluster, context.Context) {
	return ring(t, playground.Options{
		Nodes: 2, Corosync: &playground.CorosyncSpec{Quorum: "  two_node: 1\n"},
		BMCs: func(int) []playground.BMCSpec {
			return []playground.BMCSpec{{AttemptTimeout: patience(1500 * time.Millisecond), Effect: 500 * time.Millisecond}}
		},
	})
}

// slowPair is a pair whose switches move long after a token: a fence takes longer than any ring needs to form.
func slowPair(t *testing.T) (*playground.Cluster, context.Context) {
	late := patience(3 * time.Second)
	return ring(t, playground.Options{
		Nodes: 2, Corosync: &playground.CorosyncSpec{Quorum: "  two_node: 1\n"}, PostJoinDelay: patience(2 * time.Second),
		BMCs: func(int) []playground.BMCSpec {
			return []playground.BMCSpec{{AttemptTimeout: late + patience(3*time.Second), Effect: late + time.Second, Knobs: []string{"late=" + itoa(int(late.Milliseconds()))}}}
		},
	})
}

// The node whose turn comes second lives on where the first has died: a gap later it proves it off, commits, fences it and goes on.
func TestRingTwoNodesTheFirstDies(t *testing.T) {
	c, ctx := pair(t)
	a := accidentOf(t, c)
	must(t, c.Node(1).Kill())
	a.await(ctx, "node-2 to release node-1", func() bool { return a.saw(2, 1, playground.Release) })
	a.over(ctx, 1)
}

// The link is cut for longer than a token and heals while the first one's power-off of the second is under way: exactly one lives through it, the first
// by id; the other is fenced once. While they are apart neither lets anything use what is shared, so that the two never go on beside each other; healed,
// they have one log until the power goes, which was commanded and is carried out (ADR 0083).
//
// proves: S1.7
func TestRingTwoNodesMeetDuringFencing(t *testing.T) {
	c, ctx := slowPair(t)
	a := accidentOf(t, c)
	one, two := stubborn(t, c.Node(1), "app"), stubborn(t, c.Node(2), "app")
	a.awaits(ctx, one, client.NoticeGranted)
	a.awaits(ctx, two, client.NoticeGranted)
	a.apart([]int{1}, []int{2})
	a.await(ctx, "the power of node-2 to be asked for", func() bool { return counts(ctx, t, c.BMC(2)).Off > 0 })
	if n := counts(ctx, t, c.BMC(2)); n.AppliedOff != 0 || !c.Node(2).Running() {
		t.Fatalf("it is over before the link heals: %+v", n)
	}
	for _, p := range []*program{one, two} {
		if !p.hears(client.NoticeFrozen) || p.hears(client.NoticeThawed) {
			t.Errorf("%s went on while the other one may: %s", p.name, p.story())
		}
	}
	a.together([]int{1}, []int{2})
	a.over(ctx, 2)
	a.once(ctx, 2)
	a.devicesSpare(ctx, 1)
	a.oneView(ctx)
	a.await(ctx, one.name+" to go on", func() bool { return len(one.notices(client.NoticeThawed)) == len(one.notices(client.NoticeFrozen)) })
	if one.hears(client.NoticeFailed) {
		t.Errorf("a program of the winner failed: %s", one.story())
	}
}

// The link is cut, and stays so, and devices are slow. Exactly one lives, the first by id, whose turn comes first. The other is fenced, comes back alone, and
// is booted once more by a person: each time it says that it waits, lets nobody use anything, and fences nobody, for longer than post_join_delay.
// It joins when the link heals.
//
// proves: S5.14
func TestRingTwoNodesCutApart(t *testing.T) {
	c, ctx := slowPair(t)
	a := accidentOf(t, c)
	a.apart([]int{1}, []int{2})
	a.await(ctx, "node-1 to release node-2", func() bool { return a.saw(1, 2, playground.Release) })
	life := a.lives[2]
	for boot := range 2 {
		if boot > 0 {
			must(t, c.Node(2).LosePower(ctx))
			must(t, c.Node(2).RegainPower(ctx))
		}
		a.await(ctx, "another life of node-2, which says that it waits", func() bool {
			s := status(ctx, c.Node(2))
			return c.Node(2).BootID() != life && s.Node != "" && !s.Quorate && waitsForSomebody(s)
		})
		life = c.Node(2).BootID()
		a.loopsNot(ctx, life, 2*patience(2*time.Second))
	}
	a.together([]int{1}, []int{2})
	a.over(ctx, 2)
	a.once(ctx, 2)
	a.devicesSpare(ctx, 1)
	a.oneView(ctx)
}

// loopsNot looks for so long whether the second of two waits in one life, and the first goes on, with the link between them cut and no power switched
// again.
func (a *accident) loopsNot(ctx context.Context, life string, d time.Duration) {
	a.t.Helper()
	p := stubborn(a.t, a.c.Node(2), "app")
	until := time.Now().Add(d)
	a.await(ctx, "nothing to happen for "+d.String(), func() bool {
		one, two := status(ctx, a.c.Node(1)), status(ctx, a.c.Node(2))
		if one.Node != "" && (!one.Quorate || one.Frozen) || two.Quorate || len(two.Operations) > 0 || a.c.Node(2).BootID() != life || a.c.Node(1).BootID() != a.lives[1] {
			a.t.Fatalf("node-1 shows %+v, node-2 %+v, with the lives %s and %s", one, two, a.c.Node(1).BootID(), a.c.Node(2).BootID())
		}
		return time.Now().After(until)
	})
	a.once(ctx, 2)
	a.devicesSpare(ctx, 1)
	if p.hears(client.NoticeGranted) {
		a.t.Errorf("a program was granted beside the survivor: %s", p.story())
	}
}

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

// The node whose turn comes second lives on where the first has died: a gap later it proves it off, commits, fences it and goes on.
func TestRingTwoNodesTheFirstDies(t *testing.T) {
	c, ctx := pair(t)
	a := accidentOf(t, c)
	must(t, c.Node(1).Kill())
	a.await(ctx, "node-2 to release node-1", func() bool { return a.saw(2, 1, playground.Release) })
	a.over(ctx, 1)
}

// The link is cut for longer than a token: exactly one lives, the first by id, whose turn comes first; the other is fenced, comes back alone, fences
// nobody while the link is cut, and joins when it heals.
//
// part of: S1.7, S5.14
func TestRingTwoNodesCutApart(t *testing.T) {
	c, ctx := pair(t)
	a := accidentOf(t, c)
	a.apart([]int{1}, []int{2})
	a.await(ctx, "node-1 to release node-2", func() bool { return a.saw(1, 2, playground.Release) })
	a.await(ctx, "another life of node-2", func() bool { return c.Node(2).BootID() != a.lives[2] })
	a.await(ctx, "node-2 to say that it waits", func() bool {
		s := status(ctx, c.Node(2))
		return s.Frozen || s.Votes.Have < 2
	})
	if c.Node(1).BootID() != a.lives[1] {
		t.Error("node-1 did not live through it")
	}
	a.together([]int{1}, []int{2})
	a.over(ctx, 2)
	a.devicesSpare(ctx, 1)
	if stateOn(ctx, c.Node(1), "node-2") != client.StateMember {
		t.Error("node-2 is no member again")
	}
}

package membership_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// plainly is R20's choice by looking at every set there is.
func plainly(voters []membership.Voter, up uint64, mutual func(a, b fence.NodeID) bool) []fence.NodeID {
	need := membership.Need(voters)
	var best []fence.NodeID
	for set := range uint64(1) << len(voters) {
		var ids []fence.NodeID
		votes, good := 0, set&^up == 0
		for i, v := range voters {
			if set>>i&1 == 0 {
				continue
			}
			for _, o := range ids {
				good = good && mutual(o, v.ID)
			}
			ids, votes = append(ids, v.ID), votes+v.Votes
		}
		if good && votes >= need && (len(ids) > len(best) || len(ids) == len(best) && slices.Compare(ids, best) < 0) {
			best = ids
		}
	}
	return best
}

func voters(n int, votes func(i int) int) []membership.Voter {
	var vs []membership.Voter
	for i := range n {
		vs = append(vs, membership.Voter{ID: fence.NodeID(i + 1), Votes: votes(i)})
	}
	return vs
}

// TestConnectedIsTheLargestSet compares the search with one that looks at everything.
func TestConnectedIsTheLargestSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		n := 1 + r.IntN(9)
		vs := voters(n, func(int) int { return []int{1, 1, 1, 0, 2}[r.IntN(5)] })
		var cut [9][9]bool
		many := r.Float64()
		for a := range n {
			for b := range a {
				cut[a][b] = r.Float64() < many
				cut[b][a] = cut[a][b]
			}
		}
		up := r.Uint64() | r.Uint64()
		up &= 1<<n - 1
		mutual := func(a, b fence.NodeID) bool { return !cut[a-1][b-1] }
		got := membership.Connected(vs, func(id fence.NodeID) bool { return up>>(id-1)&1 == 1 }, mutual)
		if want := plainly(vs, up, mutual); !slices.Equal(got, want) {
			t.Fatalf("%v up %b cut %v: got %v, want %v", vs, up, cut, got, want)
		}
	}
}

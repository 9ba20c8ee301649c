package membership

import (
	"math/rand/v2"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// TestSearchEndsAmongSixtyFour: every node looks again whenever a link changes; a search that spends its whole budget stalls its clockwork (R20),
// and what it has found by then may be less than there is.
func TestSearchEndsAmongSixtyFour(t *testing.T) {
	const n = MaxNodes
	var vs []Voter
	for i := range n {
		vs = append(vs, Voter{ID: fence.NodeID(i + 1), Votes: 1})
	}
	var lost [n + 1][n + 1]bool
	r := rand.New(rand.NewPCG(3, 4))
	for a := range lost {
		for b := range a {
			lost[a][b] = r.IntN(50) == 0
			lost[b][a] = lost[a][b]
		}
	}
	for name, mutual := range map[string]func(a, b fence.NodeID) bool{
		"whole":        func(_, _ fence.NodeID) bool { return true },
		"two halves":   func(a, b fence.NodeID) bool { return (a <= n/2) == (b <= n/2) },
		"three parts":  func(a, b fence.NodeID) bool { return a%3 == b%3 },
		"pairs":        func(a, b fence.NodeID) bool { return a+b != n+1 },
		"nobody hears": func(_, _ fence.NodeID) bool { return false },
		"one in fifty": func(a, b fence.NodeID) bool { return !lost[a][b] },
	} {
		s := look(vs, func(fence.NodeID) bool { return true }, mutual)
		t.Logf("%s: %b after %d steps", name, s.best, searchSteps-s.steps)
		if s.steps <= 0 {
			t.Errorf("%s: the search did not end within %d steps", name, searchSteps)
		}
	}
}

package membership

import (
	"math/bits"

	"github.com/fenced-project/fenced/fence"
)

// MaxNodes is the largest cluster that presence is computed for.
const MaxNodes = 64

// searchSteps bounds the search for the largest set; beyond it the best set found so far counts. Graphs of real failures need a few hundred.
const searchSteps = 200_000

// Voter is one configured node with its votes.
type Voter struct {
	ID    fence.NodeID
	Votes int
}

// Need is the number of votes that a quorum needs: more than half of all configured votes.
func Need(voters []Voter) int {
	sum := 0
	for _, v := range voters {
		sum += v.Votes
	}
	return sum/2 + 1
}

// Connected is R20's choice: the largest set of nodes that all hear each other and have a majority of the votes, ties to the lowest ids.
// Voters are sorted by id; mutual(a, b) says that both hear each other. Without such a set it returns nil. Pure: every node that sees the same
// matrix chooses the same set.
// Kept for R20: S5.4, S5.5, V14.
func Connected(voters []Voter, up func(fence.NodeID) bool, mutual func(a, b fence.NodeID) bool) []fence.NodeID {
	voters = voters[:min(len(voters), MaxNodes)]
	best := look(voters, up, mutual).best
	var ids []fence.NodeID
	for i, v := range voters {
		if best>>i&1 == 1 {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

// look searches the whole matrix.
func look(voters []Voter, up func(fence.NodeID) bool, mutual func(a, b fence.NodeID) bool) search {
	s := search{voters: voters, need: Need(voters), edges: make([]uint64, len(voters)), steps: searchSteps}
	var all uint64
	for i, v := range voters {
		if up(v.ID) {
			all |= 1 << i
		}
	}
	for i := range voters {
		for j := i + 1; j < len(voters); j++ {
			if all>>i&1 == 1 && all>>j&1 == 1 && mutual(voters[i].ID, voters[j].ID) {
				s.edges[i] |= 1 << j
				s.edges[j] |= 1 << i
			}
		}
	}
	s.grow(0, 0, all)
	return s
}

type search struct {
	voters []Voter
	need   int
	edges  []uint64
	best   uint64
	steps  int
}

// grow extends a set by candidates that are connected to all of it, lowest id first, so that of two equal sets the lower one is met first.
func (s *search) grow(set uint64, votes int, candidates uint64) {
	s.steps--
	size := bits.OnesCount64(set)
	if size > bits.OnesCount64(s.best) && votes >= s.need {
		s.best = set
	}
	for candidates != 0 && s.steps > 0 {
		if size+bits.OnesCount64(candidates) <= bits.OnesCount64(s.best) {
			return // cannot become larger than the best
		}
		if most, mostVotes := s.most(candidates); size+most <= bits.OnesCount64(s.best) || votes+mostVotes < s.need {
			return // nor with the fewer of them that can hear each other
		}
		i := bits.TrailingZeros64(candidates)
		candidates &^= 1 << i
		s.grow(set|1<<i, votes+s.voters[i].Votes, candidates&s.edges[i])
	}
}

// most bounds what candidates can add: they fall into groups of which no two hear each other, so at most one of each group is ever taken. Without
// it two halves that do not hear each other, or many lost pings among 64 nodes, cost the whole budget of the search at every look.
func (s *search) most(candidates uint64) (groups, votes int) {
	for candidates != 0 {
		groups++
		highest := 0
		for rest := candidates; rest != 0; {
			i := bits.TrailingZeros64(rest)
			candidates &^= 1 << i
			rest &^= 1<<i | s.edges[i]
			highest = max(highest, s.voters[i].Votes)
		}
		votes += highest
	}
	return groups, votes
}

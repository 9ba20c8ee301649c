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
func Connected(voters []Voter, up func(fence.NodeID) bool, mutual func(a, b fence.NodeID) bool) []fence.NodeID {
	if len(voters) > MaxNodes {
		voters = voters[:MaxNodes]
	}
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
	s.grow(0, all)
	if s.best == 0 {
		return nil
	}
	var ids []fence.NodeID
	for i, v := range voters {
		if s.best>>i&1 == 1 {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

type search struct {
	voters []Voter
	need   int
	edges  []uint64
	best   uint64
	steps  int
}

// grow extends a set by candidates that are connected to all of it, lowest id first, so that of two equal sets the lower one is met first.
func (s *search) grow(set, candidates uint64) {
	s.steps--
	if bits.OnesCount64(set) > bits.OnesCount64(s.best) && s.votes(set) >= s.need {
		s.best = set
	}
	for candidates != 0 && s.steps > 0 {
		if bits.OnesCount64(set)+bits.OnesCount64(candidates) <= bits.OnesCount64(s.best) {
			return // cannot become larger than the best
		}
		i := bits.TrailingZeros64(candidates)
		candidates &^= 1 << i
		s.grow(set|1<<i, candidates&s.edges[i])
	}
}

func (s *search) votes(set uint64) int {
	sum := 0
	for i, v := range s.voters {
		if set>>i&1 == 1 {
			sum += v.Votes
		}
	}
	return sum
}

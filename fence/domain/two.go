package domain

import (
	"errors"

	"github.com/fenced-project/fenced/fence"
)

// FeatureTwo is the feature level from which members commit that their engine calls each of two nodes quorate without the other (corosync's two_node),
// and how long it takes until both know of a split (R11, R23, ADR 0084).
const FeatureTwo = 3

// maxTwoMS bounds what a node may say of that.
const maxTwoMS = 3_600_000

// checkTwo judges what an announcement says of two_node.
func (s *State) checkTwo(a Announce) error {
	switch {
	case a.TwoMS != 0 && s.Feature < FeatureTwo:
		return errors.New("two_node needs a later feature level (R11)")
	case a.TwoMS < 0 || a.TwoMS > maxTwoMS:
		return errors.New("how long corosync takes to form a ring is out of bounds")
	}
	return nil
}

// TwoMS is how long it may take until both of two nodes know of a split, in milliseconds: the longer one of what both have announced, so that both
// count the same (R23). It is 0 unless the cluster has two voters and both have said that their engine has two_node.
func (s *State) TwoMS() int64 {
	voters, longest := 0, int64(0)
	for i := range s.Roster.Nodes {
		r := &s.Roster.Nodes[i]
		if r.Votes == 0 {
			continue
		}
		n := s.Node(r.ID)
		if n == nil || n.TwoMS == 0 || s.votesOf(r.ID) == 0 {
			return 0
		}
		voters, longest = voters+1, max(longest, n.TwoMS)
	}
	if voters != 2 {
		return 0
	}
	return longest
}

// ByProof reports whether those who stay without a node are a quorum although they have not the votes: of two with two_node the other one is, as soon
// as it has proven that the one who goes is over, and it is eligible to prove that (R21, R23, ADR 0084).
func (s *State) ByProof(without fence.NodeID) bool {
	if s.TwoMS() == 0 {
		return false
	}
	for _, m := range s.View.Members {
		if m.Node != without && s.Eligible(m.Node) && !s.Judged(m.Incarnation) {
			return true
		}
	}
	return false
}

package domain

import "github.com/fenced-project/fenced/fence"

// Added lists the nodes that were added to a running cluster and have never been in a view.
func (s *State) Added() []fence.NodeID {
	var ids []fence.NodeID
	for i := range s.Nodes {
		if s.Nodes[i].Added {
			ids = append(ids, s.Nodes[i].ID)
		}
	}
	return ids
}

// Quorum is the number of votes that a view needs: more than half of the votes of all nodes but those that were added to a running cluster
// and have not come yet (0029). They count from their first arrival, one after another, so an addition never costs the quorum of those who work.
func (s *State) Quorum() int {
	sum := 0
	for i, r := range s.Roster.Nodes {
		if i < len(s.Nodes) && s.Nodes[i].ID == r.ID && s.Nodes[i].Added {
			continue
		}
		sum += r.Votes
	}
	return sum/2 + 1
}

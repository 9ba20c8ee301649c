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

// Uncounted lists the nodes whose votes do not count: added and not come yet, or given up and not admitted again (R4).
func (s *State) Uncounted() []fence.NodeID {
	var ids []fence.NodeID
	for i := range s.Nodes {
		if s.Nodes[i].Added || s.Nodes[i].Lost {
			ids = append(ids, s.Nodes[i].ID)
		}
	}
	return ids
}

// votesOf is how many votes of a node count: none of one that was added and has not come, or was given up (R4).
func (s *State) votesOf(id fence.NodeID) int {
	i, ok := s.Roster.Place(id)
	if n := s.Node(id); !ok || (n != nil && (n.Lost || n.Added)) {
		return 0
	}
	return s.Roster.Nodes[i].Votes
}

// Lost lists the nodes that were given up and have not come back.
func (s *State) Lost() []fence.NodeID {
	var ids []fence.NodeID
	for i := range s.Nodes {
		if n := &s.Nodes[i]; n.Lost {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// Quorum is the number of votes that a view needs: more than half of the votes of all nodes but those that were added to a running cluster
// and have not come yet (0029), and those that were given up (R4). They count from their first arrival, one after another, so an addition never costs the quorum of those who work.
func (s *State) Quorum() int {
	sum := 0
	if x := s.index; x != nil {
		for _, id := range x.busy {
			sum += s.votesOf(id)
		}
		return (x.votes+sum)/2 + 1
	}
	for i, r := range s.Roster.Nodes {
		if i < len(s.Nodes) && s.Nodes[i].ID == r.ID && (s.Nodes[i].Added || s.Nodes[i].Lost) {
			continue
		}
		sum += r.Votes
	}
	return sum/2 + 1
}

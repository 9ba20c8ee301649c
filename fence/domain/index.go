package domain

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// index is what an entry would otherwise have to count anew over all nodes (0110). It is derived from the state, is no part of it, of its snapshots or of
// its hash, and decides nothing that the state does not: without one every question looks at all nodes and gets the same answer.
//
// A node is busy while anything is remembered of it that makes its votes, or an answer about claims, other than those of a member with which nothing is the matter.
// Only busy nodes are looked at; the rest are sums. Whoever changes a node by an entry has called touch before; what changes many at once, or what they
// are judged by, calls uncounted, and everything is counted anew when the entry is done.
type index struct {
	busy []fence.NodeID // ascending
	// votes are those of all other nodes, present those of their daemons in the view.
	votes, present int
	// differ: not all words of the comparison say the same (I3).
	differ bool
	// touched are the nodes that the entry which is applied may change.
	touched []fence.NodeID
}

// count makes the index of votes and busy nodes from the state: the one place that does. nil where nodes and roster do not go together.
func (s *State) count() *index {
	if len(s.Nodes) != len(s.Roster.Nodes) {
		return nil
	}
	x := &index{differ: s.wordsDiffer()}
	rest := s.View.Members // sorted, as nodes are: each is looked at once
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if s.Roster.Nodes[i].ID != n.ID {
			return nil
		}
		for len(rest) > 0 && rest[0].Node < n.ID {
			rest = rest[1:]
		}
		there := rest[:0]
		for len(rest) > 0 && rest[0].Node == n.ID {
			there, rest = there[:len(there)+1], rest[1:]
		}
		if s.isBusy(n, there) {
			x.busy = append(x.busy, n.ID)
			continue
		}
		votes := s.Roster.Nodes[i].Votes
		x.votes += votes
		x.present += votes * len(there)
	}
	return x
}

// wordsDiffer reports whether two words of the comparison say different hashes.
func (s *State) wordsDiffer() bool {
	c := s.Comparison
	return c != nil && slices.ContainsFunc(c.Words, func(w Word) bool { return w.Hash != c.Words[0].Hash })
}

// isBusy reports whether something is the matter with a node of which these daemons are in the view.
func (s *State) isBusy(n *Node, there []Origin) bool {
	if n.Victim != nil || n.PowerOn != nil || n.Drill != nil || n.Cut != nil || len(n.Unquiet) > 0 || n.Restart != nil || n.Halted != "" || n.Added || n.Lost {
		return true
	}
	return len(there) > 0 && (n.Phase == PhaseLeft || slices.ContainsFunc(there, func(m Origin) bool { return s.Judged(m.Incarnation) }))
}

// daemons are those of a node that the view shows.
func (s *State) daemons(id fence.NodeID) []Origin {
	from, _ := place(s.View.Members, id)
	to := from
	for to < len(s.View.Members) && s.View.Members[to].Node == id {
		to++
	}
	return s.View.Members[from:to]
}

// touch is called before an entry changes a node: it is looked at until the entry is done.
func (t *turn) touch(n *Node) {
	x := t.s.index
	if x == nil {
		return
	}
	if i, is := slices.BinarySearch(x.busy, n.ID); !is {
		x.busy = slices.Insert(x.busy, i, n.ID)
		t.s.vouch(n.ID, -1)
	}
	x.touched = append(x.touched, n.ID)
}

// vouch adds the votes of a node to the sums, or takes them out.
func (s *State) vouch(id fence.NodeID, sign int) {
	i, ok := s.Roster.Place(id)
	if !ok {
		return
	}
	votes := s.Roster.Nodes[i].Votes
	s.index.votes += sign * votes
	s.index.present += sign * votes * len(s.daemons(id))
}

// uncounted gives the index up: more changes than the nodes that were touched.
func (t *turn) uncounted() { t.s.index = nil }

// counted brings the index up to date when an entry is done.
func (s *State) counted() {
	if s.names == nil {
		s.names = s.naming()
	}
	x := s.index
	if x == nil {
		s.index = s.count()
		return
	}
	for _, id := range x.touched {
		if i, is := slices.BinarySearch(x.busy, id); is && !s.isBusy(s.Node(id), s.daemons(id)) {
			x.busy = slices.Delete(x.busy, i, i+1)
			s.vouch(id, 1)
		}
	}
	x.touched = x.touched[:0]
}

// matters calls f with each node with which something may be the matter, in order, until it says false. It must touch no other node.
func (s *State) matters(f func(n *Node) bool) {
	if s.index == nil {
		for i := range s.Nodes {
			if !f(&s.Nodes[i]) {
				return
			}
		}
		return
	}
	for _, id := range s.index.busy {
		if !f(s.Node(id)) {
			return
		}
	}
}

// sum adds up the votes of the daemons of the view but for one node's (0 for none), as far as they count. counts is asked of busy nodes' only: it must
// be true for all others.
func (s *State) sum(without fence.NodeID, counts func(m Origin) bool) int {
	x, sum := s.index, 0
	if x == nil {
		for _, m := range s.View.Members {
			if m.Node != without && counts(m) {
				sum += s.votesOf(m.Node)
			}
		}
		return sum
	}
	sum = x.present
	if _, is := slices.BinarySearch(x.busy, without); !is {
		sum -= s.votesOf(without) * len(s.daemons(without))
	}
	for _, id := range x.busy {
		if id == without {
			continue
		}
		for _, m := range s.daemons(id) {
			if counts(m) {
				sum += s.votesOf(id)
			}
		}
	}
	return sum
}

package agreement

import (
	"cmp"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// Seen is how far a store is known to have come, by what its node said in a session after it was on its disk. No store ever goes back behind that:
// the epoch that it promised, the one in which its log was taken over as a whole, and, within that one, its length. One that does was restored from
// a copy (R3); a new start of it looks like any other, so that Starts alone do not tell.
type Seen struct {
	Node     fence.NodeID `json:"node"`
	Store    string       `json:"store"`
	Promised uint64       `json:"promised"`
	Synced   uint64       `json:"synced"`
	Last     uint64       `json:"last"`
}

// behind reports whether a state is older than what was seen of its store.
func (s State) behind(seen Seen) bool {
	return s.Promised < seen.Promised || s.Synced < seen.Synced || s.Synced == seen.Synced && s.Last < seen.Last
}

// seenOf looks in what is sorted by node.
func seenOf(seen []Seen, node fence.NodeID) (at int, found bool) {
	return slices.BinarySearchFunc(seen, node, func(s Seen, n fence.NodeID) int { return cmp.Compare(s.Node, n) })
}

// saw keeps the highest that a process said of its store; the next write takes it to this node's disk. That is the one of the commit that the word
// helped to make, if it did. Another store of the same node takes the place of the old one, which no log knows any more.
func (m *Machine) saw(from Process, upto uint64, synced bool) {
	h, said := m.hellos[from]
	if !said {
		return
	}
	now := Seen{Node: h.Node, Store: h.Store, Promised: m.plan.Epoch}
	i, known := seenOf(m.meta.Seen, h.Node)
	if known && m.meta.Seen[i].Store == h.Store {
		old := m.meta.Seen[i]
		now.Promised, now.Synced, now.Last = max(old.Promised, now.Promised), old.Synced, old.Last
	}
	switch {
	case !synced:
	case m.plan.Epoch > now.Synced:
		now.Synced, now.Last = m.plan.Epoch, upto
	case m.plan.Epoch == now.Synced:
		now.Last = max(now.Last, upto)
	}
	seen := slices.Clone(m.meta.Seen) // the disk's writer may still read the old one
	if known {
		seen[i] = now
	} else {
		seen = slices.Insert(seen, i, now)
	}
	m.meta.Seen = seen
}

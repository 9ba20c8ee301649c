package domain

import "github.com/fenced-project/fenced/fence"

// The members of a view are sorted by node id, so that none of the questions below looks at all of them: each is asked for every node of a
// large cluster when a view comes.

func byNode(a, b Origin) int { return int(int64(a.Node) - int64(b.Node)) }

// place is where the first daemon of this node stands in a sorted list.
func place(ms []Origin, id fence.NodeID) (int, bool) {
	low, high := 0, len(ms)
	for low < high {
		if mid := (low + high) / 2; ms[mid].Node < id {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, low < len(ms) && ms[low].Node == id
}

// among reports whether this very daemon is in a sorted list.
func among(ms []Origin, m Origin) bool {
	for i, ok := place(ms, m.Node); ok && i < len(ms) && ms[i].Node == m.Node; i++ {
		if ms[i] == m {
			return true
		}
	}
	return false
}

package sim

import "github.com/fenced-project/fenced/fence"

// Network says whose messages arrive. The zero value is a whole network.
type Network struct {
	cut map[[2]fence.NodeID]bool
}

// CutOneWay stops messages from one node to another; the other direction goes on.
func (n *Network) CutOneWay(from, to fence.NodeID) {
	if n.cut == nil {
		n.cut = make(map[[2]fence.NodeID]bool)
	}
	n.cut[[2]fence.NodeID{from, to}] = true
}

// Cut stops messages between two nodes.
func (n *Network) Cut(a, b fence.NodeID) {
	n.CutOneWay(a, b)
	n.CutOneWay(b, a)
}

// Heal restores everything.
func (n *Network) Heal() { n.cut = nil }

// Reaches says whether a message of from arrives at to now.
func (n *Network) Reaches(from, to fence.NodeID) bool { return !n.cut[[2]fence.NodeID{from, to}] }

// Both says whether messages arrive in both directions.
func (n *Network) Both(a, b fence.NodeID) bool { return n.Reaches(a, b) && n.Reaches(b, a) }

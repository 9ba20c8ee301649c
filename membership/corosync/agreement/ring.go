package agreement

import (
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// Ring names one configuration of corosync's ring.
type Ring struct {
	Node fence.NodeID `json:"node"`
	Seq  uint64       `json:"seq"`
}

// String is as corosync writes it.
func (r Ring) String() string { return fmt.Sprintf("%x.%x", uint32(r.Node), r.Seq) }

// Streams joins what the two services of corosync tell. They are independent: either may be ahead, so nothing is done until both show the same
// ring (S1.1). The zero value has heard nothing.
type Streams struct {
	group, quorum Ring
	nodes         []fence.NodeID // in the ring, according to the group's service
	quorate       bool
}

// Group takes the group service's ring.
func (s *Streams) Group(r Ring, nodes []fence.NodeID) { s.group, s.nodes = r, slices.Clone(nodes) }

// Quorum takes the quorum service's ring; it may come again for the same one, when votes change.
func (s *Streams) Quorum(r Ring, quorate bool) { s.quorum, s.quorate = r, quorate }

// Ring is the ring of the group.
func (s *Streams) Ring() Ring { return s.group }

// In reports whether a node is in the ring. A member of the group that is not is a ghost: corosync lost its departure, and no change will ever
// tell that it went; it is ignored.
func (s *Streams) In(node fence.NodeID) bool { return slices.Contains(s.nodes, node) }

// Holds says why nothing may be promised or acknowledged now, "" if it may.
func (s *Streams) Holds() string {
	switch {
	case s.group == Ring{}:
		return "corosync has not told the ring yet"
	case s.group != s.quorum:
		return fmt.Sprintf("the group is in ring %s, the quorum service in ring %s", s.group, s.quorum)
	case !s.quorate:
		return fmt.Sprintf("ring %s is not quorate", s.group)
	}
	return ""
}

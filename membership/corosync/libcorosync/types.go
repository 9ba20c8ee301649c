package libcorosync

import "fmt"

// RingID names one configuration of the ring. Corosync keeps the sequence on disk; where that was wiped it may come again.
type RingID struct {
	Node uint32
	Seq  uint64
}

// String is as corosync's own log writes it.
func (r RingID) String() string { return fmt.Sprintf("%x.%x", r.Node, r.Seq) }

// Reason says why a process joined or left a group, as corosync knows it.
type Reason uint32

// The reasons. NodeDown: the node left the ring (crash, cut, corosync stopped). ProcDown: the process's connection ended without a leave, by a
// crash or not; it proves nothing about the node.
const (
	ReasonNone     Reason = 0
	ReasonJoin     Reason = 1
	ReasonLeave    Reason = 2
	ReasonNodeDown Reason = 3
	ReasonNodeUp   Reason = 4
	ReasonProcDown Reason = 5
)

// String is corosync's own word.
func (r Reason) String() string {
	switch r {
	case ReasonNone:
		return "NONE"
	case ReasonJoin:
		return "JOIN"
	case ReasonLeave:
		return "LEAVE"
	case ReasonNodeDown:
		return "NODEDOWN"
	case ReasonNodeUp:
		return "NODEUP"
	case ReasonProcDown:
		return "PROCDOWN"
	}
	return fmt.Sprintf("reason %d", uint32(r))
}

// Process is one process of a group.
type Process struct {
	Node uint32
	PID  uint32
}

// Change is a process in a list of a membership change.
type Change struct {
	Process
	Reason Reason
}

// GroupEvent is one of Delivered, GroupChanged and RingChanged, in the order in which this node delivers them.
type GroupEvent interface{ groupEvent() }

// Delivered is a message of the group, also one's own.
type Delivered struct {
	From Process
	Data []byte
}

// GroupChanged says who is in the group now. Members is whole: nobody needs to add up Left and Joined.
type GroupChanged struct {
	Members []Process
	Left    []Change
	Joined  []Change
}

// RingChanged says which nodes are in the ring now. It comes after the GroupChanged of the same change of ring, and not at all for a process that
// joins or leaves by itself.
type RingChanged struct {
	Ring  RingID
	Nodes []uint32
}

func (Delivered) groupEvent()    {}
func (GroupChanged) groupEvent() {}
func (RingChanged) groupEvent()  {}

// QuorumEvent is one of NodesChanged and QuorumChanged.
type QuorumEvent interface{ quorumEvent() }

// NodesChanged is the quorum service's list of the ring. A node in both Joined and Left restarted its corosync before anybody missed it. Directly
// after the subscription both are empty.
type NodesChanged struct {
	Ring   RingID
	Nodes  []uint32
	Joined []uint32
	Left   []uint32
}

// QuorumChanged follows NodesChanged; it may come again for the same ring when votes change.
type QuorumChanged struct {
	Ring    RingID
	Quorate bool
	Nodes   []uint32
}

func (NodesChanged) quorumEvent()  {}
func (QuorumChanged) quorumEvent() {}

// VoteFlags are votequorum's own.
type VoteFlags uint32

// The flags of votequorum_info.
const (
	FlagTwoNode         VoteFlags = 1
	FlagQuorate         VoteFlags = 2
	FlagWaitForAll      VoteFlags = 4
	FlagLastManStanding VoteFlags = 8
	FlagAutoTieBreaker  VoteFlags = 16
	FlagAllowDownscale  VoteFlags = 32
	FlagDeviceThere     VoteFlags = 64
	FlagDeviceAlive     VoteFlags = 128
	FlagDeviceVotes     VoteFlags = 256
	FlagDeviceWins      VoteFlags = 512
)

// NodeState is a node's state in votequorum.
type NodeState uint32

// The states.
const (
	NodeMember  NodeState = 1
	NodeDead    NodeState = 2
	NodeLeaving NodeState = 3
)

// Votes is what votequorum says of one node and of all together.
type Votes struct {
	Node            uint32
	State           NodeState
	Votes           uint32 // of this node
	Expected        uint32 // by this node's configuration
	HighestExpected uint32
	Total           uint32 // present now
	Quorum          uint32 // needed
	Flags           VoteFlags
	DeviceVotes     uint32
	DeviceName      string // "" without a quorum device
}

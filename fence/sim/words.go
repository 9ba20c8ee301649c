package sim

import "github.com/fenced-project/fenced/fence"

// Daemon is one run of the daemon in one life of a node.
type Daemon struct {
	fence.Incarnation
	Instance string
}

// Node is one configured node.
type Node struct {
	ID    fence.NodeID
	Votes int
}

// Config of a model. Times are milliseconds of the caller's clock.
type Config struct {
	Nodes            []Node // sorted by id
	FailureTimeoutMS int64
	ProposalMS       int64 // how long a proposal is tried before its outcome is unknown
	// Choose picks the view out of who is up and who hears whom: the largest connected set with a majority, or nil (R20).
	Choose func(up func(fence.NodeID) bool, mutual func(a, b fence.NodeID) bool) []fence.NodeID
}

// View is an agreed membership.
type View struct {
	Members []Daemon
	Left    []Departure
	Quorate bool
}

// Departure is a daemon that went; Process says that its node is still there.
type Departure struct {
	Daemon
	Process bool
}

// Entry is one entry of the log: a view, or a proposal.
type Entry struct {
	Index    uint64
	View     *View
	Proposer Daemon
	Number   uint64
	Data     []byte
}

// Kind says what an Output is.
type Kind int

// The kinds of output.
const (
	KindEntry Kind = iota
	KindSnapshot
	KindOutcome
	KindLost
	KindHeld
	KindHeard
	KindSuspect
	KindLease
)

// Output is one event for one running daemon.
type Output struct {
	To     fence.NodeID
	Kind   Kind
	Entry  Entry  // KindEntry; KindSnapshot uses Index and Data
	Daemon Daemon // KindHeard, KindSuspect
	Flag   bool   // KindOutcome: delivered; KindSuspect: gone
	Number uint64 // KindOutcome
	MS     int64  // KindLease: when the acknowledged ping was sent
	Why    string // KindLost
}

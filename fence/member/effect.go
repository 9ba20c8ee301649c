package member

import (
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// Effect is one of the types below: what the shell does for this node. Effects are carried out in order; none of them may block the loop.
type Effect interface{ effect() }

// Propose puts an entry in the sequence.
type Propose struct {
	Number uint64
	Entry  domain.Entry
}

// Answer ends a Requested: the entry was applied (Err nil, with the events it caused), rejected, or its fate is unknown.
type Answer struct {
	Reply   uint64
	Events  []domain.Event
	Index   uint64
	Err     error
	Unknown bool
}

// Scan asks for a residual scan; it is answered by ResidualScanned.
type Scan struct{}

// WriteSession asks for a durable session record; it is answered by SessionWritten.
type WriteSession struct{ Session Session }

// StartOperation performs a claimed operation; it is answered by ReadResult.
type StartOperation struct{ Spec operation.Spec }

// CancelOperation stops asking devices; what is in flight is still waited for.
type CancelOperation struct {
	Life  fence.Incarnation
	Claim uint64
	Why   string
}

// Deny stops acknowledging a life's pings (R14).
type Deny struct{ Life fence.Incarnation }

// SelfFence ends this machine's life by local means (R24).
type SelfFence struct{ Why string }

// Transition tells of committed events, for log, history and watchers.
type Transition struct {
	Index uint64
	// AtMS is the proposer's wall clock, for people; 0 for a view.
	AtMS   int64
	Events []domain.Event
}

// Notice tells of something only this node saw: an alarm, a brake, a suspicion.
type Notice struct {
	Kind domain.EventKind
	Node fence.NodeID
	Life fence.Incarnation
	Text string
}

// Release lets local clients recover from a life, behind the lease (R13).
type Release struct {
	Life    fence.Incarnation
	Verdict fence.Verdict
}

// Depart: this node has left, and its record says so: the daemon ends by itself. What was answered before it still reaches the asker.
type Depart struct{}

func (Depart) effect()          {}
func (Propose) effect()         {}
func (Answer) effect()          {}
func (Scan) effect()            {}
func (WriteSession) effect()    {}
func (StartOperation) effect()  {}
func (CancelOperation) effect() {}
func (Deny) effect()            {}
func (SelfFence) effect()       {}
func (Transition) effect()      {}
func (Notice) effect()          {}
func (Release) effect()         {}

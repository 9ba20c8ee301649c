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

// SelfFence ends this machine's life by local means (R24). Withdrawn: for a file system that withdrew; Lost: for a process that died, a core process or
// a critical client. Each of the two makes a row of its own, because lives that end so were admitted before.
type SelfFence struct {
	Why             string
	Withdrawn, Lost bool
}

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

// Tell is one message for one local client. The shell brings them in this order, or drops the client when it does not take them; it never
// repeats, delays or invents one: also the heartbeat comes from here, so that a client hears no more of a mind that stands still (S4.7).
type Tell struct {
	Client uint64
	Kind   TellKind
	// Index is the newest log index that this node had applied; of a released it is the verdict's, by which a client resumes.
	Index uint64
	// Life and Verdict are set with TellReleased; Life alone, this node's own, with TellFailed.
	Life    fence.Incarnation
	Verdict fence.Verdict
	Why     string
	// UntilMS is set with TellGranted, TellThawed and TellReleased: when the lease behind it ends, by this node's clock. What could not be
	// brought by then is not brought: the client is dropped. This node may have been stopped between deciding and bringing (S5.16).
	UntilMS int64
	// State is set with TellState.
	State ClientState
}

// TellKind is what a local client is told.
type TellKind string

// The messages. TellState is the first of every stream. TellGranted: it may use what is shared. TellRefused: not yet, and why; the grant follows
// when the reason is gone. TellFrozen: nothing is released or granted, start nothing new. TellThawed: that is over, the grant stands.
// TellReleased: that life and every earlier life of that node can touch nothing any more. TellFailed: this node's life is over for the others;
// stop using what is shared now; nothing follows. The end of the stream means the same.
const (
	TellState     TellKind = "state"
	TellGranted   TellKind = "granted"
	TellRefused   TellKind = "grant-refused"
	TellFrozen    TellKind = "frozen"
	TellThawed    TellKind = "thawed"
	TellReleased  TellKind = "released"
	TellFailed    TellKind = "you-are-failed"
	TellHeartbeat TellKind = "heartbeat"
)

// ClientState is where a client's stream begins.
type ClientState struct {
	Granted, Frozen bool
	// Unresolved are the victims that are not released yet, Unknown the nodes of which nothing is known since a cold start (R10, R12).
	Unresolved []fence.Incarnation
	Unknown    []fence.NodeID
	// HeartbeatMS is how often at least this client is told a heartbeat while the deciding loop lives.
	HeartbeatMS int64
}

// Drop ends a client's stream after what was told before it.
type Drop struct {
	Client uint64
	Why    string
}

// Depart: this node has left, and its record says so: the daemon ends by itself. What was answered before it still reaches the asker.
// Restart: it has not left, and the next daemon of this boot goes on as soon as it can (R26); nothing is said to the watchdog's holder.
type Depart struct{ Restart bool }

func (Tell) effect()            {}
func (Drop) effect()            {}
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

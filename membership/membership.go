package membership

import (
	"errors"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// ErrClosed is what Propose returns after Close.
var ErrClosed = errors.New("membership is closed")

// Self is what a provider tells the others about this daemon.
type Self struct {
	Node fence.NodeID
	// Boot is the kernel's boot id; Instance is random for each daemon start and shows continuity (R10), it never names a victim.
	Boot     string
	Instance string
}

// Provider delivers one ordered sequence of events and accepts proposals. All its methods are safe for concurrent use and none of them
// blocks on a disk, a peer or DNS; what takes time ends in an event.
type Provider interface {
	// Events is the one ordered sequence. It is closed after Close. The reader must keep reading: a reader that stalls stalls only its own node.
	Events() <-chan Event
	// Propose asks for data to be put in the sequence, at most once; number is unique for this Self.Instance and grows. The proposer gets
	// exactly one Outcome event for it: Delivered (also when it was delivered before) or Unknown after its deadline or a change of view.
	Propose(number uint64, data []byte) error
	// Deny stops acknowledging the pings of a life, for ever in this process: its lease cannot be renewed by this node (R14).
	Deny(fence.Incarnation)
	// SetDurable tells when the last durable write of this node succeeded; every ping carries its age (R20).
	SetDurable(at time.Time)
	// Info is a snapshot for status; it never blocks.
	Info() Info
	// Close stops everything and waits for its goroutines, at most for its own deadline.
	Close() error
}

// Event is one of the types below.
type Event interface{ event() }

// Member is one daemon in a view.
type Member struct {
	fence.Incarnation
	Instance string `json:"instance"`
}

// View is one agreed membership. Its epoch is the index of its entry in the sequence: it never repeats (R10).
type View struct {
	Members []Member `json:"members"` // sorted by node id
	// Left says how those went who were in the view before and are not in this one, as far as the provider knows.
	Left []Departure `json:"left,omitempty"`
	// Quorate says that the members have more than half of the roster's votes.
	Quorate bool `json:"quorate"`
}

// How says how a member went.
type How string

// The ways to go: clean leave, process gone while the node answers, node gone.
const (
	HowLeft        How = "left"
	HowProcessGone How = "process-gone"
	HowNodeGone    How = "node-gone"
)

// Departure is one member that went.
type Departure struct {
	Member
	How How `json:"how"`
}

// ViewInstalled: this view is the entry at Index of the sequence.
type ViewInstalled struct {
	Index uint64
	View  View
}

// Committed: this entry is committed at Index (R6). Proposer and Number are those of Propose.
type Committed struct {
	Index    uint64
	Proposer Member
	Number   uint64
	Data     []byte
}

// Outcome answers one Propose of this instance.
type Outcome struct {
	Number    uint64
	Delivered bool // false: unknown, it may or may not be delivered later
}

// QuorumLost: this node is not part of a quorate view any more, as far as it can tell; told locally, not an entry. It is over with the next
// QuorumHeld or ViewInstalled. Before that, entries which the quorate side committed meanwhile may still arrive while this node catches up.
type QuorumLost struct {
	Why string
	// Final: a disk or the reader failed (R20); it cannot come back in this process, and this node says nothing to anybody.
	Final bool
}

// QuorumHeld: contact to a quorate view is back without a new view.
type QuorumHeld struct{}

// Parted: the engine says that this node alone is quorate, as it says to the other of two, and nothing can be committed before the other is back or is
// proven over (R23, Vouch); Member is zero when that is over. Local, not agreed.
type Parted struct{ Member Member }

// TwoNode: the engine calls each of two nodes quorate without the other (R15, R23). RingMS is by how much later than the other one of them may notice a
// split, 0 where that is not known. Word: this node goes on alone by a person's word and not by a proof, so the other may be alive and go on as well; it
// is told again when that changes, and before the view of this node alone.
type TwoNode struct {
	RingMS int64
	Word   bool
}

// SidesQuorate: with these settings of the engine, or by an operator's word to it, the victim's own side may be quorate as well (R15); Why names them. It
// is so for the rest of the run. Local, not agreed.
type SidesQuorate struct{ Why string }

// Voucher is a provider that may have to be told that a life's power is off before it can commit anything: corosync with two_node.
type Voucher interface {
	// Vouch: that life's power is off, by reads made while this node was parted from it. It does not wait, and may be repeated.
	Vouch(life fence.Incarnation)
}

// Expeller is a provider that can end the membership of a node which was away and came back as the life that is to be fenced: over corosync by a word to
// that node's corosync. What the node's kernel holds stays, and nobody hears whether it worked: it is never evidence (S1.3, ADR 0102).
type Expeller interface {
	// Expel: that life is a victim, this node's claim on it is open, and the others are quorate without it. It does not wait, and may be repeated.
	Expel(life fence.Incarnation)
}

// NewInstance: this daemon's connection to the group ended, and with it its instance: to the others it is a new daemon of the same life from here on
// (S4, R10). Every proposal of the earlier instance has had its Outcome. Between QuorumLost and the view that has the new instance nothing is held.
type NewInstance struct{ Instance string }

// Heard: a message of that daemon arrived, authenticated, just now. Votes tells nothing; it is presence only.
type Heard struct{ Member Member }

// Suspect: nothing has been heard of the member for the failure timeout; Unsuspect: it is heard again. Local, not agreed.
type Suspect struct {
	Member Member
	Gone   bool // false: it is heard again
}

// LeaseRenewed: the ping of this node that was sent at SentMS (this node's CLOCK_BOOTTIME) is acknowledged by a majority of votes (R14).
type LeaseRenewed struct{ SentMS int64 }

// SnapshotWanted asks the reader for its whole state as of all events before this one; the reader answers once on Reply, which has room.
type SnapshotWanted struct{ Reply chan<- []byte }

// SnapshotInstalled replaces the reader's whole state: the sequence goes on after Index.
type SnapshotInstalled struct {
	Index uint64
	Data  []byte
}

// Refused: somebody or something was refused; for one log line (at most one in ten seconds for each peer and reason).
type Refused struct {
	Peer   string
	Reason string
	// Kind sorts what a person should see to, "" for what is only worth a line.
	Kind RefusedKind
	// Us: it is the peer that refuses this node.
	Us bool
}

// RefusedKind sorts refusals.
type RefusedKind string

// The refusals that a person must end: a store that was set back or replaced (R3); a copy of a store whose own daemon is heard beside it (R3); a
// peer in another domain (R4); a peer whose version
// speaks another protocol.
const (
	RefusedStore   RefusedKind = "store"
	RefusedCopy    RefusedKind = "copy"
	RefusedDomain  RefusedKind = "domain"
	RefusedVersion RefusedKind = "version"
)

// Recovered: here another domain begins, which an operator made of this node's store (R4); Data is the reader's own. It is in the sequence.
type Recovered struct {
	Index uint64
	Data  []byte
}

// Elsewhere: a daemon of the roster was heard in another domain of this cluster, authenticated, just now: it is alive and none of ours (S0.10).
type Elsewhere struct {
	Member Member
	Domain string
}

func (ViewInstalled) event()     {}
func (Committed) event()         {}
func (Outcome) event()           {}
func (QuorumLost) event()        {}
func (QuorumHeld) event()        {}
func (NewInstance) event()       {}
func (Heard) event()             {}
func (Parted) event()            {}
func (TwoNode) event()           {}
func (SidesQuorate) event()      {}
func (Suspect) event()           {}
func (LeaseRenewed) event()      {}
func (SnapshotWanted) event()    {}
func (SnapshotInstalled) event() {}
func (Refused) event()           {}
func (Elsewhere) event()         {}
func (Recovered) event()         {}

// Info is what status shows of a provider.
type Info struct {
	Provider string // memory, embedded, corosync
	// Ring is the engine's own name of what it is in now, "" where it has none; Nodes are those in it, whether anybody knows them or not.
	Ring  string
	Nodes []fence.NodeID
	// Source says who counts votes, "" where the reader does, by the roster; then Quorate is what the source says of this node's part.
	Source  string
	Quorate bool
	Domain  string // "" before bootstrap or join
	Leader  fence.NodeID
	Votes   int // votes of the current view
	Need    int // votes that quorum needs
	Waiting []Wait
	Paths   []Path
}

// Wait says what this provider waits for and for whom.
type Wait struct {
	What  string
	For   []string
	Since time.Time
}

// Path is the state of the ping mesh to one peer.
type Path struct {
	Node     fence.NodeID
	Name     string
	LastSeen time.Duration // age; negative if never
}

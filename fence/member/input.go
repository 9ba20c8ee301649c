package member

import (
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// Input is one of the types below.
type Input interface{ input() }

// Tick is time passing; it comes at least every tick interval.
type Tick struct{}

// ViewInstalled is a view in the provider's sequence.
type ViewInstalled struct {
	Index   uint64
	Members []domain.Origin
	Quorate bool
}

// EntryCommitted is an entry in the provider's sequence, encoded as domain.Encode does; Number is its proposer's number.
type EntryCommitted struct {
	Index  uint64
	By     domain.Origin
	Number uint64
	Data   []byte
}

// SnapshotInstalled replaces the domain.
type SnapshotInstalled struct{ State *domain.State }

// ProposalDone is the provider's answer to a Propose: delivered or unknown.
type ProposalDone struct {
	Number    uint64
	Delivered bool
}

// QuorumLost and QuorumHeld are what the provider tells locally.
type QuorumLost struct{ Why string }

// QuorumHeld: contact to a quorate view is back.
type QuorumHeld struct{}

// NewInstance: this node's membership ended and begins anew; to the others this daemon is another one of the same life from here on (S4, R10).
type NewInstance struct{ Instance string }

// Heard: a life was heard just now.
type Heard struct{ By domain.Origin }

// HeardElsewhere: a life of a configured node was heard just now in another domain: it is alive and belongs to nobody here (S0.10, R4).
type HeardElsewhere struct{ By domain.Origin }

// Recovered: an operator made another domain of this store (R4); Data is a domain.Recover.
type Recovered struct {
	Index uint64
	Data  []byte
}

// Suspect: nothing heard of a member for the failure timeout, or (Gone false) heard again.
type Suspect struct {
	By   domain.Origin
	Gone bool
}

// LeaseRenewed: the ping sent at SentMS of this node's clock is acknowledged by a majority (R14).
type LeaseRenewed struct{ SentMS int64 }

// ReadResult is the end of an operation that StartOperation asked for. Quiet says that all of its calls have returned; otherwise a
// CallsReturned follows when they have.
type ReadResult struct {
	Node   fence.NodeID
	Claim  uint64
	Quiet  bool
	Result operation.Result
}

// CallsReturned: nothing of this claim's calls is in flight any more (R9).
type CallsReturned struct {
	Node  fence.NodeID
	Claim uint64
}

// ResidualScanned is the result of a scan that Scan asked for.
type ResidualScanned struct {
	Session Session
	// State says that something of class state was found; Unsure that a probe could not be read, which counts the same (V12).
	State  bool
	Unsure bool
	// NoAnswer says that nothing was found but probes that did not answer in time.
	NoAnswer bool
	// Resettable is false where a reset would not clear what was found (R25).
	Resettable bool
	Why        string
	// Print stands for all of class state that was found: what holds other state has another one. "" for nothing.
	Print string
}

// SessionWritten answers WriteSession; Err is "" when the record is durable.
type SessionWritten struct{ Err string }

// ClientRegistered tells of a program on this node that registered on the socket (R12, S4.7). ID is never used twice in one run of the daemon.
type ClientRegistered struct {
	ID   uint64
	Name string
	Role string // RoleWatch or RoleReport
	// Critical: if this client goes without saying that it is done while it may use what is shared, this node's life ends (S4).
	Critical bool
	// After is the index of the newest release that this client has handled, as an earlier stream told it; whatever was committed after it
	// and is still known is told again. 0: it starts with what comes.
	After uint64
}

// MaxClients bounds the clients of one node; whoever registers beyond it is dropped. HeartbeatMS is the interval of the heartbeats.
const (
	MaxClients  = 256
	HeartbeatMS = 1000
)

// ClientGone: the client's stream ended, or it said that it uses nothing any more.
type ClientGone struct {
	ID uint64
	// Done: it said itself, before it went, that it has stopped using what is shared.
	Done bool
	Why  string
}

// The roles of a client. One that watches may use what is shared once it is granted; one that reports asks for fencing and uses nothing (R29).
const (
	RoleWatch  = "watch"
	RoleReport = "report"
)

// Requested is something an administrator or a client asks to have proposed. Reply identifies the asker; Answer effects carry it.
type Requested struct {
	Reply uint64
	Entry domain.Entry
}

// LeaveRequested asks this node to leave cleanly (S2.12). It is answered once by an Answer: Err nil means that the leave is committed and the
// record of it durable, and a Depart follows; Unknown that it is proposed and goes on after UntilMS; any other Err that the node stays as it was.
type LeaveRequested struct {
	Reply  uint64
	Reason string
	// Force leaves although those who stay are not quorate then.
	Force bool
	// UntilMS is when it gives up, by this node's clock.
	UntilMS int64
}

// ConfigChanged: this node's own file was read again; its roster's hash is compared with the committed one (R5). Logins as in Config.
type ConfigChanged struct {
	Shared     []string // as in Config
	RosterHash string
	Logins     map[string]string
}

// DevicesChange: the devices that this node can ask are about to be others under the same names (Done false): walks are cancelled, and none is
// begun before Done, because an operation must ask from its first read to its last the devices that its claim's roster names (R16, V6).
type DevicesChange struct{ Done bool }

func (Tick) input()              {}
func (ViewInstalled) input()     {}
func (EntryCommitted) input()    {}
func (SnapshotInstalled) input() {}
func (ProposalDone) input()      {}
func (QuorumLost) input()        {}
func (QuorumHeld) input()        {}
func (NewInstance) input()       {}
func (Heard) input()             {}
func (Recovered) input()         {}
func (HeardElsewhere) input()    {}
func (Suspect) input()           {}
func (LeaseRenewed) input()      {}
func (ReadResult) input()        {}
func (CallsReturned) input()     {}
func (ResidualScanned) input()   {}
func (SessionWritten) input()    {}
func (ClientRegistered) input()  {}
func (ClientGone) input()        {}
func (Requested) input()         {}
func (LeaveRequested) input()    {}
func (ConfigChanged) input()     {}
func (DevicesChange) input()     {}

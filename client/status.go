package client

// Status is what one node knows of its cluster.
type Status struct {
	API     string `json:"api"`
	Cluster string `json:"cluster"`
	// Domain is the id made at bootstrap (R4), "" before it.
	Domain string `json:"domain"`
	// Node is the name of the node that answers.
	Node    string `json:"node"`
	Version string `json:"version"`
	// Simulated: this daemon runs with another --system-root than /; nothing here can reset a machine.
	Simulated bool `json:"simulated"`
	Armed     bool `json:"armed"`
	// Disarm is the newest word that the cluster is not to act, nil while nobody has said so.
	Disarm *Disarm `json:"disarm,omitempty"`
	// Paused are the pauses in force.
	Paused List[Pause] `json:"paused,omitempty"`
	// Provider is memory, embedded or corosync.
	Provider string `json:"provider"`
	// Epoch is the log index of the installed view, 0 before the first one.
	Epoch uint64 `json:"epoch"`
	// Ring is the provider's own name of its ring or leader, for people.
	Ring    string `json:"ring"`
	Quorate bool   `json:"quorate"`
	Votes   Votes  `json:"votes"`
	// Frozen: no release, no grant, no duty on this node; FrozenWhy says why: no quorum, no lease, not admitted, leaving, another state than the
	// majority's, or a core process that does not run: with that one alone it still fences for others. A cluster that is not armed is not frozen, Armed says that, and a witness is not, because it has no duty.
	Frozen     bool            `json:"frozen"`
	FrozenWhy  string          `json:"frozen_why,omitempty"`
	Roster     RosterState     `json:"roster"`
	Brake      Brake           `json:"brake"`
	Waiting    List[Waiting]   `json:"waiting"`
	Nodes      List[Node]      `json:"nodes"` // in the order of node ids
	Operations List[Operation] `json:"operations"`
	Attention  List[Attention] `json:"attention"`
	// Rejected counts the entries of the log that a rule forbade or that nobody could read: every member rejects the same ones (R11).
	Rejected uint64 `json:"rejected,omitempty"`
	// Clients are the programs on the answering node that are registered with its daemon, by name.
	Clients List[LocalClient] `json:"clients"`
	// Seq is the sequence number of the newest event when this was made: watching from it misses nothing.
	Seq uint64 `json:"seq"`
	// Stream is the run of the daemon that Seq belongs to.
	Stream string `json:"stream"`
}

// Disarm is a disarm that waits for the operations that run (Pending, and the cluster is armed and begins nothing new), or that is in force.
type Disarm struct {
	Pending bool   `json:"pending"`
	By      string `json:"by"`
	Reason  string `json:"reason"`
	// ForMS is for how long it is in force; 0 is until somebody arms.
	ForMS int64 `json:"for_ms,omitempty"`
	// For are the nodes whose operations are waited for.
	For List[string] `json:"for"`
	// Deadline is when it takes effect at the latest, or when the cluster arms itself again, as the answering node counts; zero for never.
	Deadline Time `json:"deadline,omitzero"`
}

// LocalClient is a program on the answering node that is registered with its daemon (R12).
type LocalClient struct {
	ID   uint64 `json:"id"`
	Name string `json:"name"`
	// Role is RoleWatch or RoleReport.
	Role     string `json:"role"`
	Critical bool   `json:"critical"`
	// Granted: it may use what is shared. Frozen: it was told to start nothing new.
	Granted bool `json:"granted"`
	Frozen  bool `json:"frozen"`
	// Since is when Granted or Frozen last changed, or when it registered; Why why it is not granted, or frozen, as it was told.
	Since Time   `json:"since,omitzero"`
	Why   string `json:"why,omitempty"`
	// PID is the process that registered.
	PID int32 `json:"pid"`
}

// Votes says how far the view is from quorum. Source names who counted: roster, corosync.
type Votes struct {
	Have   int    `json:"have"`
	Need   int    `json:"need"`
	Source string `json:"source"`
}

// RosterState is the committed roster in short; Equal says that the hash of this node's own file is the committed one (R5).
type RosterState struct {
	Version uint64 `json:"version"`
	Hash    string `json:"hash"`
	Equal   bool   `json:"equal"`
}

// Brake is the state of the limit on fencing nodes that still answer (R21); Held names the nodes that wait for an operator because of it.
type Brake struct {
	Limit int          `json:"limit"`
	Count int          `json:"count"`
	Held  List[string] `json:"held"`
}

// Waiting says what is being waited for, for whom, since when and until when.
type Waiting struct {
	What     string       `json:"what"`
	For      List[string] `json:"for"`
	Since    Time         `json:"since,omitzero"`
	Deadline Time         `json:"deadline,omitzero"`
}

// The states of a node.
const (
	StateUnknown       = "unknown"
	StateAbsent        = "absent"
	StateJoining       = "joining"
	StateMember        = "member"
	StateSuspect       = "suspect"
	StateFailed        = "failed"
	StateFencing       = "fencing"
	StateFenced        = "fenced"
	StateNeedsOperator = "needs-operator"
	StateDirty         = "dirty"
	StateLeaving       = "leaving"
	StateLeft          = "left"
)

// The flags of a node.
const (
	FlagPaused         = "paused"
	FlagRestarting     = "restarting" // its daemon is away for a planned restart, or about to be
	FlagWitness        = "witness"
	FlagVoteOnly       = "vote-only"
	FlagFrozen         = "frozen"
	FlagMergeWait      = "merge-wait"
	FlagUnfencePending = "unfence-pending"
	FlagUnguarded      = "unguarded"
	FlagOffHeld        = "off-held"
	FlagDrilled        = "drilled"   // a drill of it is open
	FlagStateless      = "stateless" // its daemon may die: nothing there uses what is shared (R12)
)

// The roles of a node.
const (
	RoleNode    = "node"
	RoleWitness = "witness"
)

// Node is one configured node as the answering node sees it.
type Node struct {
	Name  string       `json:"name"`
	ID    uint32       `json:"id"`
	Role  string       `json:"role"`
	State string       `json:"state"`
	Flags List[string] `json:"flags"`
	// BootID and Instance are of its newest known life and daemon, "" when never seen.
	BootID   string `json:"boot_id"`
	Instance string `json:"instance"`
	// Since is when the answering node saw it enter this state.
	Since   Time   `json:"since,omitzero"`
	Version string `json:"version"`
	// Levels are the ways to fence it, in order; the steps of one level are joined by "+", as in "bmc-3" or "pdu-a[3]+pdu-b[3]".
	Levels List[string] `json:"levels"`
	Paths  List[Path]   `json:"paths"`
	// Residual is clean, dirty or unknown, or "" where this node cannot know.
	Residual string       `json:"residual"`
	Watchdog Watchdog     `json:"watchdog"`
	Last     *LastVerdict `json:"last,omitempty"`
	// Drill is what came of its newest drill; Mapped are the steps of its levels that a drill has proven and that did not change since (R16 a).
	Drill  *LastDrill   `json:"drill,omitempty"`
	Mapped List[string] `json:"mapped"`
	// Declared are the steps of its levels that cut storage: an operator vouches that they are this node's, and nothing has proven it (R16 a).
	Declared List[string] `json:"declared,omitempty"`
	// Why says in words why it is in this state, where there is more to say.
	Why string `json:"why,omitempty"`
}

// The health of a path to a device.
const (
	HealthOK      = "ok"
	HealthFailing = "failing"
	HealthUnknown = "unknown"
)

// Path is the newest probe of one device of one level (counted from 1), by whichever member probes it. Checked is when its answer was last another one
// than before; Class and Text say what it answered.
type Path struct {
	Device  string `json:"device"`
	Level   int    `json:"level"`
	Health  string `json:"health"`
	Checked Time   `json:"checked,omitzero"`
	Class   string `json:"class,omitempty"`
	Text    string `json:"text,omitempty"`
}

// Watchdog is what the node announced of its own watchdog. Kind "" means none.
type Watchdog struct {
	Kind       string `json:"kind"`
	LeaseMS    int64  `json:"lease_ms"`
	HardwareMS int64  `json:"hw_ms"`
}

// LastVerdict is the newest verdict on a life of this node, with the proof it rests on.
type LastVerdict struct {
	Verdict   string `json:"verdict"`
	Evidence  string `json:"evidence"`
	At        Time   `json:"at,omitzero"`
	Operation uint64 `json:"operation"`
	// Actor is the node that proved it.
	Actor string `json:"actor"`
}

// Attention is something that a person should see to. Code is stable and explained by `fenced explain`; Next is the command to type.
type Attention struct {
	Code string `json:"code"`
	Node string `json:"node"`
	Text string `json:"text"`
	Next string `json:"next"`
}

// Healthy reports whether nothing needs a person: quorate, armed, not frozen, no attention. It is what `fenced status` turns into its exit code.
func (s Status) Healthy() bool { return s.Quorate && s.Armed && !s.Frozen && len(s.Attention) == 0 }

package client

import (
	"encoding/json"
	"time"
)

// The actions that a request may ask for.
const (
	ActionOff    = "off"
	ActionReboot = "reboot"
	ActionOn     = "on"
	// ActionUnfence opens what a cut has closed (R18).
	ActionUnfence = "unfence"
)

// Bounds on what a request may carry; the server refuses more with CodeUsage.
const (
	MaxName   = 253 // bytes of a node name
	MaxReason = 512 // bytes of a reason
	MaxID     = 64  // bytes of a request id
)

// Request asks that a node's life be ended, or that it be powered on (R29).
type Request struct {
	// ID makes a request repeatable: the same id is the same request. The server makes one where it is "".
	ID   string `json:"id"`
	Node string `json:"node"`
	// Boot names the life that is meant; "" means the one that is known when the request is committed.
	Boot   string `json:"boot,omitempty"`
	Action string `json:"action"`
	Reason string `json:"reason"`
	// Force allows what CodeUnsafe refused. It never allows what would release without proof.
	Force bool `json:"force,omitempty"`
	// Client is the id of a registered program of role report in whose name this is asked (R29), 0 for an operator.
	Client uint64 `json:"client,omitempty"`
	// By is filled by the server from the peer's credentials; what a client writes here is ignored.
	By string `json:"by,omitempty"`
}

// Accepted says that a request is committed. It says nothing about success: watch the operation, or look at it with Show.
type Accepted struct {
	API         string `json:"api"`
	ID          string `json:"id"`
	Operation   uint64 `json:"operation"`
	Victim      string `json:"victim"`
	Incarnation string `json:"incarnation"`
	// Joined: an operation on this life was already open and serves this request too.
	Joined bool `json:"joined"`
	// Done: a fresh verdict on the same life satisfied the request at once.
	Done bool `json:"done"`
	// Seq is the newest event's number before the request: watching from it misses nothing of the operation.
	Seq uint64 `json:"seq"`
	// Stream is the run of the daemon that Seq belongs to.
	Stream string `json:"stream"`
}

// Ack is a person's word that one life of one node is over and cannot come back (R19).
type Ack struct {
	Node string `json:"node"`
	// Boot is mandatory: an acknowledgement names the life it means (V9).
	Boot   string `json:"boot"`
	Reason string `json:"reason"`
}

// Arm arms or disarms the cluster.
type Arm struct {
	Armed  bool   `json:"armed"`
	Reason string `json:"reason"`
	// ForMS arms again so long after a disarm took effect; Now ends the operations that run instead of waiting for them.
	ForMS int64 `json:"for_ms,omitempty"`
	Now   bool  `json:"now,omitempty"`
}

// MaxFor bounds how long a cluster is disarmed, or a node paused, with an end.
const MaxFor = 30 * 24 * time.Hour

// Apply asks the daemon to read its configuration file again and to propose its roster (R5). With DryRun nothing is proposed.
type Apply struct {
	Reason string `json:"reason"`
	DryRun bool   `json:"dry_run,omitempty"`
	// Force applies a file that may be older than the committed roster, or one by which those who are there would not be quorate (CodeUnsafe).
	Force bool `json:"force,omitempty"`
	// Hash, if set, is the hash of the roster that was shown to the administrator: another one is not proposed (CodeTryAgain).
	Hash string `json:"hash,omitempty"`
	// Roster, with DryRun only, is judged instead of the file's.
	Roster json.RawMessage `json:"roster,omitempty"`
}

// QuorumChange is what a roster does to quorum: the votes of the members that are there, and how many a view needs, before and after.
// Nodes that were added count when they come; NeedWhenAllCame is for then.
type QuorumChange struct {
	Have            int `json:"have"`
	Need            int `json:"need"`
	HaveAfter       int `json:"have_after"`
	NeedAfter       int `json:"need_after"`
	NeedWhenAllCame int `json:"need_when_all_came"`
}

// Replace gives up the machine that is known for a node: another one takes its place (R2). Refused unless every life of the node is over.
type Replace struct {
	Node string `json:"node"`
	// Old is the UUID of the machine that the administrator saw; another one is not given up (CodeTryAgain). "" means the one that is known.
	Old string `json:"old,omitempty"`
	// New is the UUID of the only machine that is accepted; "" means the one that waits, else the first that announces itself clean.
	New    string `json:"new,omitempty"`
	Reason string `json:"reason"`
}

// Reloaded says what a daemon made of its file. Equal: it is the committed roster. Taken: the daemon goes on with it. A file that is neither
// equal nor applied is not taken by a daemon that runs by the committed roster; Changes says what it would change.
type Reloaded struct {
	API     string       `json:"api"`
	Version uint64       `json:"version"`
	Hash    string       `json:"hash"`
	Equal   bool         `json:"equal"`
	Taken   bool         `json:"taken"`
	Changes List[string] `json:"changes"`
	// Restart lists what takes effect only when the daemon is started again.
	Restart List[string] `json:"restart"`
}

// Applied says which roster is committed now, or with DryRun would be, and what is different from the one before.
type Applied struct {
	API     string       `json:"api"`
	Version uint64       `json:"version"`
	Hash    string       `json:"hash"`
	Changes List[string] `json:"changes"`
	DryRun  bool         `json:"dry_run"`
	// From is the version that it replaces; Version and From are equal where the file says nothing new.
	From   uint64       `json:"from"`
	Quorum QuorumChange `json:"quorum"`
	// Todo is what is left for people to do.
	Todo List[string] `json:"todo"`
	// BlockedBy, with DryRun, is what forbids it now.
	BlockedBy List[Block] `json:"blocked_by"`
}

// Bootstrap makes the cluster's domain, once (R3, R4). Cluster must be the name in the daemon's configuration: it is what the operator typed.
type Bootstrap struct {
	Cluster string `json:"cluster"`
}

// Leave asks this node's daemon to leave the cluster cleanly and to stop (S2.12). It is refused while state is present (S2.11).
type Leave struct {
	Reason string `json:"reason"`
	// Force leaves although those who stay are not quorate then (CodeUnsafe). It never leaves with state.
	Force bool `json:"force,omitempty"`
	// TimeoutMS is how long the daemon may try, at most 25000; mandatory.
	TimeoutMS int64 `json:"timeout_ms"`
}

// Restart asks this node's daemon to restart while the node goes on to use what it uses (R26).
type Restart struct {
	Reason string `json:"reason"`
	// TimeoutMS is how long the daemon may try until it is committed, at most 25000; mandatory.
	TimeoutMS int64 `json:"timeout_ms"`
}

// Bootstrapped names the domain that was made.
type Bootstrapped struct {
	API     string `json:"api"`
	Cluster string `json:"cluster"`
	Domain  string `json:"domain"`
}

// Committed says that something was committed, and at which log index.
type Committed struct {
	API   string `json:"api"`
	Index uint64 `json:"index"`
	Text  string `json:"text,omitempty"`
	// Pending: it is committed and takes effect later: a disarm while operations run.
	Pending bool `json:"pending,omitempty"`
}

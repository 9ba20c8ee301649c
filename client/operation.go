package client

// The phases of an operation.
const (
	PhaseWaiting       = "waiting"
	PhaseDelayed       = "delayed"
	PhaseClaimed       = "claimed"
	PhaseReading       = "reading"
	PhaseRequesting    = "requesting"
	PhaseVerifying     = "verifying"
	PhaseBetweenLevels = "between-levels"
	PhaseAsking        = "asking"
	PhaseCommitting    = "committing"
	PhasePoweringOn    = "powering-on"
	PhaseDone          = "done"
)

// The causes of an operation.
const (
	CauseFailed   = "failed"
	CauseStartup  = "startup"
	CauseMerge    = "merge"
	CauseResidual = "residual"
	CauseReported = "reported"
	CauseOperator = "operator"
	CauseRecover  = "recover"
)

// Operation is one open operation on one life of one node. Its id is the log index of the entry that opened it: the same on every node, never reused.
type Operation struct {
	ID     uint64 `json:"id"`
	Victim string `json:"victim"`
	// Incarnation is the boot id of the life that is meant.
	Incarnation string `json:"incarnation"`
	Action      string `json:"action"`
	Cause       string `json:"cause"`
	RequestedBy string `json:"requested_by"`
	// Actor is the node that holds the claim, "" while nobody does.
	Actor string `json:"actor"`
	// Level, Step and Attempt count from 1 and are 0 while nothing runs; Levels and Attempts say how many there are.
	Level    int    `json:"level"`
	Levels   int    `json:"levels"`
	Step     int    `json:"step"`
	Device   string `json:"device"`
	Attempt  int    `json:"attempt"`
	Attempts int    `json:"attempts"`
	Phase    string `json:"phase"`
	// DeadlineMS is how much time is left of the present attempt or wait, 0 where it has no deadline or the answering node does not know it.
	DeadlineMS int64 `json:"deadline_ms"`
	Started    Time  `json:"started,omitzero"`
	// Why says what it waits for, in the phases that wait.
	Why string `json:"why,omitempty"`
}

// The kinds of verdict and the other ways in which an operation may end.
const (
	VerdictReset        = "reset"
	VerdictOff          = "off"
	VerdictCut          = "cut"
	VerdictAcknowledged = "acknowledged"

	ResolutionVerdict  = "verdict"
	ResolutionRejoined = "rejoined"
	ResolutionLeft     = "left"
	ResolutionWould    = "would" // nothing was done: the cluster was not armed
)

// The classes of an attempt.
const (
	ClassOK          = "ok"
	ClassRefused     = "refused"
	ClassTimeout     = "timeout"
	ClassAuth        = "auth"
	ClassUnreachable = "unreachable"
	ClassLied        = "lied"
	ClassLimbo       = "limbo"
	ClassMismatch    = "mismatch"
	ClassPluginDied  = "plugin-died"
	ClassUnsupported = "unsupported"
	ClassUnknown     = "unknown"
)

// HistoryLine is one operation as it is remembered. While it is open Finished and Resolution are empty.
type HistoryLine struct {
	API    string `json:"api"`
	ID     uint64 `json:"id"`
	Victim string `json:"victim"`
	// NodeID is the victim's: it stays when the node is renamed. 0 in lines of an older version.
	NodeID      uint32 `json:"node_id,omitempty"`
	Incarnation string `json:"incarnation"`
	Action      string `json:"action"`
	Cause       string `json:"cause"`
	RequestedBy string `json:"requested_by"`
	Reason      string `json:"reason"`
	Actor       string `json:"actor"`
	Started     Time   `json:"started,omitzero"`
	Finished    Time   `json:"finished,omitzero"`
	// Resolution is verdict, rejoined, left or would; Verdict is "" unless there is one.
	Resolution string        `json:"resolution"`
	Verdict    string        `json:"verdict"`
	Evidence   Evidence      `json:"evidence"`
	Attempts   List[Attempt] `json:"attempts"`
	Times      Times         `json:"times"`
	// Phases and Text are of a drill: how long each part took, and what came of it.
	Phases List[PhaseTime] `json:"phases,omitempty"`
	Text   string          `json:"text,omitempty"`
}

// The kinds of evidence.
const (
	EvidencePowerOff    = "power-off-read"
	EvidenceBootChanged = "boot-id-changed"
	EvidenceWatchdog    = "watchdog-elapsed"
	EvidenceStorageCut  = "storage-cut-read"
	EvidenceOperator    = "operator"
)

// Evidence is what a resolution rests on, for people. ReadIndex is the log index that the actor had applied before its first read began (R16 c).
type Evidence struct {
	Kind      string `json:"kind"`
	Device    string `json:"device"`
	Detail    string `json:"detail"`
	ReadIndex uint64 `json:"read_index"`
	At        Time   `json:"at,omitzero"`
}

// Attempt is one try at one device. Level counts from 1.
type Attempt struct {
	Level  int    `json:"level"`
	Device string `json:"device"`
	Action string `json:"action"`
	Result string `json:"result"`
	Class  string `json:"class"`
	MS     int64  `json:"ms"`
	Text   string `json:"text,omitempty"`
}

// Times are the durations of one operation, each from the one before; 0 means that it was not reached or not measured here.
type Times struct {
	DetectMS  int64 `json:"detect_ms"`
	ClaimMS   int64 `json:"claim_ms"`
	OffMS     int64 `json:"off_ms"`
	VerifyMS  int64 `json:"verify_ms"`
	VerdictMS int64 `json:"verdict_ms"`
	ReleaseMS int64 `json:"release_ms"`
	OnMS      int64 `json:"on_ms"`
	RejoinMS  int64 `json:"rejoin_ms"`
}

// History answers a question about the past; the newest operation comes last.
type History struct {
	API   string            `json:"api"`
	Lines List[HistoryLine] `json:"lines"`
	// Truncated says that older operations than these were asked for and are not shown or not kept any more.
	Truncated bool `json:"truncated"`
}

// Show is one operation with all that is known of it. It is what somebody who waits for an operation looks at.
type Show struct {
	API string `json:"api"`
	// Done: everything that was asked for is over. For off that is a resolution; for reboot also the power-on obligation (R9); for on the power-on.
	Done bool `json:"done"`
	// Code is the exit code that a waiter ends with once Done, and Error says why it is not 0.
	Code  Code   `json:"code"`
	Error string `json:"error,omitempty"`
	// Operation is set while it is open.
	Operation *Operation    `json:"operation,omitempty"`
	History   HistoryLine   `json:"history"`
	Requests  List[Request] `json:"requests"`
	// Seq of Stream is the newest event's number: who has seen that one has seen everything this shows. The server fills them.
	Seq    uint64 `json:"seq"`
	Stream string `json:"stream"`
}

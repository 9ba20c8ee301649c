package fence

// Cause says why a life became a victim.
type Cause string

// The causes (INTERFACES.md).
const (
	CauseFailed   Cause = "failed"
	CauseStartup  Cause = "startup"
	CauseMerge    Cause = "merge"
	CauseResidual Cause = "residual"
	CauseReported Cause = "reported"
	CauseOperator Cause = "operator"
	CauseRecover  Cause = "recover"
)

// Action is what an operation is to leave behind.
type Action string

// ActionOff holds the machine off; ActionReboot powers it on after the verdict; ActionOn is the obligation that follows.
const (
	ActionOff    Action = "off"
	ActionReboot Action = "reboot"
	ActionOn     Action = "on"
	// ActionUnfence opens the ways that a cut has closed (R18).
	ActionUnfence Action = "unfence"
	// ActionOnTarget is on, asked for by the daemon of the very machine that the target is (0099).
	ActionOnTarget Action = "on-target"
)

// Victim is a life that must be proven over before anybody may recover from it.
type Victim struct {
	Incarnation
	// Machine is the identity that evidence must match; unknown when the node never announced one and none is declared.
	Machine Machine `json:"machine"`
	Cause   Cause   `json:"cause"`
	// Index is the log index of the entry that named this life a victim. A read that began before a node applied it proves nothing (R16 c).
	Index  uint64 `json:"index"`
	Action Action `json:"action"`
}

// VerdictKind says what is certain (R18).
type VerdictKind string

// The kinds of verdict.
const (
	VerdictReset        VerdictKind = "reset"
	VerdictOff          VerdictKind = "off"
	VerdictCut          VerdictKind = "cut"
	VerdictAcknowledged VerdictKind = "acknowledged"
)

// Verdict is the committed statement that a life can no longer touch what is shared.
type Verdict struct {
	Incarnation
	Kind     VerdictKind `json:"kind"`
	Claim    uint64      `json:"claim"`
	Actor    NodeID      `json:"actor"`
	Index    uint64      `json:"index"` // log index of the verdict
	Evidence Evidence    `json:"evidence"`
}

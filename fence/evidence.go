package fence

// EvidenceKind says which sort of proof an Evidence is.
type EvidenceKind string

// The kinds of evidence (INTERFACES.md).
const (
	EvidencePowerOff    EvidenceKind = "power-off-read"
	EvidenceBootChanged EvidenceKind = "boot-id-changed"
	EvidenceWatchdog    EvidenceKind = "watchdog-elapsed"
	EvidenceStorageCut  EvidenceKind = "storage-cut-read"
	EvidenceOperator    EvidenceKind = "operator"
)

// PowerState is what a device says of a target. Whatever is neither clearly on nor clearly off is unknown, and unknown is never good news.
type PowerState string

// The states of a target.
const (
	PowerOn      PowerState = "on"
	PowerOff     PowerState = "off"
	PowerUnknown PowerState = "unknown"
)

// Read is one fresh look at a target: state and identity in one session. Times are milliseconds of the actor's CLOCK_BOOTTIME: only
// differences between them mean anything to anybody else.
type Read struct {
	State      PowerState `json:"state"`
	Identity   Identity   `json:"identity"`
	StartedMS  int64      `json:"started_ms"`
	FinishedMS int64      `json:"finished_ms"`
}

// DeviceEvidence is what the actor saw at one device step of a level.
type DeviceEvidence struct {
	Device string `json:"device"`
	Target string `json:"target,omitempty"`
	// Mapping is the hash of the mapping that was in force when the device was used (V6).
	Mapping string `json:"mapping"`
	// Before is the state read before anything was commanded.
	Before PowerState `json:"before"`
	// CommandedMS is when the last off was accepted under this claim; zero if none was (then it proves nothing, R16 b).
	CommandedMS int64 `json:"commanded_ms"`
	// First is the first read that said off, Final the read of the all-off pass (R16 c, R17).
	First Read `json:"first"`
	Final Read `json:"final"`
}

// Evidence is what a claim rests on. Only the fields of its kind are set.
type Evidence struct {
	Kind EvidenceKind `json:"kind"`
	// Claim is the number of the claim under which it was obtained (R7).
	Claim uint64 `json:"claim,omitempty"`
	// ReadIndex is the log index that the actor had applied before its first read began (R16 c, V1).
	ReadIndex uint64 `json:"read_index,omitempty"`
	// Level counts from zero.
	Level   int              `json:"level"`
	Devices []DeviceEvidence `json:"devices,omitempty"`
	// WaitedMS is how long the actor waited for the victim's watchdog, from its own local apply of the victim entry (R14, R15).
	WaitedMS int64 `json:"waited_ms,omitempty"`
	// Boot and Machine are what the next life announced (R2).
	Boot    string  `json:"boot,omitempty"`
	Machine Machine `json:"machine,omitzero"`
	// By and Reason are of the operator who vouches (R19).
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// FirstReadOff reports whether every device read off before anything was commanded: such a machine was off already (R10).
func (e Evidence) FirstReadOff() bool {
	for _, d := range e.Devices {
		if d.Before != PowerOff {
			return false
		}
	}
	return len(e.Devices) > 0
}

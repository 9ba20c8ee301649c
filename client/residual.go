package client

// Residual is what a node found in its own kernel that a dead cluster may have left there, and what follows from it.
type Residual struct {
	API       string `json:"api"`
	Simulated bool   `json:"simulated"`
	// Result is clean, dirty or unknown; unknown is dirty to every rule (V12).
	Result   string        `json:"result"`
	Findings List[Finding] `json:"findings"`
	// Policy is on_residual of this node's file; Would is what follows from it when fenced starts here.
	Policy string `json:"policy"`
	Would  string `json:"would"`
}

// Finding is one thing that a probe found. Class is state, access or hint.
type Finding struct {
	Probe   string       `json:"probe"`
	Path    string       `json:"path"`
	Class   string       `json:"class"`
	What    string       `json:"what"`
	Why     string       `json:"why"`
	Holders List[Holder] `json:"holders"`
	// Reset says that a reset of the machine clears it (R25).
	Reset bool `json:"reset"`
}

// The results of a look.
const (
	ResidualClean   = "clean"
	ResidualDirty   = "dirty"
	ResidualUnknown = "unknown"
)

// Holder is a process that uses what was found.
type Holder struct {
	PID       int    `json:"pid"`
	Comm      string `json:"comm"`
	StartTime uint64 `json:"starttime"`
}

// DevSummary is the last line of `fenced dev -o json` and of a script: what happened and how long it took.
type DevSummary struct {
	API         string       `json:"api"`
	Event       string       `json:"event"` // always "summary"
	Result      string       `json:"result"`
	Simulated   bool         `json:"simulated"`
	DetectionMS int64        `json:"detection_ms"`
	FenceMS     int64        `json:"fence_ms"`
	ReleaseMS   int64        `json:"release_ms"`
	RejoinMS    int64        `json:"rejoin_ms"`
	Evidence    string       `json:"evidence"`
	Violations  List[string] `json:"violations"`
}

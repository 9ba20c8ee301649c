package watchdog

// version is the wire's. All times are milliseconds of CLOCK_BOOTTIME.
const version = 1

type request struct {
	Version int    `json:"v"`
	Op      string `json:"op"`
	Settings
	Instance   string `json:"instance,omitempty"`
	MaxLeaseMS int64  `json:"max_lease_ms,omitempty"`
	UntilMS    int64  `json:"until_ms,omitempty"`
}

// Settings are what a node's file says of its watchdog.
type Settings struct {
	// Devices are paths as the system root shows them; TimeoutMS is what each is set to, PretimeoutMS 0 for no warning before.
	Devices      []string `json:"devices,omitempty"`
	TimeoutMS    int64    `json:"timeout_ms,omitempty"`
	PretimeoutMS int64    `json:"pretimeout_ms,omitempty"`
	// TakeOver opens a device that already runs and that nobody holds.
	TakeOver bool `json:"take_over,omitempty"`
}

type reply struct {
	Version int    `json:"v"`
	OK      bool   `json:"ok"`
	Code    string `json:"code"`
	Error   string `json:"error"`
	State   State  `json:"state"`
}

// The words of Refused.Code and Device.Code.
const (
	CodeUsage   = "usage"
	CodeDenied  = "denied"
	CodeBusy    = "busy"    // another daemon holds the lease
	CodeMissing = "missing" // a device is not there
	CodeOwned   = "owned"   // somebody else holds a device
	CodeUnclean = "unclean" // a device runs and its last owner died
	CodeExpired = "expired" // the lease ended: this machine goes down
	CodeLate    = "late"    // the lease of this renewal was over when it came
	CodeDevice  = "device"  // a device refused
)

// The phases of the holder.
const (
	PhaseClosed  = "closed"
	PhaseOpen    = "open"
	PhaseExpired = "expired"
	PhaseCustody = "custody" // released, and a device cannot be stopped
	PhaseOrphan  = "orphan"  // an earlier holder of this boot died with the devices open
	PhaseTesting = "testing"
)

// State is what the holder says of itself.
type State struct {
	Phase     string `json:"phase"`
	Simulated bool   `json:"simulated"`
	Pid       int    `json:"pid"`
	UntilMS   int64  `json:"until_ms"`
	NowMS     int64  `json:"now_ms"`
	Instance  string `json:"instance"`
	OwnerPid  int    `json:"owner_pid"`
	// HardwareMS is after how long without feeding this machine is reset, as read back from the devices; 0 where none is open.
	HardwareMS int64    `json:"hw_ms"`
	Feeds      int64    `json:"feeds"`
	GapMS      int64    `json:"gap_ms"`
	EveryMS    int64    `json:"every_ms"`
	Devices    []Device `json:"devices"`
	LockedKiB  int64    `json:"locked_kib"`
	Realtime   bool     `json:"realtime"`
	Warnings   []string `json:"warnings"`
}

// Device is one device as the holder sees it.
type Device struct {
	Path         string `json:"path"`
	Kind         string `json:"kind"` // "softdog" or the driver's name
	Identity     string `json:"identity"`
	Open         bool   `json:"open"`
	Running      bool   `json:"running"`
	NoWayOut     bool   `json:"nowayout"`
	TimeoutMS    int64  `json:"timeout_ms"`
	PretimeoutMS int64  `json:"pretimeout_ms"`
	LastReset    bool   `json:"last_reset"`
	Owner        string `json:"owner"`
	Code         string `json:"code"`
	Why          string `json:"why"`
}

// Kind is what counts in evidence (R15): softdog only where no open device is better, "" where none is open and fed.
func (s State) Kind() string {
	if s.Phase != PhaseOpen {
		return ""
	}
	kind := ""
	for _, d := range s.Devices {
		if d.Open && d.Code == "" && (kind == "" || kind == "softdog") {
			kind = d.Kind
		}
	}
	return kind
}

// LimitMS is after how long without feeding a device of Kind has reset this machine: the longest of those that are open and fed and no softdog,
// or of all where there is nothing better.
func (s State) LimitMS() int64 {
	kind, limit := s.Kind(), int64(0)
	for _, d := range s.Devices {
		if d.Open && d.Code == "" && (kind == "softdog" || d.Kind != "softdog") {
			limit = max(limit, d.TimeoutMS)
		}
	}
	return limit
}

// Why says why no device is open, or which one is not well; "" where there is nothing to say.
func (s State) Why() string {
	for _, d := range s.Devices {
		if d.Why != "" {
			return d.Why
		}
	}
	switch s.Phase {
	case PhaseExpired:
		return "the lease of this node ended: its watchdog is not fed any more"
	case PhaseOrphan:
		return "an earlier fenced-watchdog of this boot died with the watchdog open: nobody feeds it"
	case PhaseTesting:
		return "a test of the watchdog runs"
	}
	return ""
}

package main

// The protocol: one JSON object for each line, a reply for each request, in order. Unknown fields are allowed in both directions; Version
// changes only when an old reader would misunderstand.
const wireVersion = 1

// request is one line from a client. All times are milliseconds of CLOCK_BOOTTIME, which both sides share, so a request that was late on its
// way means what it meant when it was sent.
type request struct {
	Version int    `json:"v"`
	Op      string `json:"op"` // hello, renew, release, expire, status, test
	// Instance names the daemon that asks (hello); its connection holds the lease from then on.
	Instance string `json:"instance,omitempty"`
	// Devices are paths as the system root shows them; TimeoutMS is what each is set to, PretimeoutMS 0 for none (hello).
	Devices      []string `json:"devices,omitempty"`
	TimeoutMS    int64    `json:"timeout_ms,omitempty"`
	PretimeoutMS int64    `json:"pretimeout_ms,omitempty"`
	// TakeOver opens a device that already runs and that nobody holds: firmware may have started it (hello).
	TakeOver bool `json:"take_over,omitempty"`
	// MaxLeaseMS is how far ahead a renewal may reach (hello).
	MaxLeaseMS int64 `json:"max_lease_ms,omitempty"`
	// UntilMS is when the lease ends (renew).
	UntilMS int64 `json:"until_ms,omitempty"`
}

// The words of reply.Code: what a program may decide by. Error is for people.
const (
	codeUsage   = "usage"   // the request makes no sense
	codeDenied  = "denied"  // the asker is not root
	codeBusy    = "busy"    // another connection holds the lease
	codeMissing = "missing" // a device is not there
	codeOwned   = "owned"   // somebody else holds a device
	codeUnclean = "unclean" // a device runs and its last owner died
	codeExpired = "expired" // the lease ended; nothing is fed any more before the next boot
	codeLate    = "late"    // the lease of this renewal is over already, or reaches too far
	codeDevice  = "device"  // a device refused
)

// reply is one line back; the state is in each.
type reply struct {
	Version int    `json:"v"`
	OK      bool   `json:"ok"`
	Code    string `json:"code,omitempty"`
	Error   string `json:"error,omitempty"`
	State   state  `json:"state"`
}

// The phases of the holder.
const (
	phaseClosed  = "closed"  // no device is open
	phaseOpen    = "open"    // a lease runs, the devices are fed
	phaseExpired = "expired" // the lease ended with the devices open: they reset this machine
	phaseCustody = "custody" // released, but a device cannot be stopped (nowayout, no magic close): fed without a lease
	phaseOrphan  = "orphan"  // an earlier holder of this boot died with the devices open: nobody feeds them
	phaseTesting = "testing" // opened to see whether the machine is reset; never fed
)

// state is everything that a status shows.
type state struct {
	Phase     string `json:"phase"`
	Simulated bool   `json:"simulated,omitempty"`
	Pid       int    `json:"pid"`
	// UntilMS is the end of the lease, NowMS the holder's clock when it said so; Instance and OwnerPid are of who renews.
	UntilMS  int64  `json:"until_ms,omitempty"`
	NowMS    int64  `json:"now_ms"`
	Instance string `json:"instance,omitempty"`
	OwnerPid int    `json:"owner_pid,omitempty"`
	// HardwareMS is after how long without feeding the machine is reset: the longest of the open devices, as read back.
	HardwareMS int64 `json:"hw_ms,omitempty"`
	Feeds      int64 `json:"feeds"`
	// GapMS is the longest time between two feedings of the present lease, EveryMS the time that is meant.
	GapMS   int64        `json:"gap_ms"`
	EveryMS int64        `json:"every_ms,omitempty"`
	Devices []deviceSeen `json:"devices,omitempty"`
	// LockedKiB is the memory that cannot be paged out, Realtime whether the feeding thread is scheduled before ordinary ones.
	LockedKiB int64    `json:"locked_kib"`
	Realtime  bool     `json:"realtime"`
	Warnings  []string `json:"warnings,omitempty"`
}

// deviceSeen is one device: what the system says of it, and what became of opening it.
type deviceSeen struct {
	Path string `json:"path"`
	// Kind is "softdog" or the driver's name, "" where nothing tells.
	Kind         string `json:"kind,omitempty"`
	Identity     string `json:"identity,omitempty"`
	Open         bool   `json:"open,omitempty"`
	Running      bool   `json:"running,omitempty"` // by sysfs, whoever started it
	NoWayOut     bool   `json:"nowayout,omitempty"`
	TimeoutMS    int64  `json:"timeout_ms,omitempty"`
	PretimeoutMS int64  `json:"pretimeout_ms,omitempty"`
	// LastReset says that this device reset the machine before this boot, where the driver knows.
	LastReset bool   `json:"last_reset,omitempty"`
	Owner     string `json:"owner,omitempty"` // who else holds it: "systemd (pid 1)"
	Code      string `json:"code,omitempty"`  // why it cannot be used: missing, owned, unclean, device
	Why       string `json:"why,omitempty"`
}

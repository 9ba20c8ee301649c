package client

// WatchdogHolder is `fenced watchdog status -o json`: what fenced-watchdog, which owns the devices of this node, says of itself.
type WatchdogHolder struct {
	API       string `json:"api"`
	Simulated bool   `json:"simulated"`
	// Phase is closed, open, expired, custody, orphan or testing.
	Phase string `json:"phase"`
	Pid   int    `json:"pid"`
	// LeftMS is how long the lease still runs, 0 where none does; Daemon is the process that renews it, 0 for none.
	LeftMS int64 `json:"left_ms"`
	Daemon int   `json:"daemon"`
	// HardwareMS is after how long without feeding this machine is reset, 0 where no device is open; EveryMS how often it is fed, GapMS the longest
	// time between two feedings of this lease.
	HardwareMS int64                `json:"hw_ms"`
	EveryMS    int64                `json:"every_ms"`
	GapMS      int64                `json:"gap_ms"`
	Feeds      int64                `json:"feeds"`
	LockedKiB  int64                `json:"locked_kib"`
	Realtime   bool                 `json:"realtime"`
	Devices    List[WatchdogDevice] `json:"devices"`
	Warnings   List[string]         `json:"warnings"`
}

// WatchdogDevice is one device as the holder sees it; Code and Why say why it is not used.
type WatchdogDevice struct {
	Path         string `json:"path"`
	Kind         string `json:"kind"`
	Identity     string `json:"identity"`
	Open         bool   `json:"open"`
	Running      bool   `json:"running"`
	NoWayOut     bool   `json:"nowayout"`
	TimeoutMS    int64  `json:"timeout_ms"`
	PretimeoutMS int64  `json:"pretimeout_ms"`
	LastReset    bool   `json:"last_reset"`
	Owner        string `json:"owner,omitempty"`
	Code         string `json:"code,omitempty"`
	Why          string `json:"why,omitempty"`
}

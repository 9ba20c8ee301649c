package config

import "time"

// defaults are what a device has where the file says nothing.
type defaults struct {
	limit, attempts                       int
	attempt, settle, holdUp, poll, effect time.Duration
}

// bundled reports whether the plugin comes with fenced; all of those that can be devices cut the power.
func bundled(plugin string) bool {
	return contains([]string{"bmc", "pdu", "agent", "qmp", "dummy", "selffence"}, plugin)
}

// defaultsOf gives the settling and hold-up times of R16 and R17. A plugin that we do not know is treated like a power strip, the slowest.
func defaultsOf(plugin string) defaults {
	d := defaults{
		limit: 4, attempts: 2, attempt: 20 * time.Second,
		settle: time.Second, holdUp: 5 * time.Second,
		poll: 100 * time.Millisecond, effect: 90 * time.Second,
	}
	switch plugin {
	case "bmc": // BMCs have few sessions (LIBRARIES.md): one for fencing, one for the probe beside it
		d.limit, d.settle, d.holdUp = 1, 100*time.Millisecond, 0
	case "qmp", "dummy":
		d.settle, d.holdUp = 100*time.Millisecond, 0
	}
	return d
}

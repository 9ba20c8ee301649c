package host

import (
	"sort"
	"strconv"
	"time"
)

// Process is one running plugin process, for status displays and tests.
type Process struct {
	Plugin string
	// Lane is main, ward (devices that overran) or the id of an isolated device.
	Lane    string
	PID     int
	Version string
	Started time.Time
	// Draining says that it takes no new calls.
	Draining bool
}

// Processes returns the running processes by plugin, lane and age.
func (h *Host) Processes() []Process {
	h.mu.Lock()
	live := make([]*process, 0, len(h.live))
	for p := range h.live {
		live = append(live, p)
	}
	h.mu.Unlock()
	out := make([]Process, 0, len(live))
	for _, p := range live {
		pid, _ := strconv.Atoi(p.run.ID())
		out = append(out, Process{Plugin: p.plugin, Lane: p.lane, PID: pid, Version: p.about.Version, Started: p.started, Draining: !p.taking()})
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.Plugin != b.Plugin {
			return a.Plugin < b.Plugin
		}
		if a.Lane != b.Lane {
			return a.Lane < b.Lane
		}
		return a.Started.Before(b.Started)
	})
	return out
}

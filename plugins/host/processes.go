package host

import (
	"sort"
	"time"
)

// Process is one running plugin process, for status displays and tests.
type Process struct {
	Plugin string
	// Lane is main, ward (devices that overran) or the id of an isolated device.
	Lane    string
	PID     int
	Version string
	// Path is the file that it was started from.
	Path string
	// About is what it says of itself.
	About   Description
	Started time.Time
	// Draining says that it takes no new calls.
	Draining bool
	// Calls are under way in it.
	Calls int
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
		out = append(out, Process{
			Plugin: p.plugin, Lane: p.lane, PID: p.run.process(), Version: p.about.Version, Path: p.path, About: p.about, Started: p.started,
			Draining: !p.taking(), Calls: p.calls(),
		})
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

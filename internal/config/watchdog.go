package config

import (
	"strings"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// WatchdogMode says whether this node uses a watchdog.
type WatchdogMode string

// The modes. Off: none. Auto: one that is there is used, one that is missing is shown. Required: without one the daemon does not start (78).
const (
	WatchdogOff      WatchdogMode = "off"
	WatchdogAuto     WatchdogMode = "auto"
	WatchdogRequired WatchdogMode = "required"
)

// Watchdog is what this node's own file says of its watchdog. What of it others must know is announced at join, not in the roster: hardware
// differs.
type Watchdog struct {
	Mode WatchdogMode
	// Devices are paths as the system root shows them.
	Devices []string
	// TimeoutMS is after how long without feeding the devices reset this machine; PretimeoutMS 0 for no warning before.
	TimeoutMS    int64
	PretimeoutMS int64
	// TakeOver opens a device that runs already and that nobody holds.
	TakeOver bool
}

const (
	defaultWatchdog        = "/dev/watchdog"
	defaultWatchdogTimeout = 10 * time.Second
	longestWatchdog        = 10 * time.Minute
	maxWatchdogs           = 8
)

func (l *loader) watchdog() {
	r := mapAt(l.root.get("watchdog"), "watchdog", l.rep, "mode", "devices", "timeout", "pretimeout", "take_over")
	w := Watchdog{
		Mode:         WatchdogMode(r.enum("mode", string(WatchdogOff), string(WatchdogOff), string(WatchdogAuto), string(WatchdogRequired))),
		Devices:      l.watchdogDevices(r),
		TimeoutMS:    r.duration("timeout", defaultWatchdogTimeout, longestWatchdog),
		PretimeoutMS: r.duration("pretimeout", 0, longestWatchdog),
		TakeOver:     r.boolean("take_over", false),
	}
	at := func(name string) *node {
		if r.has(name) {
			return r.n.get(name)
		}
		return l.root.key("watchdog")
	}
	if w.Mode != WatchdogOff {
		for _, err := range fence.CheckWatchdog(l.cfg.Roster.Timing, w.TimeoutMS) {
			l.rep.at(at("timeout"), "change watchdog.timeout, timings.lease or timings.assume_dead_after; `fenced config explain` shows how they add up", "impossible timings: %s", err)
		}
	}
	switch {
	case w.TimeoutMS%1000 != 0:
		l.rep.at(at("timeout"), "write whole seconds", "watchdog.timeout: watchdogs count seconds")
	case w.PretimeoutMS%1000 != 0:
		l.rep.at(at("pretimeout"), "write whole seconds", "watchdog.pretimeout: watchdogs count seconds")
	case w.PretimeoutMS >= w.TimeoutMS:
		l.rep.at(at("pretimeout"), "make it shorter than watchdog.timeout", "watchdog.pretimeout is not before the timeout")
	}
	l.cfg.Watchdog = w
}

// watchdogDevices reads one path, or a list of them.
func (l *loader) watchdogDevices(r reader) []string {
	n := r.n.get("devices")
	if n == nil {
		return []string{defaultWatchdog}
	}
	items := []*node{n}
	if n.kind == sequence {
		items = n.items
	}
	var out []string
	for _, it := range items {
		name, digits := it.value, strings.TrimPrefix(it.value, "/dev/watchdog")
		switch {
		case it.kind != scalar, digits == name, strings.Trim(digits, "0123456789") != "":
			l.rep.at(it, "write /dev/watchdog, or /dev/watchdogN", "watchdog.devices: %s is no watchdog", quote(name))
		case contains(out, name) || contains(out, "/dev/watchdog") && name == "/dev/watchdog0" || contains(out, "/dev/watchdog0") && name == "/dev/watchdog":
			l.rep.at(it, "remove one of them; /dev/watchdog is /dev/watchdog0 under its old name", "watchdog.devices names a device twice")
		default:
			out = append(out, name)
		}
	}
	if len(items) == 0 || len(items) > maxWatchdogs {
		l.rep.at(n, "name one to eight devices, or remove the line", "watchdog.devices has %d", len(items))
	}
	return out
}

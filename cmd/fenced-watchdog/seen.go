package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// look says of each wanted device what the system tells, and why it cannot be used. It reads sysfs and /proc, so mu is not held.
func (h *holder) look(want request) []deviceSeen {
	var out []deviceSeen
	for _, path := range want.Devices {
		d := look(h.root, path)
		if d.Code == "" {
			h.judge(&d, want.TakeOver)
		}
		out = append(out, d)
	}
	return out
}

// judge refuses a device that another process holds, and one that runs with nobody behind it: its last owner died, or firmware started it, and
// opening it would put off the reset that somebody may count on.
func (h *holder) judge(d *deviceSeen, takeOver bool) {
	switch owner := ownerOf(h.root, d.Path, os.Getpid()); {
	case owner != "":
		d.Owner, d.Code = owner, codeOwned
		d.Why = d.Path + " is held by " + owner + ": only one process can have it open"
	case d.Running && !takeOver:
		d.Code = codeUnclean
		d.Why = fmt.Sprintf("%s runs and nobody holds it: its last owner ended without closing it, and it resets this machine when its %d s are over; opening it would put that off. Where firmware starts it at boot, say take_over: true", d.Path, d.TimeoutMS/1000)
	}
}

// answer is a reply with the state as it is now; mu is not held.
func (h *holder) answer(r *refusal) reply {
	h.mu.Lock()
	out := h.answered(r)
	want, fresh := h.want, len(h.devices) == 0
	h.mu.Unlock()
	out.State.LockedKiB = lockedKiB()
	if fresh && len(want.Devices) > 0 {
		out.State.Devices = h.look(want)
	}
	return out
}

// answered is answer where mu is held: of devices that are not open it says nothing.
func (h *holder) answered(r *refusal) reply {
	now := h.now()
	s := state{
		Phase: h.lease.phase, Simulated: h.root != "/", Pid: os.Getpid(), NowMS: now, UntilMS: h.lease.untilMS, HardwareMS: h.hwMS, Feeds: h.feeds, GapMS: h.gapMS,
		EveryMS: h.everyMS, Realtime: h.realtime, Warnings: h.warnings,
	}
	if h.lease.conn != 0 {
		s.Instance, s.OwnerPid = h.lease.instance, h.ownerPid
	}
	for _, o := range h.devices {
		s.Devices = append(s.Devices, o.seen)
	}
	out := reply{Version: wireVersion, OK: r == nil, State: s}
	if r != nil {
		out.Code, out.Error = r.code, r.text
	}
	return out
}

// lockedKiB is the memory of this process that cannot be paged out.
func lockedKiB() int64 {
	f, err := os.Open("/proc/self/smaps_rollup")
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "Locked:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return n
		}
	}
	return 0
}

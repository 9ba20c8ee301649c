package main

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// feed is one turn of the feeding thread. It returns when the next one is due, by the clock of now.
func (h *holder) feed() (nextMS int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	was := h.lease.phase
	if !h.lease.mayFeed(now) {
		if was == phaseOpen {
			h.log("the lease ended: the watchdog is not fed any more, this machine is reset within %d ms", h.hwMS)
		}
		return now + idleTurnMS
	}
	for _, o := range h.devices {
		if err := o.feed(); err != nil && o.seen.Code == "" {
			o.seen.Code, o.seen.Why = codeDevice, "cannot feed it: "+err.Error()
			h.log("cannot feed %s: %v", o.seen.Path, err)
		}
	}
	h.feeds++
	after := h.now()
	h.gapMS = max(h.gapMS, after-h.lastFed)
	h.lastFed = after
	if h.lease.phase == phaseOpen && after > h.lease.untilMS+lateMS {
		h.late(after)
	}
	return min(now+h.everyMS, max(h.endMS(), after+1))
}

// endMS is when the lease ends: the thread wakes then, so that its end is told at once.
func (h *holder) endMS() int64 {
	if h.lease.phase == phaseOpen {
		return h.lease.untilMS
	}
	return h.now() + h.everyMS
}

// late: this process was stopped between looking at the clock and feeding, so a device was fed after the end of the lease, which others count
// from (R14). It cannot be unfed, but its time can be made short.
func (h *holder) late(nowMS int64) {
	h.lease.phase = phaseExpired
	h.log("this process was stopped while it fed: it fed %d ms after the end of the lease, and shortens the time that is left", nowMS-h.lease.untilMS)
	for _, o := range h.devices {
		if _, err := o.setTimeout(1); err != nil {
			h.log("cannot shorten the time of %s: %v", o.seen.Path, err)
		}
	}
}

// idleTurnMS is how often the thread looks whether there is something to feed.
const idleTurnMS = 200

// run is the feeding thread. It sleeps in the kernel and not in the runtime's timers, on a thread that no other goroutine gets.
func (h *holder) run(stop <-chan struct{}) {
	runtime.LockOSThread()
	for {
		next := h.feed()
		select {
		case <-stop:
			return
		default:
		}
		sleepUntil(next)
	}
}

// sleepUntil waits for a moment of CLOCK_BOOTTIME, in milliseconds.
func sleepUntil(ms int64) {
	at := unix.NsecToTimespec(ms * int64(time.Millisecond))
	for unix.ClockNanosleep(unix.CLOCK_BOOTTIME, unix.TIMER_ABSTIME, &at, nil) == unix.EINTR {
	}
}

// bootMS is CLOCK_BOOTTIME in milliseconds; it runs on while the machine sleeps.
func bootMS() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic("fenced-watchdog: no CLOCK_BOOTTIME: " + err.Error()) // the kernel has had it since 2.6.39
	}
	return t.Nano() / int64(time.Millisecond)
}

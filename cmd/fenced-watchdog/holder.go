package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// holder joins the lease and the devices. The feeding thread and the socket's connections share it; nothing that may wait for somebody else
// (sysfs, /proc) is done while mu is held, because the feeding thread needs it.
type holder struct {
	root   string
	record string // the file that says that devices are open; a holder that finds one of this boot was preceded by one that died
	open   opener
	now    func() int64
	log    func(format string, args ...any)

	mu       sync.Mutex
	lease    lease
	want     request // of the newest hello
	ownerPid int
	devices  []*opened
	hwMS     int64
	everyMS  int64
	feeds    int64
	lastFed  int64
	gapMS    int64
	warnings []string // of the process: memory, scheduling
	realtime bool
}

// opened is a device that is open.
type opened struct {
	device
	seen deviceSeen
	// stoppable: a magic close ends it.
	stoppable bool
}

// The times of the house: how often a device is fed at most (fence.AssumeDeadAfterMS counts with it), and which timeouts make no sense.
const (
	feedEveryMS  = 1000
	minTimeoutMS = 2000
	maxTimeoutMS = 10 * 60 * 1000
	// lateMS is how long after the end of the lease a feeding may still finish that began before it.
	lateMS = 200
)

func newHolder(root, record string, open opener, now func() int64, log func(string, ...any)) *holder {
	h := &holder{root: root, record: record, open: open, now: now, log: log, lease: lease{phase: phaseClosed}}
	if b, err := os.ReadFile(record); err == nil || !errors.Is(err, os.ErrNotExist) {
		h.lease.phase = phaseOrphan
		log("an earlier holder of this boot ended with the watchdog open (%s): nobody feeds it, this machine is about to be reset, and what it reset is not opened again", printable(string(b[:min(len(b), 200)])))
	}
	return h
}

// hello takes over the lease for a connection and says what there is; nothing is opened by it.
func (h *holder) hello(conn uint64, pid int, r request) reply {
	if err := checkHello(r); err != nil {
		return h.answer(err)
	}
	h.mu.Lock()
	err := h.lease.hello(conn, r.Instance, r.MaxLeaseMS)
	if err == nil {
		h.want, h.ownerPid = r, pid
	}
	h.mu.Unlock()
	return h.answer(err)
}

func checkHello(r request) *refusal {
	switch {
	case len(r.Devices) == 0 || len(r.Devices) > 8:
		return refuse(codeUsage, "hello needs one to eight devices")
	case r.TimeoutMS < minTimeoutMS || r.TimeoutMS > maxTimeoutMS:
		return refuse(codeUsage, "a timeout of %d ms is not between %d and %d ms", r.TimeoutMS, minTimeoutMS, maxTimeoutMS)
	case r.PretimeoutMS < 0 || r.PretimeoutMS >= r.TimeoutMS:
		return refuse(codeUsage, "a pretimeout of %d ms is not below the timeout of %d ms", r.PretimeoutMS, r.TimeoutMS)
	}
	for i, d := range r.Devices {
		if slices.Contains(r.Devices[:i], d) {
			return refuse(codeUsage, "%s is named twice", printable(d))
		}
	}
	return nil
}

// renew moves the end of the lease; the first one opens the devices.
func (h *holder) renew(conn uint64, r request) reply {
	h.mu.Lock()
	open, err := h.lease.renew(conn, h.now(), r.UntilMS)
	want, custody := h.want, h.lease.phase == phaseCustody
	if err == nil && open && custody {
		h.lease.opened(r.UntilMS) // they never stopped
		open = false
	}
	h.mu.Unlock()
	if err != nil || !open {
		return h.answer(err)
	}
	looked := h.look(want) // not while mu is held; nothing is fed now, but a status may be asked
	h.mu.Lock()
	err = h.start(conn, want, looked, phaseOpen, r.UntilMS)
	h.mu.Unlock()
	return h.answer(err)
}

// start opens the devices for a lease, or for a test. mu is held.
func (h *holder) start(conn uint64, want request, looked []deviceSeen, phase string, untilMS int64) *refusal {
	if h.lease.conn != conn || h.lease.phase != phaseClosed {
		return refuse(codeBusy, "somebody else was faster")
	}
	if now := h.now(); phase == phaseOpen && untilMS <= now {
		return refuse(codeLate, "the lease of this renewal was over %d ms ago", now-untilMS)
	}
	if err := h.note(want.Devices); err != nil {
		return refuse(codeDevice, "cannot write %s, without which a later holder would not know that the watchdog was open: %v", h.record, err)
	}
	var first *refusal
	for _, seen := range looked {
		o, err := h.openOne(want, seen)
		if err != nil {
			first = cmpRefusal(first, err)
			h.log("watchdog %s is not used: %s", seen.Path, err.text)
			continue
		}
		h.devices = append(h.devices, o)
		h.hwMS = max(h.hwMS, o.seen.TimeoutMS)
	}
	if len(h.devices) == 0 {
		h.hwMS = 0
		return cmpRefusal(first, h.forget())
	}
	h.lease.opened(untilMS)
	h.lease.phase = phase
	h.everyMS = min(feedEveryMS, h.hwMS/4)
	for _, o := range h.devices {
		h.everyMS = min(h.everyMS, o.seen.TimeoutMS/4)
	}
	h.lastFed, h.gapMS = h.now(), 0
	return nil
}

func cmpRefusal(a, b *refusal) *refusal {
	if a != nil {
		return a
	}
	return b
}

// openOne opens one device and makes it what was asked for, read back. One that would reset this machine too early to be fed, or that stays
// longer than asked, is not kept.
func (h *holder) openOne(want request, seen deviceSeen) (*opened, *refusal) {
	if seen.Code != "" {
		return nil, refuse(seen.Code, "%s", seen.Why)
	}
	d, err := h.open(seen.Path)
	if err != nil {
		code := codeDevice
		switch {
		case errors.Is(err, unix.EBUSY):
			code = codeOwned
		case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
			code = codeMissing
		}
		return nil, refuse(code, "cannot open %s: %v", seen.Path, err)
	}
	o := &opened{device: d, seen: seen}
	o.seen.Open = true
	identity, magic := d.info()
	if identity != "" {
		o.seen.Identity = identity
		if seen.Kind == "" || kindOf(identity, "") == "softdog" {
			o.seen.Kind = kindOf(identity, "")
		}
	}
	if o.seen.Kind == "" {
		o.seen.Kind = "unknown"
	}
	o.stoppable = magic && !seen.NoWayOut
	if err := o.adjust(want); err != nil {
		return nil, refuse(codeDevice, "%s: %v%s", seen.Path, err, h.abandon(o))
	}
	return o, nil
}

// adjust sets the timeouts and believes only what is read back.
func (o *opened) adjust(want request) error {
	have, err := o.setTimeout(int((want.TimeoutMS + 999) / 1000))
	if err != nil {
		return err
	}
	o.seen.TimeoutMS = int64(have) * 1000
	if o.seen.TimeoutMS < minTimeoutMS || o.seen.TimeoutMS > want.TimeoutMS+want.TimeoutMS/2+1000 {
		return fmt.Errorf("its timeout was set to %d s and reads back as %d s", want.TimeoutMS/1000, have)
	}
	o.seen.PretimeoutMS = 0
	if want.PretimeoutMS > 0 {
		have, err := o.setPretimeout(int(want.PretimeoutMS / 1000))
		if err != nil { // only a warning is lost, the reset is not
			o.seen.Why = err.Error()
			return o.feed()
		}
		o.seen.PretimeoutMS = int64(have) * 1000
	}
	return o.feed()
}

// abandon closes a device that cannot be used, and says so where it cannot be stopped.
func (h *holder) abandon(o *opened) string {
	err := o.close(o.stoppable)
	switch {
	case !o.stoppable:
		return "; it cannot be stopped any more, and will reset this machine"
	case err != nil:
		return "; and closing it: " + err.Error()
	}
	return ""
}

// release closes the devices, where they can be closed.
func (h *holder) release(conn uint64) reply {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.lease.release(conn, h.now()); err != nil {
		return h.answered(err)
	}
	var kept []*opened
	for _, o := range h.devices {
		if !o.stoppable {
			kept = append(kept, o)
			continue
		}
		if err := o.close(true); err != nil {
			h.log("cannot close %s: %v: it may reset this machine", o.seen.Path, err)
		}
	}
	if h.devices = kept; len(kept) == 0 {
		h.hwMS, h.everyMS = 0, 0
		if err := h.forget(); err != nil {
			h.log("%s", err.text)
		}
	}
	h.lease.closed(len(kept) > 0)
	return h.answered(nil)
}

// expire ends the lease at once: the daemon ends this machine's life, and the watchdog is to make sure of it.
func (h *holder) expire(conn uint64) reply {
	h.mu.Lock()
	err := h.lease.expire(conn)
	h.mu.Unlock()
	return h.answer(err)
}

// test opens the devices and never feeds them: a machine whose watchdog works is reset (`fenced watchdog test`).
func (h *holder) test(conn uint64, pid int, r request) reply {
	if err := checkHello(r); err != nil {
		return h.answer(err)
	}
	looked := h.look(r)
	h.mu.Lock()
	err := h.lease.hello(conn, r.Instance, r.MaxLeaseMS)
	if err == nil {
		h.ownerPid = pid
		if err = h.start(conn, r, looked, phaseTesting, h.now()); err != nil {
			h.lease.gone(conn)
		}
	}
	h.mu.Unlock()
	if err == nil {
		h.log("a test was asked for by pid %d: the watchdog is open and will not be fed", pid)
	}
	return h.answer(err)
}

// gone forgets a connection.
func (h *holder) gone(conn uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	held := h.lease.conn == conn && h.lease.phase == phaseOpen
	if h.lease.gone(conn); held {
		h.log("the daemon is gone: its lease is fed to its end in %d ms", h.lease.untilMS-h.now())
	}
}

func (h *holder) mayEnd() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lease.mayEnd()
}

// custody reports whether a device is open that no lease needs and nothing stops.
func (h *holder) custody() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lease.phase == phaseCustody
}

// note says on disk that devices are open; /run forgets it with the boot.
func (h *holder) note(devices []string) error {
	return os.WriteFile(h.record, fmt.Appendf(nil, "pid %d %v\n", os.Getpid(), devices), 0o644)
}

func (h *holder) forget() *refusal {
	if err := os.Remove(h.record); err != nil && !errors.Is(err, os.ErrNotExist) {
		return refuse(codeDevice, "cannot remove %s: a later holder will think that this one died with the watchdog open: %v", h.record, err)
	}
	return nil
}

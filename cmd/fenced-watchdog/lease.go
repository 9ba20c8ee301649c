package main

import "fmt"

// lease is the rules, without clock, device or socket: who may renew, until when is fed, and what can never be taken back.
type lease struct {
	phase    string
	untilMS  int64
	maxMS    int64
	instance string
	conn     uint64 // the connection that holds the lease, 0 for none: its daemon is gone and the lease runs out
}

// refusal is an answer that is no success: a word for programs and a sentence for people.
type refusal struct{ code, text string }

func (r *refusal) Error() string { return r.text }

func refuse(code, format string, args ...any) *refusal {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

// hello makes a connection the one that renews. Only one holds the lease: another one waits until that is gone.
func (l *lease) hello(conn uint64, instance string, maxMS int64) *refusal {
	switch {
	case instance == "" || maxMS <= 0:
		return refuse(codeUsage, "hello needs an instance and max_lease_ms")
	case l.conn != 0 && l.conn != conn:
		return refuse(codeBusy, "daemon %s holds the lease", l.instance)
	}
	l.conn, l.instance, l.maxMS = conn, instance, maxMS
	return nil
}

// renew moves the end of the lease. It says whether the devices are to be opened now. What ended cannot begin again: others may have counted
// from its end (R14), so only the next boot has another lease.
func (l *lease) renew(conn uint64, nowMS, untilMS int64) (open bool, r *refusal) {
	switch {
	case l.conn != conn || conn == 0:
		return false, refuse(codeBusy, "this connection does not hold the lease: say hello first")
	case l.phase == phaseExpired, l.phase == phaseOpen && nowMS >= l.untilMS:
		return false, refuse(codeExpired, "the lease ended: this machine is not fed any more and goes down")
	case l.phase == phaseOrphan:
		return false, refuse(codeUnclean, "an earlier holder of this boot ended with the watchdog open: it is not fed any more, and this machine goes down")
	case l.phase == phaseTesting:
		return false, refuse(codeExpired, "a test runs: this machine is to be reset")
	case untilMS <= nowMS:
		return false, refuse(codeLate, "the lease of this renewal was over %d ms ago", nowMS-untilMS)
	case untilMS > nowMS+l.maxMS:
		return false, refuse(codeLate, "a lease of %d ms is longer than the %d ms that hello named", untilMS-nowMS, l.maxMS)
	}
	if l.phase == phaseOpen {
		l.untilMS = max(l.untilMS, untilMS)
		return false, nil
	}
	return true, nil
}

// opened begins the lease: the devices are open.
func (l *lease) opened(untilMS int64) { l.phase, l.untilMS = phaseOpen, untilMS }

// mayFeed reports whether the devices are fed at this moment. At the end of the lease they never are again in this boot.
func (l *lease) mayFeed(nowMS int64) bool {
	switch l.phase {
	case phaseCustody:
		return true
	case phaseOpen:
		if nowMS < l.untilMS {
			return true
		}
		l.phase = phaseExpired
	}
	return false
}

// release ends the lease before its time, because nothing needs protection any more; the caller closes the devices and says what became of
// that. Only who holds the lease may, and only while it runs: what has expired stays so.
func (l *lease) release(conn uint64, nowMS int64) *refusal {
	switch {
	case l.conn != conn || conn == 0:
		return refuse(codeBusy, "this connection does not hold the lease")
	case l.phase == phaseClosed || l.phase == phaseCustody:
		return nil
	case l.phase == phaseOpen && nowMS < l.untilMS:
		return nil
	}
	return refuse(codeExpired, "the lease ended: the watchdog is not closed any more")
}

// closed says what became of the devices after a release.
func (l *lease) closed(custody bool) {
	l.untilMS, l.phase = 0, phaseClosed
	if custody {
		l.phase = phaseCustody
	}
}

// expire ends the lease now and for good. Without open devices there is nothing to end.
func (l *lease) expire(conn uint64) *refusal {
	if l.conn != conn || conn == 0 {
		return refuse(codeBusy, "this connection does not hold the lease")
	}
	if l.phase == phaseOpen {
		l.phase = phaseExpired
	}
	return nil
}

// gone forgets a connection. Its lease runs on to its end, fed: a daemon that is started again in time may go on with it (R26).
func (l *lease) gone(conn uint64) {
	if l.conn == conn {
		l.conn = 0
	}
}

// mayEnd reports whether this process may end by itself: never while a lease protects something, or after it ended that way (V14).
func (l *lease) mayEnd() bool { return l.phase == phaseClosed || l.phase == phaseCustody }

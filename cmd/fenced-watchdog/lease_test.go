package main

import "testing"

// R14: what is fed is fed to the end of the lease, to the millisecond, and never again in this boot, whoever renews.
func TestTheEndIsTheEnd(t *testing.T) {
	l := lease{phase: phaseClosed}
	must(t, l.hello(1, "a", 5000), "")
	open, err := l.renew(1, 1000, 6000)
	must(t, err, "")
	if !open {
		t.Fatal("the first renewal does not open")
	}
	l.opened(6000)
	if open, err := l.renew(1, 2000, 7000); err != nil || open || l.untilMS != 7000 {
		t.Fatalf("%v %v %d", open, err, l.untilMS)
	}
	if _, err := l.renew(1, 2000, 6500); err != nil || l.untilMS != 7000 {
		t.Fatalf("an older word shortened or was refused: %v %d", err, l.untilMS)
	}
	if !l.mayFeed(6999) || l.mayFeed(7000) || l.phase != phaseExpired {
		t.Fatalf("fed at the wrong time, phase %s", l.phase)
	}
	if l.mayFeed(1) {
		t.Fatal("fed after the end")
	}
	_, err = l.renew(1, 7001, 9000)
	must(t, err, codeExpired)
	must(t, l.release(1, 7001), codeExpired)
	must(t, l.hello(1, "a", 5000), "") // who comes is told, by the phase
	if l.mayEnd() {
		t.Fatal("it would end and leave nothing behind that says what happened")
	}
}

// The end does not wait for a turn of the feeding thread.
func TestARenewalAfterTheEndIsLate(t *testing.T) {
	l := lease{phase: phaseClosed}
	must(t, l.hello(1, "a", 5000), "")
	l.opened(6000)
	_, err := l.renew(1, 6000, 9000)
	must(t, err, codeExpired)
	must(t, l.release(1, 6000), codeExpired)
}

func TestRenewalsThatMakeNoSense(t *testing.T) {
	l := lease{phase: phaseClosed}
	_, err := l.renew(1, 1000, 2000)
	must(t, err, codeBusy) // no hello
	must(t, l.hello(1, "", 5000), codeUsage)
	must(t, l.hello(1, "a", 0), codeUsage)
	must(t, l.hello(1, "a", 5000), "")
	for until, code := range map[int64]string{1000: codeLate, 999: codeLate, 6001: codeLate, 6000: "", 1001: ""} {
		_, err := l.renew(1, 1000, until)
		must(t, err, code)
	}
}

// One lease: another daemon gets it only when the connection of the one before is gone, and with it everything as it was.
func TestOneHolder(t *testing.T) {
	l := lease{phase: phaseClosed}
	must(t, l.hello(1, "a", 5000), "")
	l.opened(6000)
	must(t, l.hello(2, "b", 5000), codeBusy)
	_, err := l.renew(2, 1000, 2000)
	must(t, err, codeBusy)
	must(t, l.release(2, 1000), codeBusy)
	l.gone(2)
	if l.conn != 1 {
		t.Fatal("a stranger's end took the lease")
	}
	l.gone(1)
	_, err = l.renew(0, 1000, 2000)
	must(t, err, codeBusy)
	must(t, l.release(0, 1000), codeBusy)
	if !l.mayFeed(5999) {
		t.Fatal("a daemon's end ended its lease early")
	}
	must(t, l.hello(2, "b", 5000), "")
	if open, err := l.renew(2, 5000, 8000); err != nil || open || l.untilMS != 8000 {
		t.Fatalf("the next daemon does not go on: %v %v", open, err)
	}
}

// Released in time it may be opened again; what cannot be stopped is fed without a lease.
func TestRelease(t *testing.T) {
	l := lease{phase: phaseClosed}
	must(t, l.hello(1, "a", 5000), "")
	must(t, l.release(1, 0), "")
	l.opened(6000)
	must(t, l.release(1, 5999), "")
	l.closed(false)
	if l.mayFeed(1) || !l.mayEnd() {
		t.Fatal("closed, and fed")
	}
	if open, err := l.renew(1, 10, 20); err != nil || !open {
		t.Fatalf("%v %v", open, err)
	}
	l.opened(20)
	l.closed(true)
	if !l.mayFeed(1000) || !l.mayEnd() {
		t.Fatal("what cannot be stopped must be fed")
	}
}

// An earlier holder died, or a test runs: nothing is fed.
func TestOrphanAndTest(t *testing.T) {
	for phase, code := range map[string]string{phaseOrphan: codeUnclean, phaseTesting: codeExpired} {
		l := lease{phase: phase}
		must(t, l.hello(1, "a", 5000), "")
		_, err := l.renew(1, 1000, 2000)
		must(t, err, code)
		must(t, l.release(1, 1000), codeExpired)
		if l.mayFeed(1000) || l.mayEnd() {
			t.Fatal(phase)
		}
	}
}

// R24: who ends its own life ends the feeding at once, and for good; a stranger does not.
func TestExpire(t *testing.T) {
	l := lease{phase: phaseClosed}
	must(t, l.hello(1, "a", 5000), "")
	must(t, l.expire(1), "")
	if l.phase != phaseClosed {
		t.Fatal("nothing was open, and now it is over")
	}
	l.opened(6000)
	must(t, l.expire(2), codeBusy)
	must(t, l.expire(0), codeBusy)
	must(t, l.expire(1), "")
	if _, err := l.renew(1, 1000, 5000); l.mayFeed(1000) || err == nil {
		t.Fatal("it is fed on")
	}
}

func must(t *testing.T, r *refusal, code string) {
	t.Helper()
	have := ""
	if r != nil {
		have = r.code
	}
	if have != code {
		t.Fatalf("%q, want %q (%v)", have, code, r)
	}
}

package reset

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"
)

var (
	// ErrForbidden: the guard does not allow a reset here. Nothing was touched.
	ErrForbidden = errors.New("reset is not allowed here")
	// ErrStillHere: every means was tried and this machine still runs.
	ErrStillHere = errors.New("this machine is still running")
)

// Guard says what may be reset. It has to be given; there is no default and no global one.
type Guard struct {
	// SystemRoot is "/" for the real machine or the absolute directory of a fake system.
	SystemRoot string
	// Allowed is FENCED_ALLOW_RESET=1, which only the unit file sets. It means something for the real machine only.
	Allowed bool
}

// Options are the deadlines, all for one step; zero means the default.
type Options struct {
	// Stop bounds the callback that stops feeding the watchdog (default 1 s).
	Stop time.Duration
	// Call bounds sysrq and reboot(2), each (default 2 s).
	Call time.Duration
	// Death is how long a call that returned success may take to show effect (default 3 s).
	Death time.Duration
	// Watchdog is how long the watchdog may take after feeding has stopped: its hardware timeout and a margin (default 90 s).
	Watchdog time.Duration
	// Log is where the steps are told; slog.Default where nil. It is written to in a goroutine: a hung log must not hold up a reset.
	Log *slog.Logger
}

// Reset can end this machine, or the fake one. It has no state: Now may be called again.
type Reset struct {
	o     Options
	means []means
}

// means is one way to end the machine. A call that returns nil only says that the kernel took it.
type means struct {
	name string
	call func() error
}

// New returns a Reset if the guard allows one; the error wraps ErrForbidden. For system root "/" it needs Allowed; another root must be an
// absolute, clean path other than "/", and then nothing but DIR/proc/sysrq-trigger can be reached.
func New(g Guard, o Options) (*Reset, error) {
	r := &Reset{o: o.withDefaults()}
	switch {
	case g.SystemRoot == "/" && !g.Allowed:
		return nil, fmt.Errorf("%w: FENCED_ALLOW_RESET=1 is not set", ErrForbidden)
	case g.SystemRoot == "/":
		r.means = []means{{"sysrq", kernel.sysrq}, {"reboot", kernel.reboot}}
	case !filepath.IsAbs(g.SystemRoot) || filepath.Clean(g.SystemRoot) != g.SystemRoot:
		return nil, fmt.Errorf("%w: system root %q is neither / nor a clean absolute path", ErrForbidden, g.SystemRoot)
	default:
		r.means = []means{{"sysrq", func() error { return fakeSysrq(g.SystemRoot) }}}
	}
	return r, nil
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.Stop, time.Second)
	def(&o.Call, 2*time.Second)
	def(&o.Death, 3*time.Second)
	def(&o.Watchdog, 90*time.Second)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Now stops the feeding of the watchdog, then tries sysrq, then reboot(2), then waits for the watchdog; each step has its own deadline, and a
// step that fails, hangs, or returns success while the machine lives on is followed by the next (S2.15, R24). So it does not return unless
// everything failed, and then with ErrStillHere and what each step did; the caller stays out: no release, no grant, no membership. stopFeeding
// may be nil. Nothing cancels it. At most one goroutine for each step outlives it, where the kernel never answers.
func (r *Reset) Now(why string, stopFeeding func()) error {
	r.tell("reset begins", "why", why)
	var did []string
	note := func(step, outcome string) {
		did = append(did, step+": "+outcome)
		r.tell("reset step failed", "step", step, "outcome", outcome)
	}
	if stopFeeding != nil {
		if err := within(r.o.Stop, func() error { stopFeeding(); return nil }); err != nil {
			note("stop feeding", err.Error())
		}
	}
	for _, m := range r.means {
		if err := within(r.o.Call, m.call); err != nil {
			note(m.name, err.Error())
			continue
		}
		time.Sleep(r.o.Death) // not for an event: there is nobody left to send one
		note(m.name, "returned success, and the machine still runs")
	}
	time.Sleep(r.o.Watchdog)
	note("watchdog", fmt.Sprintf("did not end the machine within %s", r.o.Watchdog))
	return fmt.Errorf("cannot reset (%s): %w: %s", why, ErrStillHere, strings.Join(did, "; "))
}

// within runs fn in a goroutine of its own, waits for it at most limit, and takes a panic for a failure: the next means must still be tried.
func within(limit time.Duration, fn func() error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("panic: %v", p)
			}
		}()
		done <- fn()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("no answer within %s", limit)
	}
}

// tell logs without waiting: the journal may be what hangs.
func (r *Reset) tell(msg string, args ...any) {
	go r.o.Log.Error(msg, args...)
}

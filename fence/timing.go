package fence

import "fmt"

// Margins of the timing inequality (V10), in milliseconds: how often a healthy loop feeds, how far two CLOCK_BOOTTIMEs drift apart, and what is left over.
const (
	petIntervalMS  = 1000
	clockErrorMS   = 500
	safetyMarginMS = 2000
)

// AssumeDeadAfterMS is how long a peer waits, from its own local apply of the victim entry, before it may believe that the watchdog has
// reset the victim: lease + pet interval + hardware timeout + clock error + margin (V10, R14).
func AssumeDeadAfterMS(w Watchdog) int64 {
	return w.LeaseMS + petIntervalMS + w.HardwareMS + clockErrorMS + safetyMarginMS
}

// CheckTiming refuses timings that contradict each other; each message names both values.
func CheckTiming(t Timing) []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if t.PingMS <= 0 || t.FailureTimeoutMS < 4*t.PingMS {
		bad("failure_timeout (%d ms) must be at least four times ping_interval (%d ms): one lost ping is no failure", t.FailureTimeoutMS, t.PingMS)
	}
	if t.LeaseMS < t.FailureTimeoutMS {
		bad("lease (%d ms) must not be shorter than failure_timeout (%d ms)", t.LeaseMS, t.FailureTimeoutMS)
	}
	if t.PostJoinDelayMS < t.FailureTimeoutMS {
		bad("post_join_delay (%d ms) must not be shorter than failure_timeout (%d ms)", t.PostJoinDelayMS, t.FailureTimeoutMS)
	}
	if t.StaggerMS <= 0 {
		bad("stagger (%d ms) must be positive", t.StaggerMS)
	}
	if t.PostFailDelayMS < 0 {
		bad("post_fail_delay (%d ms) must not be negative", t.PostFailDelayMS)
	}
	return errs
}

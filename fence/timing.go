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

// CheckWatchdog refuses what of a watchdog contradicts the cluster's timings (V10): at load with the file's timeout, and at join with what was
// read back from the hardware. hardwareMS is after how long without feeding the machine is reset.
func CheckWatchdog(t Timing, hardwareMS int64) []error {
	var errs []error
	if hardwareMS < 2*petIntervalMS {
		errs = append(errs, fmt.Errorf("a watchdog timeout of %d ms is shorter than two feedings, %d ms: a healthy node would be reset", hardwareMS, 2*petIntervalMS))
	}
	w := Watchdog{LeaseMS: t.LeaseMS, HardwareMS: hardwareMS}
	if need := AssumeDeadAfterMS(w); t.AssumeDeadMS > 0 && t.AssumeDeadMS < need {
		errs = append(errs, fmt.Errorf("assume_dead_after (%d ms) is shorter than the %d ms by which the watchdog has reset a node: %s", t.AssumeDeadMS, need, SumText(w)))
	}
	return errs
}

// SumText writes the inequality with its values (V10), for people.
func SumText(w Watchdog) string {
	return fmt.Sprintf("lease %d + pet interval %d + hardware timeout %d + clock error %d + margin %d = %d ms", w.LeaseMS, petIntervalMS, w.HardwareMS, clockErrorMS, safetyMarginMS, AssumeDeadAfterMS(w))
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

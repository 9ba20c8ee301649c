package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// Defaults of the timings; together they pass fence.CheckTiming.
const (
	defaultFailureTimeout = 2 * time.Second
	defaultPing           = 250 * time.Millisecond
	defaultPostJoin       = 20 * time.Second
	defaultPostFail       = 0
	defaultLease          = 5 * time.Second
	defaultStagger        = 500 * time.Millisecond
	longest               = 24 * time.Hour
)

func (l *loader) timing() fence.Timing {
	r := mapAt(l.root.get("timings"), "timings", l.rep,
		"failure_timeout", "ping_interval", "post_join_delay", "post_fail_delay", "lease", "stagger", "assume_dead_after")
	t := fence.Timing{
		FailureTimeoutMS: r.duration("failure_timeout", defaultFailureTimeout, longest),
		PingMS:           r.duration("ping_interval", defaultPing, longest),
		PostJoinDelayMS:  r.delay("post_join_delay", defaultPostJoin),
		PostFailDelayMS:  r.delay("post_fail_delay", defaultPostFail),
		LeaseMS:          r.duration("lease", defaultLease, longest),
		StaggerMS:        r.duration("stagger", defaultStagger, longest),
		AssumeDeadMS:     r.duration("assume_dead_after", 0, longest),
	}
	for _, err := range fence.CheckTiming(t) {
		// The message begins with the name of the setting that it is about.
		name, _, _ := strings.Cut(err.Error(), " ")
		at := r.key(name)
		if at.line == 0 {
			at = l.root
		}
		l.rep.at(at, "raise or lower one of the two", "impossible timings: %s", err)
	}
	return t
}

const defaultHistoryKeep = 10000

func (l *loader) policy() fence.Policy {
	r := mapAt(l.root.get("policy"), "policy", l.rep,
		"on_residual", "even_split", "max_concurrent", "brake_window", "watchdog_while_paused", "accept_softdog", "idle_stateless", "minority_timeout")
	h := mapAt(l.root.get("history"), "history", l.rep, "keep")
	return fence.Policy{
		MaxConcurrent:       r.number("max_concurrent", 64, 1, 1000),
		BrakeWindowMS:       r.duration("brake_window", 10*time.Minute, longest),
		OnResidual:          r.enum("on_residual", fence.ResidualSelfFence, fence.ResidualSelfFence, fence.ResidualVoteOnly, fence.ResidualHalt),
		EvenSplit:           l.evenSplit(r),
		HistoryKeep:         h.number("keep", defaultHistoryKeep, 1, 1000000),
		WatchdogWhilePaused: r.boolean("watchdog_while_paused", false),
		AcceptSoftdog:       r.boolean("accept_softdog", false),
		IdleStateless:       r.boolean("idle_stateless", false),
		MinorityMS:          r.duration("minority_timeout", 0, longest),
	}
}

// evenSplit reads freeze, lowest-id, witness or `node NAME`.
func (l *loader) evenSplit(r reader) string {
	s, ok := r.text("even_split")
	if !ok {
		return "freeze"
	}
	at := r.n.get("even_split")
	name, isNode := strings.CutPrefix(s, "node ")
	switch {
	case s == "freeze", s == "lowest-id":
		return s
	case s == "witness":
		for _, n := range l.nodes {
			if n.Witness {
				return s
			}
		}
		l.rep.at(at, "give one node `role: witness`", "policy.even_split is witness, and no node is one")
	case isNode && contains(l.nodeNames(), strings.TrimSpace(name)):
		return "node " + strings.TrimSpace(name)
	case isNode:
		remedy := "write the name of one of the nodes"
		if near := nearest(strings.TrimSpace(name), l.nodeNames()); near != "" {
			remedy = "did you mean " + near + "?"
		}
		l.rep.at(at, remedy, "policy.even_split names %s, which is not one of the nodes", quote(strings.TrimSpace(name)))
	default:
		l.rep.at(at, "write one of: freeze, lowest-id, witness, node NAME", "policy.even_split cannot be %s", quote(s))
	}
	return "freeze"
}

// delay reads one of the two delays before a fence. The old fenced waited for ever with -1; here every wait ends, or is a pause and is shown (L1, L10,
// ADR 0111).
func (r reader) delay(name string, def time.Duration) int64 {
	if s, ok := r.text(name); ok && strings.HasPrefix(s, "-") {
		r.rep.at(r.n.get(name), fmt.Sprintf("no delay is without an end: `fenced pause` or `fenced disarm` keeps nodes from being fenced, and shows it; or write a duration from 0s to %s", longest),
			"%s cannot be %s", r.sub(name), quote(s))
		return def.Milliseconds()
	}
	return r.duration(name, def, longest)
}

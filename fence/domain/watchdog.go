package domain

import (
	"fmt"

	"github.com/fenced-project/fenced/fence"
)

// FeatureWatchdog is the feature level from which lives announce an open watchdog, a victim keeps the one of its own life, and what closes one
// is known to all (R11, R14). Level 3 is not released before it.
const FeatureWatchdog = 3

func (s *State) watchdogs() bool { return s.Feature >= FeatureWatchdog }

// watched takes what a life says of its watchdog (R15). A victim says nothing new about the time that is counted for it: that began with its
// victim entry. One whose values break the inequality does not count, and everybody hears of it; that keeps nobody out, because an unproven
// watchdog is only a proof less (V10).
func (t *turn) watched(n *Node, a Announce) {
	switch {
	case !t.s.watchdogs():
		n.Watchdog = a.Watchdog
		return
	case n.Victim != nil && n.Victim.Incarnation == n.Life:
		return
	}
	n.Watchdog = a.Watchdog
	if !t.s.Armed || a.WatchdogSince != n.ClosedAt {
		n.Watchdog.Open = false // it was opened before it was known to be closed: it may be by now
		return
	}
	if err := t.s.counts(a.Watchdog, t.s.Roster.Timing); err != nil {
		n.Watchdog.Open = false
		t.emit(Event{Kind: EventRefused, Node: n.ID, Life: n.Life, Text: "its watchdog does not count: " + err.Error()})
	}
}

// counts checks the values of an open watchdog against the cluster's (V10): the lease that it feeds for is the roster's or shorter.
func (s *State) counts(w fence.Watchdog, timing fence.Timing) error {
	if !w.Open {
		return nil
	}
	if w.Kind == "" || len(w.Kind) > MaxText || w.LeaseMS <= 0 || w.LeaseMS > timing.LeaseMS {
		return fmt.Errorf("kind %.40q, lease %d ms: the roster's is %d ms", w.Kind, w.LeaseMS, timing.LeaseMS)
	}
	timing.LeaseMS = w.LeaseMS
	for _, err := range fence.CheckWatchdog(timing, w.HardwareMS) {
		return err
	}
	return nil
}

// closes says that from this entry on the life's watchdog may be closed: it is not counted on any more (R14). Whoever closes one waits for it, and
// a word about an open one that was on its way meanwhile is void.
func (t *turn) closes(n *Node) {
	if t.s.watchdogs() {
		n.Watchdog.Open, n.ClosedAt = false, t.index
	}
}

// another begins a life of which nobody has said that its watchdog is open, nor what it uses.
func (t *turn) another(n *Node) {
	n.Shared, n.Rewired = nil, false
	n.unasked()
	if t.s.watchdogs() {
		n.Watchdog, n.ClosedAt = fence.Watchdog{}, t.index
	}
	n.Restart, n.Restarted = nil, 0
}

// victimWatchdog is what a victim's own life had announced; a later life of the node says nothing about it.
func (t *turn) victimWatchdog(n *Node, life fence.Incarnation) fence.Watchdog {
	if !t.s.watchdogs() || n.Life != life || n.Foreign != nil {
		return fence.Watchdog{}
	}
	return n.Watchdog
}

// watchdogOf is the watchdog that evidence about a node is judged by.
func (s *State) watchdogOf(n *Node) fence.Watchdog {
	if s.watchdogs() && n.Victim != nil {
		return n.Victim.Watchdog
	}
	return n.Watchdog
}

// watchdogTiming refuses a roster by whose assume_dead_after a watchdog that is open now would count too early (V10), and the field itself where
// not everybody knows it (R11).
func (t *turn) watchdogTiming(r fence.Roster) error {
	if (r.Timing.AssumeDeadMS != 0 || r.Policy.MinorityMS != 0) && !t.s.watchdogs() && t.s.Roster.Version > 0 {
		return fmt.Errorf("timings.assume_dead_after and policy.minority_timeout need feature level %d, the committed one is %d (R11)", FeatureWatchdog, t.s.Feature)
	}
	if r.Timing.AssumeDeadMS == 0 {
		return nil
	}
	for i := range t.s.Nodes {
		n := &t.s.Nodes[i]
		w := n.Watchdog
		w.LeaseMS = min(w.LeaseMS, r.Timing.LeaseMS)
		if err := t.s.counts(w, r.Timing); err != nil {
			return fmt.Errorf("the open watchdog of %s does not fit: %w", t.name(n.ID), err)
		}
	}
	return nil
}

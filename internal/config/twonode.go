package config

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

// TwoNode is by how much the turns of two nodes lie apart that lost each other, either of which corosync calls quorate alone (R23, ADR 0083), and what
// that is the sum of. All times are in milliseconds.
type TwoNode struct {
	First, Second string // the one with the lower id begins
	// DelayMS is how long the first waits (post_fail_delay); the second begins GapMS later.
	DelayMS, GapMS int64
	// Off is the longest power-off of either, and Slowest the name of whose it is.
	Off     operation.Off
	Slowest string
	// RingMS is how long corosync may take until both know of the split, by the token and consensus of this node; FailureMS the failure timeout.
	RingMS, FailureMS int64
}

// twoNode sums up what two nodes do where corosync says that either is quorate alone: by two_node, or by a quorum device's word. A node that no
// device can switch off is told: then the other one can never prove anything, and waits for it for ever.
func (l *loader) twoNode() {
	s, r := l.ring.settings, &l.cfg.Roster
	if !l.ring.ours || !l.ring.asked || l.ring.err != nil || !s.TwoNode && s.Device == "" || len(s.Nodes) > 2 || len(r.Nodes) != 2 {
		return
	}
	for _, n := range l.nodes {
		if len(operation.DeviceLevels(n.Levels, r.Devices)) == 0 {
			l.rep.warn(valueAt(n.at, "levels", n.by), "give it a level of devices that switch its power",
				"node %s has no level of power devices alone, and of two nodes the one that stays goes on only when it has read the other's power off (R23): without %s nothing would ever be released", quote(n.Name), n.Name)
		}
	}
	ring := max(operation.RingMS, (s.Token + s.Consensus).Milliseconds())
	off := operation.WorstOff(r)
	two := TwoNode{
		First: r.Nodes[0].Name, Second: r.Nodes[1].Name, DelayMS: r.Timing.PostFailDelayMS, Off: off, RingMS: ring, FailureMS: r.Timing.FailureTimeoutMS,
		GapMS: operation.Gap(r, operation.Skew(ring, r.Timing.FailureTimeoutMS)),
	}
	two.Slowest = r.Nodes[slices.IndexFunc(r.Nodes, func(n fence.RosterNode) bool { return n.ID == off.Node })].Name
	l.cfg.TwoNode = &two
}

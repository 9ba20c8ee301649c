package domain

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// FeatureSwitched is the feature level from which it is remembered of which levels claims have commanded devices off (R9, R11): a claim that failed, or
// another level than the one that proved, may have taken one of two supplies.
const FeatureSwitched = 3

// switched remembers of which levels a claim on this node commanded devices off, in its actor's own words.
func (t *turn) switched(n *Node, levels []int) {
	if t.s.Feature < FeatureSwitched {
		return
	}
	r, _ := t.s.Roster.Node(n.ID)
	for i, l := range r.Levels {
		if n.Victim != nil && slices.Contains(levels, i) {
			t.closed(n, n.Victim.ID, t.s.cutSteps(l))
		}
	}
	n.Switched = slices.Clone(n.Switched)
	for i, l := range r.Levels {
		if at, had := slices.BinarySearch(n.Switched, i); !had && slices.Contains(levels, i) && powers(l, t.s.Roster.Devices) {
			n.Switched = slices.Insert(n.Switched, at, i)
		}
	}
}

// switchedAny is said for a claim that ended without its actor's word: it may have commanded devices of any level.
func (t *turn) switchedAny(n *Node) {
	r, _ := t.s.Roster.Node(n.ID)
	all := make([]int, len(r.Levels))
	for i := range all {
		all[i] = i
	}
	t.switched(n, all)
}

// powering are the levels of a node that switch power.
func (s *State) powering(id fence.NodeID) (levels []int) {
	r, _ := s.Roster.Node(id)
	for i, l := range r.Levels {
		if powers(l, s.Roster.Devices) {
			levels = append(levels, i)
		}
	}
	return levels
}

// powers reports whether a level switches power. What a level closes otherwise is remembered by itself (Cut).
func powers(l fence.Level, devices []fence.Device) bool {
	return slices.ContainsFunc(l.Steps, func(s fence.Step) bool { return s.Device != "" }) && l.Gives(devices) != fence.EvidenceStorageCut
}

// poweredOn ends a power-on obligation that was carried out, or goes on with the next level of which something may be off: one after the other, so
// that a device that is dead does not keep the one that works from giving the machine its power back.
func (t *turn) poweredOn(n *Node) {
	p := n.PowerOn
	n.PowerOn, n.OffHeld = nil, false
	all := p.Level < 0 || p.Round > 0 || len(p.Tried) > 0 // after a failure the walk goes to the devices of all levels
	n.Switched = slices.DeleteFunc(slices.Clone(n.Switched), func(l int) bool { return all || l == p.Level })
	if len(n.Switched) > 0 && !p.Drill {
		n.PowerOn = &PowerOn{ID: p.ID, For: p.For, Level: n.Switched[0], Force: p.Force, Named: p.Named}
	}
}

// relevel keeps what is remembered true when a node gets other levels: their numbers mean something else now. A claim that runs speaks of those that it
// began with, and may have switched or closed any of them.
func (t *turn) relevel(n *Node, rn fence.RosterNode, devices []fence.Device) {
	was, ok := t.s.Roster.Node(rn.ID)
	runs := t.s.Feature >= FeatureSwitched && n.Victim != nil && n.Victim.Claim != nil
	if !ok || len(n.Switched) == 0 && !runs || slices.EqualFunc(was.Levels, rn.Levels, func(a, b fence.Level) bool { return slices.Equal(a.Steps, b.Steps) }) {
		return
	}
	if runs {
		for _, l := range was.Levels {
			t.closed(n, n.Victim.ID, t.s.cutSteps(l))
		}
	}
	n.Switched = nil
	for i, l := range rn.Levels {
		if powers(l, devices) {
			n.Switched = append(n.Switched, i)
		}
	}
}

package domain

import (
	"errors"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// pair is two nodes, armed, that have both announced two_node; each may take so long to know of a split.
func pair(t *testing.T, level int, ms ...int64) *world {
	t.Helper()
	w := newWorld(t, 2)
	w.s.Feature = level
	w.s.View.Quorate = true // by both; the world asks for two of three
	for i, v := range ms {
		id := fence.NodeID(i + 1)
		a := Entry{Announce: &Announce{Clean: true, Machine: machine(id), Roster: w.s.RosterHash, Feature: level, TwoMS: v}}
		if level < FeatureTwo && v != 0 {
			w.refused(id, a, "later feature level")
			continue
		}
		w.must(id, a)
	}
	return w
}

// R23: what both count by is committed, the longer one of both; one alone, or a third voter, is no two_node.
func TestHowLongTwoTakeIsTheLongerOfBoth(t *testing.T) {
	for name, c := range map[string]struct {
		level int
		ms    []int64
		want  int64
	}{
		"both":                {FeatureTwo, []int64{11_000, 14_000}, 14_000},
		"it changed":          {FeatureTwo, []int64{15_000, 14_000}, 15_000},
		"only one":            {FeatureTwo, []int64{11_000}, 0},
		"below their level":   {FeatureTwo - 1, []int64{11_000, 14_000}, 0},
		"neither has said it": {FeatureTwo, []int64{0, 0}, 0},
	} {
		if got := pair(t, c.level, c.ms...).s.TwoMS(); got != c.want {
			t.Errorf("%s: %d ms", name, got)
		}
	}
	w := pair(t, FeatureTwo, 11_000, 14_000)
	w.must(1, Entry{Announce: &Announce{Clean: true, Machine: machine(1), Roster: w.s.RosterHash, Feature: FeatureTwo, TwoMS: 20_000}})
	if w.s.TwoMS() != 20_000 {
		t.Errorf("a longer one that was committed later: %d", w.s.TwoMS())
	}
	w.refused(1, Entry{Announce: &Announce{Clean: true, Machine: machine(1), Roster: w.s.RosterHash, Feature: FeatureTwo, TwoMS: -1}}, "out of bounds")
	three := newWorld(t, 3)
	for i := range three.s.Nodes {
		three.s.Nodes[i].TwoMS = 11_000
	}
	if three.s.TwoMS() != 0 || three.s.ByProof(3) {
		t.Error("three voters are no two")
	}
}

// R21, R23, ADR 0084: with two_node the one that stays is a quorum, by a proof; so whoever asks for the other, or leaves, needs no force. Whom nobody
// stays beside who could prove anything is protected as ever.
func TestOfTwoTheOneThatStaysIsAQuorum(t *testing.T) {
	asks := map[string]func(w *world) error{
		"off by an operator": func(w *world) error {
			_, err := w.apply(1, Entry{Request: &Request{ID: "r", Node: 2, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
			return err
		},
		"by a program": func(w *world) error {
			_, err := w.apply(1, Entry{Request: &Request{ID: "r", Node: 2, Action: fence.ActionReboot, Cause: fence.CauseReported, By: "dlm"}})
			return err
		},
		"a leave": func(w *world) error { _, err := w.apply(2, Entry{Leave: &Leave{}}); return err },
	}
	for name, ask := range asks {
		if err := ask(pair(t, FeatureTwo, 11_000, 14_000)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for why, w := range map[string]*world{"only one has two_node": pair(t, FeatureTwo, 11_000), "an older level": pair(t, FeatureTwo-1)} {
			if err := ask(w); !errors.Is(err, fence.ErrUnsafe) {
				t.Errorf("%s, %s: %v", name, why, err)
			}
		}
		w := pair(t, FeatureTwo, 11_000, 14_000)
		w.s.Node(1).Roster = "another file" // it may prove nothing (R8)
		if err := ask(w); !errors.Is(err, fence.ErrUnsafe) {
			t.Errorf("%s, and who stays is not eligible: %v", name, err)
		}
	}
	w := pair(t, FeatureTwo, 11_000, 14_000)
	w.must(1, Entry{Request: &Request{ID: "r", Node: 2, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
	e := w.claimEntry(2)
	e.Claim.Answers = true
	w.must(1, e) // and the claim is not refused for the votes either
}

// R9: one of two switched the other off without a claim while the proof came by another level. All of its levels are switched on again.
func TestWhatForcedPowerSwitchedOffComesBack(t *testing.T) {
	w := twoSupplies(t, FeatureSwitched)
	w.claim(1, 5)
	w.must(1, force(5, func(l *LocalPower) { l.Boot, l.Quiet = "b5.0", true }))
	if got := w.s.Node(5).Switched; !slices.Equal(got, []int{0, 1}) {
		t.Fatalf("levels %v may have been switched", got)
	}
	p := w.proof(5)
	w.must(1, Entry{Verdict: p})
	w.expectRestored(0, 1)
}

// R11, V18: whether somebody came makes a difference only from the level on at which victims remember a join.
func TestWhoCameSaysNothingBelowItsLevel(t *testing.T) {
	for level, waits := range map[int]bool{FeatureReturners - 1: false, FeatureReturners: true} {
		w := newWorld(t, 3)
		w.s.Feature = level
		w.view(1)
		w.boots[2]++
		w.view(1, 2)
		if v := w.s.Node(3).Victim; v == nil || (v.Joined != 0) != waits {
			t.Errorf("level %d: %+v", level, v)
		}
	}
}

package domain

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// twoSupplies: node 5 of five is a victim, with three levels: its BMC, its outlets, and a human.
func twoSupplies(t *testing.T, level int) *world {
	w := newWorld(t, 5)
	r := w.s.Roster
	r.Nodes, r.Version = slices.Clone(r.Nodes), r.Version+1
	r.Nodes[4].Levels = append(slices.Clone(r.Nodes[4].Levels), fence.Level{Steps: []fence.Step{{Device: "bmc-4"}}}, fence.Level{Steps: []fence.Step{{Ask: fence.AskHuman}}})
	w.must(1, Entry{Roster: &Roster{Roster: r}})
	for id := fence.NodeID(1); id <= 5; id++ {
		w.must(id, Entry{Announce: &Announce{Clean: true, Machine: machine(id), Roster: w.s.RosterHash, Feature: level}})
	}
	w.s.Feature = level
	w.view(1, 2, 3, 4)
	return w
}

// restored carries every open power-on obligation of node 5 out and returns the levels that were walked.
func (w *world) restored() []int {
	w.t.Helper()
	var levels []int
	for n := w.s.Node(5); n.PowerOn != nil; n = w.s.Node(5) {
		if len(levels) > len(w.s.Roster.Nodes[4].Levels) {
			w.t.Fatalf("powered on for ever: %v", levels)
		}
		levels = append(levels, n.PowerOn.Level)
		number := n.NextClaim
		w.claimOn(1, 5)
		w.must(1, Entry{PowerOn: &PowerDone{Node: 5, Number: number, OK: true, Quiet: true}})
	}
	return levels
}

func (w *world) expectRestored(want ...int) {
	w.t.Helper()
	if got := w.restored(); !slices.Equal(got, want) || len(w.s.Node(5).Switched) > 0 {
		w.t.Fatalf("levels %v are powered on, want %v; left %v", got, want, w.s.Node(5).Switched)
	}
}

func (w *world) provenAfter(switched ...int) {
	w.t.Helper()
	w.claim(1, 5)
	p := w.proof(5)
	p.Switched = switched
	w.must(1, Entry{Verdict: p})
}

func TestWhatAnotherLevelSwitchedOffComesBack(t *testing.T) { // R9: one supply of two went off before another level proved
	w := twoSupplies(t, FeatureSwitched)
	w.provenAfter(0, 1, 1, -1, 2, 7) // what no level has, or nobody can switch, is no reason to refuse a proof
	w.expectRestored(0, 1)
}

func TestWhatAFailedClaimSwitchedOffComesBack(t *testing.T) { // R9
	w := twoSupplies(t, FeatureSwitched)
	w.claim(1, 5)
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 5, Number: 1, Quiet: true, Text: "limbo", Switched: []int{1}}})
	w.claim(2, 5)
	w.must(2, Entry{ClaimEnd: &ClaimEnd{Node: 5, Number: 2, Quiet: true, Text: "nothing was begun"}})
	w.claim(3, 5)
	p := w.proof(5)
	p.Switched = []int{0}
	w.must(3, Entry{Verdict: p})
	w.expectRestored(0, 1)

	w = twoSupplies(t, FeatureSwitched)
	w.provenAfter(0)
	w.expectRestored(0) // nothing else was touched, and a dead device is not asked for nothing
}

func TestAClaimWithoutAWordMayHaveSwitchedAnything(t *testing.T) { // R9: unknown is not "nothing"
	w := twoSupplies(t, FeatureSwitched)
	w.claim(4, 5)
	w.view(1, 2, 3) // its actor died
	w.must(1, Entry{Returned: &Returned{Node: 5, Number: 1, Elapsed: true}})
	w.provenAfter(0)
	w.expectRestored(0, 1)

	w = twoSupplies(t, FeatureSwitched)
	w.claim(2, 5)
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 5, Number: 1, Expired: true, Text: "over"}})
	w.must(1, Entry{Returned: &Returned{Node: 5, Number: 1, Elapsed: true}})
	w.provenAfter(0)
	w.expectRestored(0, 1)
}

func TestAPowerOnThatAVictimCutShortIsNotForgotten(t *testing.T) { // R9: its next verdict comes by another level
	w := twoSupplies(t, FeatureSwitched)
	w.provenAfter(1)
	w.must(1, Entry{Request: &Request{ID: "x", Node: 5, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
	if n := w.s.Node(5); n.PowerOn != nil || !n.OffHeld {
		t.Fatalf("%+v", n)
	}
	w.must(1, Entry{Request: &Request{ID: "y", Node: 5, Action: fence.ActionOn, Cause: fence.CauseOperator, By: "op"}})
	w.expectRestored(0, 1)
}

func TestAWalkToEveryLevelSwitchesEverythingOn(t *testing.T) {
	w := twoSupplies(t, FeatureSwitched)
	w.provenAfter(0, 1)
	w.claimOn(1, 5)
	w.must(1, Entry{PowerOn: &PowerDone{Node: 5, Number: 2, Quiet: true, Text: "timeout"}})
	w.claimOn(2, 5) // after a failure it goes to all of them
	w.must(2, Entry{PowerOn: &PowerDone{Node: 5, Number: 3, OK: true, Quiet: true}})
	w.expectRestored()
}

func TestAnAdmittedLifeEndsWhatWasSwitched(t *testing.T) { // it runs, and may have to wait for no device that died meanwhile
	w := twoSupplies(t, FeatureSwitched)
	w.provenAfter(0, 1)
	w.boots[5]++
	w.view(1, 2, 3, 4, 5)
	w.clean(5)
	if n := w.s.Node(5); !w.s.Clean(5) || n.PowerOn != nil || n.Switched != nil {
		t.Fatalf("%+v", n)
	}
}

func TestOtherLevelsHaveOtherNumbers(t *testing.T) { // a level that was switched off may be another one now
	w := twoSupplies(t, FeatureSwitched)
	w.claim(1, 5)
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 5, Number: 1, Quiet: true, Text: "limbo", Switched: []int{1}}})
	r := w.s.Roster
	r.Nodes, r.Version = slices.Clone(r.Nodes), r.Version+1
	l := r.Nodes[4].Levels
	r.Nodes[4].Levels = []fence.Level{l[1], l[0]}
	w.must(1, Entry{Roster: &Roster{Roster: r}})
	if got := w.s.Node(5).Switched; !slices.Equal(got, []int{0, 1}) {
		t.Fatalf("levels %v", got)
	}
}

func TestSwitchedLevelsBeforeTheirLevel(t *testing.T) { // R11, V18: one member more would power on what the others leave alone
	w := twoSupplies(t, FeatureSwitched-1)
	w.claim(4, 5)
	w.view(1, 2, 3)
	w.must(1, Entry{Returned: &Returned{Node: 5, Number: 1, Elapsed: true}})
	w.provenAfter(0, 1)
	w.expectRestored(0)
}

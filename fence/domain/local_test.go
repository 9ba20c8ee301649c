package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// forced is armed, of three nodes, with the feature level that local power needs.
func forced(t *testing.T) *world {
	w := newWorld(t, 3)
	for i := range w.s.Nodes {
		w.s.Nodes[i].Feature = FeatureLocal
	}
	w.must(1, Entry{Feature: &Feature{Level: FeatureLocal}})
	return w
}

func force(node fence.NodeID, change ...func(*LocalPower)) Entry {
	l := LocalPower{ID: "l1", Node: node, Boot: "b3.0", Action: fence.ActionOff, By: "op@n1", Reason: "dead", DurationMS: 5000, EffectMS: 9000}
	for _, f := range change {
		f(&l)
	}
	return Entry{Local: &l}
}

func TestLocalPowerIsNoVerdict(t *testing.T) { // R31
	w := forced(t)
	es := w.must(1, force(3))
	n := w.s.Node(3)
	if !has(es, EventLocal) || has(es, EventVerdict) || has(es, EventRelease) || has(es, EventVictim) || n.Victim != nil || n.Last != nil || w.s.IsOver(n.Life) {
		t.Fatalf("forced power decided something: %+v %+v", es, n)
	}
	if !w.s.Clean(3) {
		t.Fatal("a member is no member any more because somebody says that he switched it")
	}
	if len(n.Unquiet) != 1 || n.Unquiet[0].Local != "l1" || n.Unquiet[0].DurationMS != 5000 || n.Unquiet[0].EffectMS != 9000 || n.Unquiet[0].On {
		t.Fatalf("%+v", n.Unquiet)
	}
}

// Admission, power-on and cancellation wait for it as for an earlier claim (R9), until its actor says that all has returned or the time is over.
func TestLocalPowerIsWaitedFor(t *testing.T) { // R31, R9
	w := forced(t)
	w.must(1, force(3))
	w.view(1, 2)
	w.boots[3]++
	w.view(1, 2, 3)
	w.clean(3)
	if n := w.s.Node(3); n.Phase != PhaseJoining || n.Pending == nil || n.Victim == nil {
		t.Fatalf("the next life is admitted, or its victim cancelled, while an off may still hit it: %+v", n)
	}
	w.claimRefused(t)
	number := w.s.Node(3).Unquiet[0].Number
	w.refused(2, Entry{Returned: &Returned{Node: 3, Number: number}}, "only its actor")
	es := w.must(1, Entry{Returned: &Returned{Node: 3, Number: number}})
	if n := w.s.Node(3); n.Phase != PhaseMember || n.Victim != nil || !has(es, EventClean) {
		t.Fatalf("nothing is in flight any more, and it is not admitted: %+v", n)
	}
}

func (w *world) claimRefused(t *testing.T) {
	t.Helper()
	w.refused(1, w.claimEntry(3), "waits for admission")
}

func TestPowerOnWaitsForLocalPower(t *testing.T) { // R31, R9
	w := forced(t)
	w.view(1, 2)
	w.claim(1, 3)
	w.must(1, Entry{Verdict: w.proof(3)})
	w.must(2, force(3))
	n := w.s.Node(3)
	on := Entry{Claim: &ClaimEntry{Node: 3, Boot: "b3.0", Number: n.NextClaim, On: true, DurationMS: 1000}}
	w.refused(1, on, "in flight (R9)")
	w.must(1, Entry{Returned: &Returned{Node: 3, Number: n.Unquiet[0].Number, Elapsed: true}})
	w.must(1, on)
}

// A forced reboot may switch on at any time: no off is claimed beside it (I5).
func TestNoOffBesideAForcedOn(t *testing.T) {
	w := forced(t)
	w.view(1, 2)
	w.must(1, force(3, func(l *LocalPower) { l.Action = fence.ActionReboot }))
	w.refused(2, w.claimEntry(3), "power-on of an earlier claim")
}

func TestLocalPowerToldTwice(t *testing.T) {
	w := forced(t)
	w.must(1, force(3))
	next := w.s.Node(3).NextClaim
	if es := w.must(1, force(3)); len(es) != 0 || len(w.s.Node(3).Unquiet) != 1 || w.s.Node(3).NextClaim != next {
		t.Fatalf("told twice it counts twice: %+v", w.s.Node(3))
	}
	w.must(1, force(3, func(l *LocalPower) { l.ID, l.Quiet = "l2", true }))
	if len(w.s.Node(3).Unquiet) != 1 {
		t.Fatal("what is over is waited for")
	}
}

// Who is dirty or a victim itself may tell: that is bad news. What makes no sense is refused.
func TestWhoMayTellOfLocalPower(t *testing.T) {
	w := forced(t)
	w.must(2, Entry{Request: &Request{ID: "r", Node: 1, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
	w.must(1, force(3))
	change := func(f func(*LocalPower)) Entry { return force(3, f) }
	w.refused(3, force(3, func(l *LocalPower) { l.ID = "x" }), "V7")
	w.refused(2, change(func(l *LocalPower) { l.By = "" }), "R31")
	w.refused(2, change(func(l *LocalPower) { l.Reason = "" }), "R31")
	w.refused(2, change(func(l *LocalPower) { l.ID = "" }), "R31")
	w.refused(2, change(func(l *LocalPower) { l.Action = fence.ActionOn }), "cannot be")
	w.refused(2, change(func(l *LocalPower) { l.EffectMS = -1 }), "out of bounds")
	w.refused(2, change(func(l *LocalPower) { l.DurationMS = maxClaimMS + 1 }), "out of bounds")
	w.refused(2, force(9), fence.ErrNoSuchNode.Error())
	w.boots[2]++
	w.refused(2, force(3, func(l *LocalPower) { l.ID = "x" }), "I4")
}

func TestLocalPowerNeedsItsFeature(t *testing.T) { // R11
	w := newWorld(t, 3)
	w.refused(1, force(3), "R11")
}

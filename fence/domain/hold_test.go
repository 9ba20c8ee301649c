package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// held is a cluster of five after a cold start, in which an operator had held node 5 off by name and a first walk on it has failed.
func held(t *testing.T, level int) *world {
	w := newWorld(t, 5)
	w.s.Feature = level
	w.must(1, Entry{Request: &Request{ID: "r", Node: 5, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
	w.claim(1, 5)
	w.must(1, Entry{Verdict: w.proof(5)})
	if !w.s.Node(5).OffHeld {
		t.Fatal("the story is wrong: not held off")
	}
	for i := range w.boots {
		w.boots[i]++
	}
	for id := fence.NodeID(1); id <= 4; id++ {
		w.boots[id]++
	}
	w.view(1, 2, 3, 4)
	for id := fence.NodeID(1); id <= 4; id++ {
		w.clean(id)
	}
	w.must(1, Entry{Overdue: &Overdue{Lives: []fence.Incarnation{w.s.OverdueLife(w.s.Node(5))}}})
	w.claim(1, 5)
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 5, Number: w.s.Node(5).NextClaim - 1, Quiet: true, Text: "no answer"}})
	w.claim(2, 5)
	p := w.proof(5)
	w.must(2, Entry{Verdict: p})
	return w
}

func TestAHoldOutlivesAColdStart(t *testing.T) { // R10, R23, 0082
	w := held(t, FeatureHold)
	if n := w.s.Node(5); n.PowerOn != nil || !n.OffHeld || n.Last.Kind != fence.VerdictOff {
		t.Fatalf("what an operator held off is powered on by an operation that nobody asked for: %+v", n)
	}
	w.must(1, Entry{Request: &Request{ID: "on", Node: 5, Action: fence.ActionOn, Cause: fence.CauseOperator, By: "op"}})
	if n := w.s.Node(5); n.PowerOn == nil || n.OffHeld {
		t.Fatalf("a person's word ends it: %+v", n)
	}
}

func TestAHoldEndsByAPersonsRebootAndByAdmission(t *testing.T) {
	w := newWorld(t, 5)
	w.s.Feature = FeatureHold
	w.must(1, Entry{Request: &Request{ID: "r", Node: 5, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
	w.claim(1, 5)
	w.must(1, Entry{Verdict: w.proof(5)})
	w.boots[5]++ // somebody pressed its button
	w.view(1, 2, 3, 4, 5)
	w.clean(5)
	if w.s.Node(5).OffHeld {
		t.Fatal("it was admitted")
	}
	w.view(1, 2, 3, 4)
	if v := w.s.Node(5).Victim; v == nil || v.Action != fence.ActionReboot {
		t.Fatalf("an earlier hold is remembered: %+v", v)
	}
}

func TestAHoldAmongOlderBuilds(t *testing.T) { // R11
	w := held(t, FeatureHold-1)
	if w.s.Node(5).PowerOn == nil {
		t.Fatal("builds of before disagree about it")
	}
}

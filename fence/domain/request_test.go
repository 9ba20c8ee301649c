package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

func reported(boot string, action fence.Action) Entry {
	return Entry{Request: &Request{ID: "r", Node: 5, Boot: boot, Action: action, Cause: fence.CauseReported, By: "dlm"}}
}

func TestARequestForALifeThatHasItsVerdictSucceeds(t *testing.T) { // R29: a program asks late, its node is back already
	w := fencedWorld(t, FeatureNamed)
	w.boots[5]++
	w.view(1, 2, 3, 4, 5)
	w.clean(5)
	ev := w.must(1, reported("b5.0", fence.ActionReboot))
	if len(ev) != 1 || ev[0].Verdict == nil || ev[0].Verdict.Boot != "b5.0" || ev[0].Request != "r" || w.s.Node(5).Victim != nil || !w.s.Clean(5) {
		t.Fatalf("%+v, %+v", ev, w.s.Node(5))
	}
	w.refused(1, reported("b5.0", fence.ActionOff), "request names") // to hold it off would touch another life
	w.refused(1, reported("b5.9", fence.ActionReboot), "request names")
	w.view(1, 2, 3, 4) // the later life is a victim itself
	if w.s.Node(5).Victim == nil {
		t.Fatal("no victim")
	}
	ev = w.must(1, reported("b5.0", fence.ActionReboot))
	if len(ev) != 1 || ev[0].Verdict == nil || len(w.s.Node(5).Victim.Requests) != 0 {
		t.Fatalf("%+v", ev)
	}
}

func TestARequestForAnEarlierLifeIsRefusedUntilAllKnow(t *testing.T) { // R11, V18
	w := fencedWorld(t, FeatureNamed-1)
	w.boots[5]++
	w.view(1, 2, 3, 4, 5)
	w.clean(5)
	w.refused(1, reported("b5.0", fence.ActionReboot), "request names")
}

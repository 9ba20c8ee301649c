package world

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// L5: a node that is fenced again and again once all is healed is a reboot loop, whatever proves it over; what an operator wants is not.
func TestRebootLoopsAreSeen(t *testing.T) {
	for name, tt := range map[string]struct {
		cause  fence.Cause
		kind   fence.EvidenceKind
		storm  bool
		breaks bool
	}{
		"a loop":          {cause: fence.CauseFailed, kind: fence.EvidencePowerOff, breaks: true},
		"by itself":       {cause: fence.CauseFailed, kind: fence.EvidenceBootChanged, breaks: true},
		"in the storm":    {cause: fence.CauseFailed, kind: fence.EvidencePowerOff, storm: true},
		"by an operator":  {cause: fence.CauseOperator, kind: fence.EvidencePowerOff},
		"a person's word": {cause: fence.CauseFailed, kind: fence.EvidenceOperator},
	} {
		w := newWorld(onCorosync(1, 2, 1))
		w.live = !tt.storm
		e := domain.Event{Node: 2, Cause: tt.cause, Verdict: &fence.Verdict{Evidence: fence.Evidence{Kind: tt.kind}}}
		for range maxAgain {
			w.check.loops(e)
		}
		if w.check.violation != nil {
			t.Errorf("%s: %v after %d", name, w.check.violation, maxAgain)
		}
		w.check.loops(e)
		if v := w.check.violation; (v != nil && v.Invariant == "L5") != tt.breaks {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// L5: of a split one side goes on; the other is granted nothing at the end.
func TestTwoSurvivorsAreSeen(t *testing.T) {
	for _, granted := range []bool{false, true} {
		w := newWorld(onCorosync(1, 2, 1))
		n := w.nodes[1]
		n.apart, n.mach.running, n.app.granted = true, true, granted
		w.check.survivors()
		if v := w.check.violation; (v != nil) != granted || granted && v.Invariant != "L5" {
			t.Errorf("granted %t: %+v", granted, v)
		}
	}
}

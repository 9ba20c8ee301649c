package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// guest makes node 3 of a cutWorld a virtual machine, of which a new boot proves nothing (R2).
func (w *world) guest() {
	w.s.Node(3).Machine.Virtual = true
}

// speaks is a word of node 3's life on a machine that is virtual or not.
func (w *world) speaks(clean, virtual bool) {
	w.t.Helper()
	m := machine(3)
	m.Virtual = virtual
	w.must(3, Entry{Announce: &Announce{Clean: clean, Machine: m, Roster: w.s.RosterHash, Feature: 3, Shared: []string{"san"}, Since: w.s.Node(3).Arrived}})
}

// R18, R2: there is one place for a cut life. A second cut would forget the first one, and its ways would be opened though it may go on.
func TestASecondCutForgetsNoCutLife(t *testing.T) {
	w := cutWorld(t, 3)
	w.guest()
	w.cut()
	first := w.s.Node(3).Life
	w.boots[3]++
	w.view(1, 2, 3)
	w.speaks(false, true)
	second := w.s.Node(3).Life
	w.must(1, Entry{Overdue: &Overdue{Lives: []fence.Incarnation{second}}})
	w.claim(1, 3)
	w.refused(1, Entry{Verdict: w.cutProof(3)}, "would forget it")
	p := w.proof(3)
	p.Evidence.Level = 1
	w.must(1, Entry{Verdict: p})
	if w.s.IsCut(first) || w.s.IsCut(second) || w.s.Node(3).Cut == nil {
		t.Errorf("the power of their machine ends both: %+v", w.s.Node(3).Cut)
	}
}

// R2, R18: a later boot of the same physical machine that speaks proves the cut life over, clean or not, so that it can be cut off itself.
func TestALaterBootOfThePhysicalMachineIsCutItself(t *testing.T) {
	w := cutWorld(t, 3)
	w.cut()
	first := w.s.Node(3).Life
	w.boots[3]++
	w.view(1, 2, 3)
	second := w.s.Node(3).Life
	if !w.s.IsCut(first) {
		t.Fatal("it has only shown itself, and said nothing of its machine")
	}
	w.speaks(false, false)
	w.must(1, Entry{Overdue: &Overdue{Lives: []fence.Incarnation{second}}})
	w.claim(1, 3)
	w.must(1, Entry{Verdict: w.cutProof(3)})
	if w.s.IsCut(first) || !w.s.IsCut(second) || !w.s.IsOver(first) {
		t.Errorf("%+v", w.s.Node(3).Cut)
	}
}

// R18: W217 says reboot NODE; an operator who does that for a guest whose new boot waits for the end of the cut one means that one.
func TestAnOperatorsRebootMeansTheCutLifeThatIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		cause   fence.Cause
		virtual bool
		cut     bool
	}{{fence.CauseOperator, true, true}, {fence.CauseReported, true, false}, {fence.CauseOperator, false, false}} {
		w := cutWorld(t, 3)
		w.s.Node(3).Machine.Virtual = c.virtual
		w.cut()
		first := w.s.Node(3).Life
		w.boots[3]++
		w.view(1, 2, 3)
		w.speaks(true, c.virtual)
		w.must(1, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionReboot, Cause: c.cause, By: "op"}})
		if v := w.s.Node(3).Victim; v == nil || (v.Incarnation == first) != c.cut {
			t.Errorf("%+v: %+v", c, v)
		}
	}
}

// 0079: what an operator forced was about the life that was there. Disarmed, nothing is opened for a later one without a command.
func TestForceDoesNotOutliveItsLife(t *testing.T) {
	for name, between := range map[string]func(*world){
		"cut": func(w *world) { w.cut() },
		"gone while disarmed": func(w *world) {
			w.must(1, Entry{Arm: &Arm{By: "op", Now: true}})
			w.view(1, 2)
		},
	} {
		w := cutWorld(t, 3)
		w.must(1, Entry{Request: &Request{ID: "u", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseOperator, By: "op", Force: true}})
		between(w)
		if c := w.s.Node(3).Cut; name == "cut" && (c.Force || c.AskedAt != 0) {
			t.Errorf("%s: %+v", name, c)
		}
		w.boots[3]++
		w.view(1, 2, 3)
		w.announce(3, "san")
		w.must(1, Entry{Arm: &Arm{By: "op", Now: true}})
		w.refused(1, w.unfence(), "not armed")
	}
}

// V11: who turns out to be dirty while its ways are being opened is not given the rest of them; what was asked may still take effect (R9).
func TestWaysAreNotOpenedForWhoTurnsDirty(t *testing.T) {
	w := cutWorld(t, 3)
	w.cut()
	w.boots[3]++
	w.view(1, 2, 3)
	w.announce(3, "san")
	w.must(1, w.unfence())
	w.speaks(false, false)
	if n := w.s.Node(3); n.Cut == nil || n.Cut.Claim != nil || len(n.Unquiet) != 1 || n.Phase != PhaseDirty {
		t.Fatalf("%+v", n)
	}
	w.s.Node(3).Unquiet = nil
	w.refused(1, w.unfence(), "no new boot")
}

// V4, R9: while ways are being opened, no power is switched beside that, neither for an obligation nor for a drill.
func TestNothingIsSwitchedWhileWaysAreOpened(t *testing.T) {
	w := cutWorld(t, 3)
	w.must(1, Entry{Request: &Request{ID: "u", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseOperator, By: "op"}})
	w.must(1, w.unfence())
	n := w.s.Node(3)
	w.refused(1, Entry{Drill: &DrillStart{ID: "d", Node: 3, Level: 1, By: "op"}}, "is not over yet")
	w.refused(1, Entry{Drill: &DrillStart{ID: "d", Node: 2, Level: 1, By: "op"}}, "is not over yet")
	n.PowerOn = &PowerOn{ID: 9, For: n.Life}
	w.refused(2, Entry{Claim: &ClaimEntry{Node: 3, Boot: n.Life.Boot, Number: n.NextClaim, DurationMS: 1000, On: true}}, "is active (V4)")
	// A drill that is ready already, whatever came of it: no claim of it stands beside one to open ways.
	w = drillWorld(t, 3)
	w.drill(3)
	w.must(3, Entry{Leave: &Leave{}})
	n = w.s.Node(3)
	w.must(3, Entry{DrillReady: &DrillReady{Node: 3, Drill: n.Drill.ID}})
	n.Cut = &Cut{Claim: &Claim{Number: 1}}
	w.refused(1, w.drillClaimEntry(3), "is not over (R9)")
}

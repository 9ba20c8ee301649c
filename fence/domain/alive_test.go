package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// fencedWorld: node 5 of five is proven off and an obligation to power it on is left behind.
func fencedWorld(t *testing.T, level int) *world {
	w := newWorld(t, 5)
	w.s.Feature = level
	w.view(1, 2, 3, 4)
	w.claim(1, 5)
	w.must(1, Entry{Verdict: w.proof(5)})
	return w
}

func (w *world) claimOn(by, node fence.NodeID) []Event {
	w.t.Helper()
	n := w.s.Node(node)
	return w.must(by, Entry{Claim: &ClaimEntry{Node: node, Boot: n.PowerOn.For.Boot, Number: n.NextClaim, On: true, DurationMS: 1000}})
}

func TestAViewDoesNotSayThatAMachineRuns(t *testing.T) { // R9, S5.10, S5.11: its newest life came before the off and is shown after the verdict
	w := fencedWorld(t, FeatureAlive)
	w.boots[5]++
	ev := w.view(1, 2, 3, 4, 5)
	if n := w.s.Node(5); n.PowerOn == nil || has(ev, EventPowerOn) {
		t.Fatalf("the obligation is gone with a view, and so may be the machine: %+v", n)
	}
	w.view(1, 2, 3, 4)
	if n := w.s.Node(5); n.PowerOn == nil || n.Victim != nil {
		t.Fatalf("nobody powers it on: %+v", n)
	}
	w.claimOn(2, 5)
	w.must(2, Entry{PowerOn: &PowerDone{Node: 5, Number: 2, OK: true, Quiet: true}})
	if w.s.Node(5).PowerOn != nil {
		t.Fatal("the walk read it on, and the obligation stays")
	}
}

func TestAViewEndsAPowerOnUntilAllKnowBetter(t *testing.T) { // R11, V18: one member more would power on a machine that the others leave alone
	w := fencedWorld(t, FeatureAlive-1)
	w.claimOn(1, 5)
	w.boots[5]++
	if ev := w.view(1, 2, 3, 4, 5); !has(ev, EventPowerOn) || w.s.Node(5).PowerOn != nil || len(w.s.Node(5).Unquiet) != 1 {
		t.Fatalf("an older build discharges it: %+v", w.s.Node(5))
	}
	w = fencedWorld(t, FeatureAlive-1)
	for i := range w.s.Nodes { // the level is raised while the obligation is open
		w.s.Nodes[i].Feature = FeatureAlive
	}
	w.must(1, Entry{Feature: &Feature{Level: FeatureAlive}})
	w.boots[5]++
	w.view(1, 2, 3, 4, 5)
	if w.s.Node(5).PowerOn == nil {
		t.Fatal("from the committed level on a view says nothing of it")
	}
}

func TestAnAdmittedLifeRuns(t *testing.T) { // R9: its devices may never answer, and its administrator may switch it off one day
	w := fencedWorld(t, FeatureAlive)
	w.claimOn(1, 5)
	w.boots[5]++
	w.view(1, 2, 3, 4, 5)
	ev := w.clean(5)
	if n := w.s.Node(5); w.s.Clean(5) || n.PowerOn == nil || n.PowerOn.Claim != nil || len(n.Unquiet) != 1 || !has(ev, EventCanceled) {
		t.Fatalf("its admission waits for what is in flight: %+v", n)
	}
	ev = w.must(1, Entry{Returned: &Returned{Node: 5, Number: 2}})
	if !w.s.Clean(5) || w.s.Node(5).PowerOn != nil || !has(ev, EventPowerOn) {
		t.Fatalf("%+v", w.s.Node(5))
	}
}

func TestAWordFromBeforeTheVerdictAdmitsNobody(t *testing.T) { // R9, V11: the off that was proven may have ended who said it
	for _, level := range []int{FeatureAlive - 1, FeatureAlive} {
		w := newWorld(t, 3)
		w.s.Feature = level
		w.s.Node(3).Machine.Virtual = true
		w.view(1, 2)
		w.claim(1, 3)
		w.boots[3]++
		w.view(1, 2, 3)
		w.clean(3)
		if w.s.Node(3).Pending == nil {
			t.Fatal("a virtual machine's word waits for the verdict")
		}
		w.must(1, Entry{Verdict: w.proof(3)})
		if level < FeatureAlive {
			if !w.s.Clean(3) {
				t.Fatal("an older build admits it (R11)")
			}
			continue
		}
		if n := w.s.Node(3); w.s.Clean(3) || n.Phase != PhaseJoining || n.PowerOn == nil || n.Arrived != w.index {
			t.Fatalf("%+v", n)
		}
		w.clean(3) // it runs, and says so
		if !w.s.Clean(3) || w.s.Node(3).PowerOn != nil {
			t.Fatalf("%+v", w.s.Node(3))
		}
	}
}

package domain

import (
	"fmt"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// lose breaks the link of two, of which node 1 stays: node 2 becomes a victim and is proven off.
func (w *world) lose() *Node {
	w.t.Helper()
	w.together(1)
	w.claim(1, 2)
	w.must(1, Entry{Verdict: w.proof(2)})
	return w.s.Node(2)
}

// together shows a view of some of two, which is quorate by a proof.
func (w *world) together(ids ...fence.NodeID) {
	var in []Origin
	for _, id := range ids {
		in = append(in, w.origin(id))
	}
	w.index++
	w.s.ApplyView(w.index, in, true)
}

// comeBack boots node 2, which is let in.
func (w *world) comeBack() *Node {
	w.t.Helper()
	w.boots[2]++
	w.together(1, 2)
	w.must(2, Entry{Announce: &Announce{Clean: true, Machine: machine(2), Roster: w.s.RosterHash, Feature: FeatureReturns, TwoMS: 14_000}})
	if n := w.s.Node(2); n.Phase != PhaseMember {
		w.t.Fatalf("it is not let in: %+v", n)
	}
	return w.s.Node(2)
}

// loop loses node 2 as often as is borne, and lets it in again each time.
func loop(t *testing.T) *world {
	w := pair(t, FeatureTwo, 11_000, 14_000)
	for i := range MaxReturns {
		if n := w.lose(); n.OffHeld || n.PowerOn == nil || n.Last.Kind != fence.VerdictReset {
			t.Fatalf("loss %d holds it off: %+v", i+1, n)
		}
		w.comeBack()
	}
	return w
}

// R23, L5: one of two that came back so often and is lost again stays off, and everybody is told, once; a person lifts that, and the count begins anew.
func TestTheReturnsOfOneOfTwoAreBounded(t *testing.T) {
	w := loop(t)
	w.together(1)
	w.claim(1, 2)
	ev := w.must(1, Entry{Verdict: w.proof(2)})
	n := w.s.Node(2)
	if n.PowerOn != nil || !n.OffHeld || !n.Kept() || n.Last.Kind != fence.VerdictOff || !has(ev, EventHeld) {
		t.Fatalf("a loop without end: %+v %+v", n, ev)
	}
	w.must(1, Entry{Request: &Request{ID: "on", Node: 2, Action: fence.ActionOn, Cause: fence.CauseOperator, By: "op"}})
	if n.PowerOn == nil || n.OffHeld || n.Losses != (Losses{}) {
		t.Fatalf("a person's word ends it: %+v", n)
	}
	w.comeBack()
	if n = w.lose(); n.OffHeld || n.Losses.Count != 1 {
		t.Fatalf("the count does not begin anew: %+v", n)
	}
}

// Somebody pressed its button: it is let in, but nobody said that the link is mended.
func TestAButtonLiftsTheHoldAndNotTheCount(t *testing.T) { // R23
	w := loop(t)
	w.lose()
	if n := w.comeBack(); n.OffHeld || n.Kept() {
		t.Fatalf("it was admitted: %+v", n)
	}
	if n := w.lose(); !n.Kept() {
		t.Fatalf("the count is forgotten: %+v", n)
	}
}

// R23: an hour as a clean member ends the count, of that very admission, and no time does that passes while it is away, held off or a victim.
func TestQuietEndsTheCount(t *testing.T) {
	w := loop(t)
	over := func(index uint64) Entry { return Entry{TimeOver: &TimeOver{Index: index}} }
	n := w.s.Node(2)
	since := n.Losses.Since
	if !n.Calms() || since == 0 {
		t.Fatalf("%+v", n.Losses)
	}
	w.refused(1, over(since-1), "ends by time")
	w.together(1)
	if n.Calms() {
		t.Error("it is a victim")
	}
	w.refused(1, over(since), "ends by time")
	w.claim(1, 2)
	w.must(1, Entry{Verdict: w.proof(2)})
	w.refused(1, over(since), "ends by time")
	w = loop(t)
	w.must(2, Entry{Leave: &Leave{}})
	if n = w.s.Node(2); n.Losses.Count == 0 || n.Calms() {
		t.Errorf("it has left, and its time runs: %+v", n.Losses)
	}
	w = loop(t)
	w.must(1, over(w.s.Node(2).Losses.Since))
	if n = w.lose(); n.OffHeld || n.Losses.Count != 1 {
		t.Fatalf("an hour without a loss is not enough: %+v", n)
	}
}

// R23, 0083: who was idle is nobody's victim; that it was switched off is counted when its power is asked for. A node that somebody holds off is not restored.
func TestWhoWasSwitchedOffAndIsNoVictimIsCounted(t *testing.T) {
	ask := func(i int) Entry {
		return Entry{Request: &Request{ID: fmt.Sprint("r", i), Node: 2, Action: fence.ActionOn, Cause: fence.CauseOperator, By: ByItself, Reason: "two_node"}}
	}
	w := pair(t, FeatureTwo, 11_000, 14_000)
	for i := range MaxReturns + 1 {
		w.s.Node(2).Stateful = false
		w.together(1)
		ev := w.must(1, ask(i))
		n := w.s.Node(2)
		if n.Victim != nil || n.Losses.Count != i+1 {
			t.Fatalf("loss %d: %+v", i+1, n)
		}
		if last := i == MaxReturns; n.Kept() != last || (n.PowerOn == nil) != last || has(ev, EventHeld) != last {
			t.Fatalf("loss %d: %+v %+v", i+1, n, ev)
		}
		if i < MaxReturns {
			w.comeBack()
		}
	}
	w.refused(1, ask(9), "only a person")
}

// R23, 0082: a person's reboot lifts the hold like on does: of whom nobody has a verdict on, and where it joins an operation that the bound alone made an off. An
// off that a person asked for stays the stronger wish.
func TestAPersonsRebootLiftsTheBound(t *testing.T) {
	op := func(a fence.Action) Entry {
		return Entry{Request: &Request{ID: string(a), Node: 2, Action: a, Cause: fence.CauseOperator, By: "op"}}
	}
	lifted := func(n *Node) bool { return n.PowerOn != nil && !n.OffHeld && n.Losses == (Losses{}) }
	w := loop(t)
	w.s.Node(2).Stateful = false
	w.together(1)
	w.must(1, Entry{Request: &Request{ID: "r", Node: 2, Action: fence.ActionOn, Cause: fence.CauseOperator, By: ByItself}})
	if n := w.s.Node(2); !n.Kept() || n.Victim != nil {
		t.Fatalf("%+v", n)
	}
	w.must(1, op(fence.ActionReboot))
	w.claim(1, 2)
	w.must(1, Entry{Verdict: w.proof(2)})
	if n := w.s.Node(2); !lifted(n) {
		t.Errorf("it was idle: %+v", n)
	}
	for _, asked := range [][]fence.Action{{fence.ActionReboot}, {fence.ActionOff, fence.ActionReboot}, {fence.ActionReboot, fence.ActionOff}} {
		w = loop(t)
		w.together(1)
		for _, a := range asked {
			w.must(1, op(a))
		}
		w.claim(1, 2)
		w.must(1, Entry{Verdict: w.proof(2)})
		if n := w.s.Node(2); lifted(n) != (len(asked) == 1) || n.OffHeld != (len(asked) == 2) {
			t.Errorf("%v joined: %+v", asked, n)
		}
	}
}

// What is counted: a life once; not what an operator asked for; not among three; not below its level (R11).
func TestWhatIsNoLossOfOneOfTwo(t *testing.T) { // R23
	w := pair(t, FeatureTwo, 11_000, 14_000)
	w.must(1, Entry{Request: &Request{ID: "r", Node: 2, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
	if n := w.s.Node(2); n.Losses.Count != 0 {
		t.Errorf("an operator's off: %+v", n.Losses)
	}
	three := newWorld(t, 3)
	three.s.Feature = FeatureReturns
	three.view(1, 2)
	if n := three.s.Node(3); n.Victim == nil || n.Losses.Count != 0 {
		t.Errorf("one of three: %+v", n)
	}
	w = pair(t, FeatureTwo, 11_000, 14_000)
	w.s.Feature = FeatureReturns - 1
	if n := w.lose(); n.OffHeld || n.PowerOn == nil || n.Losses.Count != 0 {
		t.Errorf("among older builds: %+v", n)
	}
	w = pair(t, FeatureTwo, 11_000, 14_000)
	w.lose()
	(&turn{s: w.s, index: w.index}).lostAgain(w.s.Node(2), w.s.Node(2).Last.Boot)
	if n := w.s.Node(2); n.Losses.Count != 1 {
		t.Errorf("one life, lost %d times", n.Losses.Count)
	}
}

// Who is not held off may be powered on by what a program asks for, and that is no person's word about the link either.
func TestAProgramEndsNoCount(t *testing.T) { // R23
	w := pair(t, FeatureTwo, 11_000, 14_000)
	w.lose()
	w.must(1, Entry{Request: &Request{ID: "on", Node: 2, Action: fence.ActionOn, Cause: fence.CauseReported, By: "drbd@n1"}})
	if n := w.s.Node(2); n.PowerOn == nil || n.Losses.Count != 1 {
		t.Errorf("%+v", n)
	}
}

// R27, 0082: dlm asks for every node that it misses. It powers on nothing that a person holds off, by whichever way its word comes; among older builds it does.
func TestAProgramLiftsNoHold(t *testing.T) {
	dlm := Entry{Request: &Request{ID: "dlm", Node: 5, Action: fence.ActionReboot, Cause: fence.CauseReported, By: "fence_dlm"}}
	held := func(level int) *world {
		w := newWorld(t, 5)
		w.s.Feature = level
		w.must(1, Entry{Request: &Request{ID: "r", Node: 5, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
		w.claim(1, 5)
		w.must(1, Entry{Verdict: w.proof(5)})
		return w
	}
	for level, on := range map[int]bool{FeatureHold - 1: true, FeatureHold: false} {
		w := held(level)
		w.view(1, 2, 3, 4)
		w.must(1, dlm)
		if n := w.s.Node(5); (n.PowerOn != nil) != on || n.OffHeld == on {
			t.Errorf("level %d, after the verdict: %+v", level, n)
		}
		w = held(level) // and by asking for power
		w.view(1, 2, 3, 4)
		power := Entry{Request: &Request{ID: "on", Node: 5, Action: fence.ActionOn, Cause: fence.CauseReported, By: "drbd@n1"}}
		if _, err := w.apply(1, power); (err == nil) != on || w.s.Node(5).OffHeld == on {
			t.Errorf("level %d, power: %v %+v", level, err, w.s.Node(5))
		}
		w = held(level) // and by an operation of its own
		w.boots[5]++
		w.view(1, 2, 3, 4, 5)
		w.must(1, dlm)
		if v := w.s.Node(5).Victim; v == nil || (v.Action == fence.ActionReboot) != on {
			t.Errorf("level %d, a life that was not let in: %+v", level, v)
		}
	}
}

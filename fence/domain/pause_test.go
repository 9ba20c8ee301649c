package domain

import (
	"errors"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

func pauses(id fence.NodeID) Entry {
	return Entry{Pause: &PauseEntry{Node: id, On: true, By: "op", Reason: "new fans"}}
}

func resumes(id fence.NodeID) Entry { return Entry{Pause: &PauseEntry{Node: id, By: "op"}} }

// pausable is an armed cluster of five in which everything newer is understood.
func pausable(t *testing.T) *world {
	w := newWorld(t, 5)
	w.s.Feature = FeaturePause
	return w
}

func TestNobodyActsOnAPausedNode(t *testing.T) { // 0081, L10
	for name, id := range map[string]fence.NodeID{"the node": 5, "all": 0} {
		t.Run(name, func(t *testing.T) {
			w := pausable(t)
			if ev := w.must(1, pauses(id)); !has(ev, EventPause) || !w.s.IsPaused(5) {
				t.Fatalf("%+v", w.s.Paused)
			}
			w.view(1, 2, 3, 4)
			if w.s.Node(5).Victim == nil || len(w.s.Unresolved()) != 1 {
				t.Fatal("a pause hides a victim")
			}
			w.refused(1, w.claimEntry(5), "paused")
			if ev := w.must(2, resumes(id)); !has(ev, EventResume) || w.s.IsPaused(5) {
				t.Fatalf("%+v", w.s.Paused)
			}
			w.claim(1, 5)
		})
	}
}

func TestAPauseDoesNotHoldWhatRuns(t *testing.T) {
	w := pausable(t)
	w.view(1, 2, 3, 4)
	w.claim(1, 5)
	w.must(2, pauses(5))
	if w.s.Node(5).Victim.Claim == nil {
		t.Fatal("a walk in the middle was given up")
	}
	w.must(1, Entry{Verdict: w.proof(5)})
	on := Entry{Claim: &ClaimEntry{Node: 5, Boot: "b5.0", Number: 2, On: true, DurationMS: 1000}}
	w.refused(2, on, "paused") // somebody has his hands in it
	w.must(3, resumes(5))
	w.must(2, on)
}

func TestWhatAnOperatorNamesIsDoneThoughPaused(t *testing.T) { // UX
	w := pausable(t)
	w.must(1, pauses(0))
	w.must(1, Entry{Request: &Request{ID: "r", Node: 5, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	w.claim(1, 5)
	w.must(1, Entry{Verdict: w.proof(5)})
	w.must(2, Entry{Claim: &ClaimEntry{Node: 5, Boot: "b5.0", Number: 2, On: true, DurationMS: 1000}}) // it belongs to what he asked for
	w.view(1, 2, 3)
	w.refused(1, w.claimEntry(4), "paused")
	w.must(1, Entry{Request: &Request{ID: "j", Node: 4, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}}) // joins the victim that waits
	w.claim(1, 4)
	w.must(1, Entry{Verdict: w.proof(4)})
	w.must(1, Entry{Request: &Request{ID: "o", Node: 4, Action: fence.ActionOn, Cause: fence.CauseOperator, By: "op"}})
	w.must(2, Entry{Claim: &ClaimEntry{Node: 4, Boot: "b4.0", Number: 2, On: true, DurationMS: 1000}})
}

func TestAllOfANamedPowerOnIsDoneThoughPaused(t *testing.T) { // one level after the other
	w := pausable(t)
	w.must(1, pauses(5))
	w.must(1, Entry{Request: &Request{ID: "r", Node: 5, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	w.claim(1, 5)
	p := w.proof(5)
	p.Switched = []int{0, 1}
	w.s.Roster.Nodes[4].Levels = append(w.s.Roster.Nodes[4].Levels, w.s.Roster.Nodes[3].Levels[0])
	w.must(1, Entry{Verdict: p})
	for number := uint64(2); w.s.Node(5).PowerOn != nil; number++ {
		w.must(2, Entry{Claim: &ClaimEntry{Node: 5, Boot: "b5.0", Number: number, On: true, DurationMS: 1000}})
		w.must(2, Entry{PowerOn: &PowerDone{Node: 5, Number: number, OK: true, Quiet: true}})
		if number > 4 {
			t.Fatal("it does not end")
		}
	}
	if w.s.Node(5).NextClaim != 4 {
		t.Fatalf("%d claims, want an off and two ons", w.s.Node(5).NextClaim-1)
	}
}

func TestAReportedVictimWaitsForThePause(t *testing.T) { // R27: dlm is no operator
	w := pausable(t)
	w.must(1, pauses(5))
	w.must(1, Entry{Request: &Request{ID: "r", Node: 5, Action: fence.ActionReboot, Cause: fence.CauseReported, By: "dlm"}})
	w.refused(1, w.claimEntry(5), "paused")
	w.view(1, 2, 3, 4)
	w.must(2, Entry{Ack: &Ack{Node: 5, Boot: "b5.0", By: "op", Reason: "unplugged"}}) // a person may still vouch
}

// Somebody works on it: its ways stay closed until it is resumed or named. What is being opened is finished.
func TestThePortsOfAPausedNodeStayClosed(t *testing.T) { // 0081, R18
	for name, id := range map[string]fence.NodeID{"the node": 3, "all": 0} {
		t.Run(name, func(t *testing.T) {
			pending := func() *world {
				w := cutWorld(t, FeaturePause)
				w.cut()
				w.boots[3]++
				w.view(1, 2, 3)
				w.announce(3, "san")
				return w
			}
			w := pending()
			w.must(1, pauses(id))
			w.refused(1, w.unfence(), "paused")
			w.must(1, Entry{Request: &Request{ID: "u", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseReported, By: "x"}})
			w.refused(1, w.unfence(), "paused") // a program is no operator
			w.must(1, Entry{Request: &Request{ID: "u", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseOperator, By: "op"}})
			w.must(1, w.unfence())
			w = pending()
			w.must(1, w.unfence())
			w.must(2, pauses(id))
			w.opened(true)
			w.announce(3, "san")
			if !w.s.Clean(3) {
				t.Fatalf("%+v", w.s.Node(3))
			}
			w = pending()
			w.must(1, pauses(id))
			w.must(2, resumes(id))
			w.must(1, w.unfence())
		})
	}
}

func TestAPausedNodeDoesNotAct(t *testing.T) { // R8
	w := pausable(t)
	w.must(1, pauses(1))
	w.view(1, 2, 3, 4)
	w.refused(1, w.claimEntry(5), "not eligible")
	w.claim(2, 5)
	w.must(2, pauses(2)) // its claim goes on
	if c := w.s.Node(5).Victim.Claim; c == nil || c.Actor.Node != 2 {
		t.Fatalf("%+v", c)
	}
	w.must(2, pauses(3))
	w.refused(2, pauses(4), "besides n4 none may")
	w.must(2, pauses(3)) // again, with another reason: nothing gets worse
	w = pausable(t)
	w.must(1, pauses(0))
	if len(w.s.Eligibles()) != 5 {
		t.Fatal("with all nodes paused nobody could do what an operator asks for")
	}
}

func TestAPauseForAWhileEnds(t *testing.T) { // L10
	w := pausable(t)
	e := pauses(5)
	e.Pause.ForMS = 60_000
	w.must(1, e)
	since := w.s.Paused[0].Since
	w.must(1, pauses(0))
	w.refused(1, Entry{TimeOver: &TimeOver{Index: since + 1}}, "nothing that began") // the one without an end
	ev := w.must(1, Entry{TimeOver: &TimeOver{Index: since}})
	if !has(ev, EventResume) || len(w.s.Paused) != 1 || !w.s.IsPaused(5) {
		t.Fatalf("%+v", w.s.Paused)
	}
}

func TestWhoMayPause(t *testing.T) { // R11, R22, R29, R30
	w := pausable(t)
	w.refused(1, Entry{Pause: &PauseEntry{Node: 5, On: true, By: "op"}}, "a reason")
	w.refused(1, Entry{Pause: &PauseEntry{Node: 5, On: true, By: "op", Reason: "x", ForMS: MaxForMS + 1}}, "at most")
	w.refused(1, Entry{Pause: &PauseEntry{Node: 5, By: "op", ForMS: 1}}, "at most")
	w.refused(1, pauses(9), fence.ErrNoSuchNode.Error())
	w.refused(1, resumes(5), "not paused")
	w.must(1, Entry{Request: &Request{ID: "r", Node: 5, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	w.refused(5, pauses(5), "is a victim") // nobody puts off its own fence
	w.refused(5, pauses(0), "is a victim")
	w.view(1, 2)
	w.refused(1, pauses(3), fence.ErrNoQuorum.Error())
	w = pausable(t)
	w.s.Feature = FeaturePause - 1
	w.refused(1, pauses(5), "R11")
	w.must(1, Entry{Request: &Request{ID: "r", Node: 5, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	w.claim(1, 5)
	w.must(1, Entry{Verdict: w.proof(5)})
	if w.s.Node(5).PowerOn.Named {
		t.Fatal("older builds do not remember that")
	}
}

func TestPausesAreRememberedAndForgotten(t *testing.T) {
	w := pausable(t)
	w.must(1, pauses(5))
	w.must(1, pauses(0))
	w.must(1, pauses(3))
	if !slices.IsSortedFunc(w.s.Paused, func(a, b Pause) int { return int(a.Node) - int(b.Node) }) {
		t.Fatalf("%+v", w.s.Paused)
	}
	b, err := w.s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if s, err := Restore(b); err != nil || s.Hash() != w.s.Hash() || !s.PausedNode(3) {
		t.Fatal(errors.Join(err, errors.New("a snapshot loses a pause")))
	}
	w.must(5, Entry{Leave: &Leave{}})
	w.view(1, 2, 3, 4)
	w.must(1, w.without(5))
	if w.s.PausedNode(5) || !w.s.PausedNode(3) {
		t.Fatalf("%+v", w.s.Paused)
	}
}

func TestADisarmWaitsForNoPausedPowerOn(t *testing.T) { // 0080
	w := pausable(t)
	w.view(1, 2, 3, 4)
	w.claim(1, 5)
	w.must(1, Entry{Verdict: w.proof(5)})
	w.must(1, pauses(5))
	w.must(1, disarm(Arm{}))
	if w.s.Armed {
		t.Fatalf("it waits for %v, on which nobody acts", w.s.Finishing())
	}
}

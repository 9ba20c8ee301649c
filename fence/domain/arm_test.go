package domain

import (
	"errors"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// running is an armed cluster of seven at a feature level, where 4 is a victim that member 1 acts on and 5 one that nobody has claimed.
func running(t *testing.T, level int) *world {
	w := newWorld(t, 7)
	w.s.Feature = level
	w.view(1, 2, 3, 6, 7)
	w.claim(1, 4)
	return w
}

func disarm(a Arm) Entry {
	a.By, a.Reason = "op", "maintenance"
	return Entry{Arm: &a}
}

func TestADisarmWaitsForWhatRunsAndBeginsNothing(t *testing.T) { // UX, 0080
	w := running(t, FeatureDisarm)
	ev := w.must(3, disarm(Arm{}))
	if !w.s.Armed || !w.s.Disarming() || !has(ev, EventDisarms) || has(ev, EventDisarm) || !slices.Equal(w.s.Finishing(), []fence.NodeID{4}) {
		t.Fatalf("armed %v, %+v, waits for %v", w.s.Armed, w.s.Disarm, w.s.Finishing())
	}
	if w.s.Node(4).Victim.Claim == nil {
		t.Fatal("what ran does not go on")
	}
	w.refused(2, w.claimEntry(5), "being disarmed")
	w.refused(2, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}}, "being disarmed")
	w.must(2, Entry{Request: &Request{ID: "j", Node: 4, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}}) // joins what runs
	w.view(1, 2, 6, 7)
	if w.s.Node(3).Victim == nil {
		t.Fatal("a life that vanishes while a disarm is pending is no victim: it may hold state")
	}
	ev = w.must(1, Entry{Verdict: w.proof(4)})
	if !w.s.Armed || has(ev, EventDisarm) || w.s.Node(4).PowerOn == nil {
		t.Fatal("the machine would be left off in the middle of its operation")
	}
	w.must(2, Entry{Claim: &ClaimEntry{Node: 4, Boot: "b4.0", Number: 2, On: true, DurationMS: 1000}})
	ev = w.must(2, Entry{PowerOn: &PowerDone{Node: 4, Number: 2, OK: true, Quiet: true}})
	if w.s.Armed || w.s.Disarming() || !has(ev, EventDisarm) || w.s.Disarm.Since != w.index || w.s.Disarm.By != "op" {
		t.Fatalf("nothing runs: armed %v, %+v", w.s.Armed, w.s.Disarm)
	}
	if w.s.Node(3).Victim == nil || w.s.Node(5).Victim == nil {
		t.Fatal("a victim was forgotten by disarming")
	}
	w.refused(1, w.claimEntry(5), fence.ErrNotArmed.Error())
}

func TestAPowerOnThatFailsForEveryoneHoldsUpNoDisarm(t *testing.T) {
	w := running(t, FeatureDisarm)
	w.must(1, Entry{Verdict: w.proof(4)})
	w.must(3, disarm(Arm{}))
	for i, by := range []fence.NodeID{1, 2, 3, 6, 7} {
		if !w.s.Disarming() {
			t.Fatalf("after %d tries", i)
		}
		number := w.s.Node(4).NextClaim
		w.must(by, Entry{Claim: &ClaimEntry{Node: 4, Boot: "b4.0", Number: number, On: true, DurationMS: 1000}})
		w.must(by, Entry{PowerOn: &PowerDone{Node: 4, Number: number, Quiet: true, Text: "no answer"}})
	}
	if w.s.Armed {
		t.Fatal("a full round failed and it still waits")
	}
}

func TestADisarmTakesEffectWhenTheActorGoes(t *testing.T) {
	w := running(t, FeatureDisarm)
	w.must(3, disarm(Arm{}))
	ev := w.view(2, 3, 6, 7)
	if w.s.Armed || !has(ev, EventHandover) || !has(ev, EventDisarm) {
		t.Fatalf("armed %v: nobody acts any more", w.s.Armed)
	}
}

func TestADisarmWaitsNoLongerThanItsTime(t *testing.T) {
	w := running(t, FeatureDisarm)
	w.must(3, disarm(Arm{}))
	since := w.s.Disarm.Since
	w.must(2, disarm(Arm{})) // asked again: not waited for again
	if w.s.Disarm.Since != since || !w.s.Disarming() {
		t.Fatalf("%+v", w.s.Disarm)
	}
	w.refused(2, Entry{TimeOver: &TimeOver{Index: since + 1}}, "nothing that began")
	ev := w.must(2, Entry{TimeOver: &TimeOver{Index: since}})
	if w.s.Armed || !has(ev, EventCanceled) || len(w.s.Node(4).Unquiet) != 1 {
		t.Fatalf("armed %v, %+v", w.s.Armed, w.s.Node(4))
	}
	w.refused(2, Entry{TimeOver: &TimeOver{Index: since}}, "nothing that began") // said by two at once: its time in force has only begun
}

func TestADisarmAtOnceEndsWhatRuns(t *testing.T) {
	w := running(t, FeatureDisarm)
	ev := w.must(3, disarm(Arm{Now: true}))
	if w.s.Armed || !has(ev, EventCanceled) || w.s.Node(4).Victim.Claim != nil {
		t.Fatal("it was to be at once")
	}
	w = running(t, FeatureDisarm)
	w.must(3, disarm(Arm{}))
	w.must(3, disarm(Arm{Now: true}))
	if w.s.Armed || w.s.Disarming() {
		t.Fatal("one that is pending was to take effect at once")
	}
}

func TestArmingTakesAPendingDisarmBack(t *testing.T) {
	w := running(t, FeatureDisarm)
	w.must(3, disarm(Arm{}))
	w.must(2, Entry{Arm: &Arm{Armed: true, By: "op"}})
	if !w.s.Armed || w.s.Disarm != nil {
		t.Fatalf("%+v", w.s.Disarm)
	}
	w.claim(2, 5)
}

func TestAForcedOperationIsNotWaitedFor(t *testing.T) {
	w := newWorld(t, 5)
	w.s.Feature = FeatureDisarm
	w.must(1, Entry{Request: &Request{ID: "r", Node: 5, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op", Force: true}})
	w.claim(1, 5)
	w.must(2, disarm(Arm{}))
	if w.s.Armed || w.s.Node(5).Victim.Claim == nil {
		t.Fatal("an operator's forced command runs in a disarmed cluster too")
	}
}

func TestADisarmForAWhileEndsByItself(t *testing.T) {
	w := newWorld(t, 5)
	w.s.Feature = FeatureDisarm
	w.must(3, disarm(Arm{ForMS: 60_000}))
	since := w.s.Disarm.Since
	w.refused(1, Entry{TimeOver: &TimeOver{Index: since - 1}}, "nothing that began")
	w.must(2, disarm(Arm{ForMS: 90_000})) // another time: it counts from here
	w.refused(1, Entry{TimeOver: &TimeOver{Index: since}}, "nothing that began")
	ev := w.must(1, Entry{TimeOver: &TimeOver{Index: w.s.Disarm.Since}})
	if !w.s.Armed || w.s.Disarm != nil || !has(ev, EventArm) || !w.s.Node(2).Stateful {
		t.Fatalf("armed %v, %+v", w.s.Armed, w.s.Disarm)
	}
	w.must(3, disarm(Arm{}))
	w.refused(1, Entry{TimeOver: &TimeOver{Index: w.s.Disarm.Since}}, "nothing that began") // without a time it lasts
}

// The end of a time arms what was armed before, and nothing else: not what an operator disarmed without an end, nor what nobody ever armed.
func TestADisarmForAWhileArmsNothingAnew(t *testing.T) { // 0080
	w := newWorld(t, 5)
	w.s.Feature = FeatureDisarm
	w.must(3, disarm(Arm{}))
	w.refused(2, disarm(Arm{ForMS: 1000}), "fenced arm first")
	w.refused(2, disarm(Arm{ForMS: 1000, Now: true}), "fenced arm first")
	w.must(2, disarm(Arm{})) // without a time it changes nothing
	w.s.Disarm, w.s.EverArmed = nil, false
	w.refused(2, disarm(Arm{ForMS: 1000}), "fenced arm first")
	w = running(t, FeatureDisarm)
	w.must(3, disarm(Arm{ForMS: 1000}))
	w.must(3, disarm(Arm{ForMS: 2000})) // pending: the cluster is armed
	w.must(3, disarm(Arm{ForMS: 3000, Now: true}))
	w.must(3, disarm(Arm{ForMS: 4000})) // in force with an end
	p := running(t, FeatureDisarm)
	p.must(3, disarm(Arm{}))
	p.refused(2, disarm(Arm{ForMS: 1000}), "without an end is pending") // somebody wants it disarmed for good
	p.refused(2, disarm(Arm{ForMS: 1000, Now: true}), "without an end is pending")
	w.must(3, disarm(Arm{}))
	w.refused(3, disarm(Arm{ForMS: 4000}), "fenced arm first") // its end was taken away
	if w.s.Armed || w.s.Disarm.ForMS != 0 {
		t.Fatalf("%+v", w.s.Disarm)
	}
}

// A power-on waits until the ways of the life that came meanwhile are open, and nothing is opened while a disarm is pending: neither waits for the other.
func TestADisarmDoesNotWaitForWhatWaitsForIt(t *testing.T) { // 0080, R18
	w := cutWorld(t, FeatureDisarm)
	w.view(1, 2)
	w.claim(1, 3)
	p := w.cutProof(3)
	p.Switched = []int{0, 1}
	w.must(1, Entry{Verdict: p})
	w.boots[3]++
	w.view(1, 2, 3)
	w.announce(3, "san")
	if n := w.s.Node(3); n.PowerOn == nil || !w.s.Unfences(n) {
		t.Fatalf("%+v", n)
	}
	w.must(1, disarm(Arm{}))
	if w.s.Armed || w.s.Clean(3) || w.s.Node(3).Cut == nil {
		t.Fatalf("armed %v, waits for %v", w.s.Armed, w.s.Finishing())
	}
	w.must(1, Entry{Arm: &Arm{Armed: true, By: "op"}})
	w.must(1, w.unfence()) // what runs is finished first
	w.must(2, disarm(Arm{}))
	if !w.s.Disarming() {
		t.Fatal("its ways were left half open")
	}
	w.opened(true)
	w.announce(3, "san")
	if w.s.Armed || !w.s.Clean(3) {
		t.Fatalf("it waits for %v", w.s.Finishing())
	}
}

func TestWhoMaySayThatATimeIsOver(t *testing.T) { // R22, R30, I3
	w := newWorld(t, 5)
	w.s.Feature = FeatureDisarm
	w.must(3, disarm(Arm{ForMS: 60_000}))
	over := Entry{TimeOver: &TimeOver{Index: w.s.Disarm.Since}}
	w.s.Node(2).Phase = PhaseDirty
	w.refused(2, over, "no clean member")
	w.s.Node(3).Frozen = w.s.Node(3).Instance
	w.refused(3, over, "no clean member")
	w.view(1, 4)
	w.refused(1, over, fence.ErrNoQuorum.Error())
}

func TestWatchdogsCloseOnlyWhenADisarmIsInForce(t *testing.T) { // R14, 0073
	w := running(t, FeatureDisarm)
	w.must(1, disarm(Arm{}))
	if w.s.Node(2).ClosedAt == w.index {
		t.Fatal("a watchdog may be closed while its cluster is armed")
	}
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 4, Number: 1, Quiet: true, Text: "failed"}})
	if w.s.Armed || w.s.Node(2).ClosedAt != w.index {
		t.Fatalf("closed at %d, disarmed at %d", w.s.Node(2).ClosedAt, w.index)
	}
}

// Below the level a disarm ends what runs at once, as builds that know no other do; what they cannot read is refused by all (R11).
func TestDisarmingAmongOlderBuilds(t *testing.T) {
	w := running(t, FeatureDisarm-1)
	w.refused(3, disarm(Arm{ForMS: 1000}), "R11")
	w.refused(3, disarm(Arm{Now: true}), "R11")
	w.refused(3, Entry{TimeOver: &TimeOver{Index: 1}}, "R11")
	ev := w.must(3, disarm(Arm{}))
	if w.s.Armed || w.s.Disarm != nil || !has(ev, EventCanceled) {
		t.Fatalf("armed %v, %+v: an older build has no such state", w.s.Armed, w.s.Disarm)
	}
	w.refused(3, Entry{Arm: &Arm{Armed: true, ForMS: 1}}, "R11")
	w.s.Feature = FeatureDisarm
	for _, a := range []Arm{{Armed: true, ForMS: 1}, {Armed: true, Now: true}, {ForMS: -1}, {ForMS: MaxForMS + 1}} {
		w.refused(3, disarm(a), "only a disarm")
	}
}

func TestAPendingDisarmSurvivesASnapshot(t *testing.T) {
	w := running(t, FeatureDisarm)
	w.must(3, disarm(Arm{ForMS: 1000}))
	b, err := w.s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Restore(b)
	if err != nil || !s.Disarming() || s.Hash() != w.s.Hash() {
		t.Fatalf("%v, %+v", err, s.Disarm)
	}
	if _, err := s.Apply(s.Index+1, w.origin(1), w.claimEntry(5)); !errors.Is(err, ErrDisarming) {
		t.Fatalf("got %v", err)
	}
}

func TestAVictimArmsAndVouchesForNobody(t *testing.T) { // R22, R19: its daemon may not know yet that it is one
	for _, level := range []int{FeatureJudged - 1, FeatureJudged} {
		w := newWorld(t, 5)
		w.s.Feature = level
		w.view(1, 2, 3, 4)
		w.must(1, Entry{Request: &Request{ID: "r", Node: 4, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op", Reason: "x"}})
		ack := Entry{Ack: &Ack{Node: 5, Boot: w.origin(5).Boot, By: "op", Reason: "unplugged"}}
		if level < FeatureJudged { // what older builds apply is applied
			w.must(4, ack)
			w.must(4, disarm(Arm{}))
			continue
		}
		before := w.s.Rejected
		w.refused(4, ack, "is a victim")
		w.refused(4, disarm(Arm{}), "is a victim")
		w.refused(4, Entry{Arm: &Arm{Armed: true, By: "op"}}, "is a victim")
		if w.s.Rejected != before+3 {
			t.Errorf("%d are counted", w.s.Rejected-before)
		}
		w.must(3, ack)
		w.must(3, disarm(Arm{}))
	}
}

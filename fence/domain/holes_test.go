package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// Sequences that an attacker's reading of SAFETY.md found; each failed before its rule was kept.

func TestAVerdictWhoseOtherLevelIsStillInFlightIsWaitedFor(t *testing.T) { // R9, S5.9 within one walk
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	w.claim(1, 5)
	p := w.proof(5)
	p.Quiet = false // level 1 timed out and may still switch, level 2 proved
	w.must(1, Entry{Verdict: p})
	w.refused(1, Entry{Claim: &ClaimEntry{Node: 5, Boot: "b5.0", Number: 2, On: true, DurationMS: 1000}}, "still have something in flight")
	w.boots[5]++
	w.view(1, 2, 3, 4, 5)
	w.clean(5)
	if w.s.Clean(5) {
		t.Fatal("admitted while the same claim's first level may still cut its power")
	}
	w.must(1, Entry{Returned: &Returned{Node: 5, Number: 1}})
	if !w.s.Clean(5) {
		t.Fatal("not admitted after the calls returned")
	}
}

func TestWhoAnnouncedItselfInTimeIsNotOverdue(t *testing.T) { // R9 waits longer than post_join_delay
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	w.claim(1, 5)
	w.must(2, Entry{ClaimEnd: &ClaimEnd{Node: 5, Number: 1, Expired: true}})
	w.claim(2, 5)
	w.must(2, Entry{Verdict: w.proof(5)})
	w.boots[5]++
	w.view(1, 2, 3, 4, 5)
	w.clean(5)
	n := w.s.Node(5)
	if n.Pending == nil {
		t.Fatal("it should wait for claim 1's quiescence")
	}
	w.must(1, Entry{Overdue: &Overdue{Lives: []fence.Incarnation{w.s.OverdueLife(n), n.Life}}})
	if w.s.Node(5).Victim != nil {
		t.Fatal("a life that announced itself clean in time was made a startup victim")
	}
}

func TestAVirtualMachinesNextLifeIsAdmittedAfterTheVerdict(t *testing.T) { // a hang: nothing settled the pending life
	w := newWorld(t, 3)
	w.s.Node(3).Machine.Virtual = true
	w.view(1, 2)
	w.claim(1, 3)
	w.boots[3]++
	w.view(1, 2, 3)
	w.clean(3)
	w.must(1, Entry{Verdict: w.proof(3)})
	if !w.s.Clean(3) {
		t.Fatalf("the pending life waits for ever: %+v", w.s.Node(3))
	}
}

func TestACleanWordBelongsToOneArrival(t *testing.T) { // S2.16, I4: a word from before an absence admits nobody
	w := newWorld(t, 3)
	stale := w.s.Node(3).Arrived
	w.boots = map[fence.NodeID]int{1: 1, 2: 1}
	w.view(1, 2) // cold start: 3 is unknown
	w.view(1, 2, 3)
	w.refused(3, Entry{Announce: &Announce{Clean: true, Machine: machine(3), Roster: w.s.RosterHash, Since: stale}}, "arrival")
}

func TestADirtyLifeIsNotMadeCleanByAWord(t *testing.T) { // V11: only a reset clears what is left over
	w := newWorld(t, 3)
	w.must(3, Entry{Announce: &Announce{Why: "gfs2", Machine: machine(3), Roster: w.s.RosterHash}})
	w.refused(3, Entry{Announce: &Announce{Clean: true, Machine: machine(3), Roster: w.s.RosterHash}}, "dirty")
	w.must(3, Entry{Announce: &Announce{Unguarded: true, Why: "gfs2", Machine: machine(3), Roster: w.s.RosterHash}})
	if w.s.Node(3).Phase != PhaseDirty {
		t.Fatal("a life that was a stateful member called itself unguarded, and nobody will ever fence it")
	}
}

func TestAStatefulLifesNextDaemonIsNotClean(t *testing.T) { // R12, R26, S2.1: the log remembers what a lost session record forgot
	w := newWorld(t, 3)
	w.boots = map[fence.NodeID]int{1: 1, 2: 1}
	w.view(1, 2)
	same := Origin{Incarnation: fence.Incarnation{Node: 3, Boot: "b3.0"}, Instance: "another daemon"}
	w.index++
	w.s.ApplyView(w.index, []Origin{w.origin(1), w.origin(2), same}, true)
	w.index++
	ev, err := w.s.Apply(w.index, same, Entry{Announce: &Announce{Clean: true, Machine: machine(3), Roster: w.s.RosterHash, Since: w.s.Node(3).Arrived}})
	if err != nil || !has(ev, EventRefused) || w.s.Clean(3) || w.s.OverdueLife(w.s.Node(3)).Boot != "b3.0" {
		t.Fatalf("a stateful life whose daemon crashed was admitted: %+v %v", w.s.Node(3), err)
	}
}

func TestADirtyVoterThatGivesQuorumIsFenced(t *testing.T) { // R21, S2.5, S2.6
	w := newWorld(t, 3)
	w.boots = map[fence.NodeID]int{1: 1, 2: 1, 3: 0}
	w.view(1, 2) // cold start, 3 is unknown
	w.clean(1)
	w.must(2, Entry{Announce: &Announce{Why: "dlm", Machine: machine(2), Roster: w.s.RosterHash}})
	w.must(1, Entry{Overdue: &Overdue{Lives: []fence.Incarnation{w.s.OverdueLife(w.s.Node(2)), w.s.OverdueLife(w.s.Node(3))}}})
	two := w.claimEntry(2)
	two.Claim.Answers = true
	w.refused(1, two, "last") // without it there is no quorum: first who is away
	w.claim(1, 3)
	w.refused(1, two, "last")
	w.must(1, Entry{Verdict: w.proof(3)})
	w.must(1, two)
}

func TestAStuckVictimDoesNotProtectADirtyVoter(t *testing.T) { // R21: last, not never
	w := newWorld(t, 3)
	w.boots = map[fence.NodeID]int{1: 1, 2: 1, 3: 0}
	w.view(1, 2)
	w.clean(1)
	w.must(2, Entry{Announce: &Announce{Why: "dlm", Machine: machine(2), Roster: w.s.RosterHash}})
	w.must(1, Entry{Overdue: &Overdue{Lives: []fence.Incarnation{w.s.OverdueLife(w.s.Node(2)), w.s.OverdueLife(w.s.Node(3))}}})
	w.claim(1, 3)
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 3, Number: 1, Quiet: true, Text: "its BMC is dead"}})
	two := w.claimEntry(2)
	two.Claim.Answers = true
	w.must(1, two)
}

func TestACleanMemberThatAnswersKeepsItsQuorum(t *testing.T) { // R21
	w := newWorld(t, 3)
	w.view(1, 2)
	w.must(1, Entry{Request: &Request{ID: "r", Node: 2, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op", Force: true}})
	w.s.Node(2).Victim.Force = false
	e := w.claimEntry(2)
	e.Claim.Answers = true
	w.refused(1, e, "would not be quorate")
}

func TestALifeOnAnotherMachineIsNotProvenOverByOurDevice(t *testing.T) { // R2, S5.6: the spare's state is not under the old BMC
	foreign := fence.Machine{UUID: "11111111-0000-4000-8000-000000000009"}
	w := newWorld(t, 3)
	w.view(1, 2)
	w.claim(1, 3)
	w.must(1, Entry{Verdict: w.proof(3)})
	w.boots[3]++
	w.view(1, 2, 3)
	w.must(3, Entry{Announce: &Announce{Clean: true, Machine: foreign, Roster: w.s.RosterHash}})
	if l := w.s.OverdueLife(w.s.Node(3)); !l.Zero() {
		t.Fatalf("a clean spare is refused, not fenced by another machine's BMC: %s", l)
	}
	w.must(3, Entry{Announce: &Announce{Why: "gfs2", Machine: foreign, Roster: w.s.RosterHash}})
	w.view(1, 2)
	v := w.s.Node(3).Victim
	if v == nil || !v.Machine.Same(foreign) {
		t.Fatalf("a dirty life elsewhere must be proven over where it ran: %+v", v)
	}
	w.claim(1, 3)
	w.refused(1, Entry{Verdict: w.proof(3)}, "")
}

func TestARefusedMachineMayAnnounceAgainWhenTheRosterNamesIt(t *testing.T) { // a new board
	board := fence.Machine{UUID: "11111111-0000-4000-8000-000000000009"}
	w := newWorld(t, 3)
	w.must(3, Entry{Leave: &Leave{}})
	w.boots[3]++
	w.view(1, 2, 3)
	w.must(3, Entry{Announce: &Announce{Clean: true, Machine: board, Roster: w.s.RosterHash}})
	r := roster(3)
	r.Version = 2
	r.Nodes[2].Machine = &board
	w.must(1, Entry{Roster: &Roster{Roster: r, By: "op"}})
	if n := w.s.Node(3); n.Phase != PhaseJoining || n.Why != "" {
		t.Fatalf("it waits for ever: %+v", n)
	}
	w.must(3, Entry{Announce: &Announce{Clean: true, Machine: board, Roster: w.s.RosterHash}})
	if !w.s.Clean(3) {
		t.Fatalf("%+v", w.s.Node(3))
	}
}

func TestDisarmingStopsWhatRuns(t *testing.T) { // "disarmed: no device is touched but by command"
	w := newWorld(t, 5)
	w.view(1, 2, 3)
	w.claim(1, 4)
	w.must(1, Entry{Verdict: w.proof(4)})
	w.must(1, Entry{Claim: &ClaimEntry{Node: 4, Boot: "b4.0", Number: 2, On: true, DurationMS: 1000}})
	w.claim(2, 5)
	ev := w.must(3, Entry{Arm: &Arm{By: "op"}})
	if w.s.Node(5).Victim == nil || w.s.Node(5).Victim.Claim != nil || len(w.s.Node(5).Unquiet) != 1 || !has(ev, EventCanceled) {
		t.Fatalf("an automatic operation goes on: %+v", w.s.Node(5))
	}
	if p := w.s.Node(4).PowerOn; p == nil || p.Claim != nil {
		t.Fatalf("power-on goes on: %+v", p)
	}
	w.must(1, Entry{Returned: &Returned{Node: 4, Number: 2}})
	w.refused(1, Entry{Claim: &ClaimEntry{Node: 4, Boot: "b4.0", Number: 3, On: true, DurationMS: 1000}}, fence.ErrNotArmed.Error())
	w.must(1, Entry{Arm: &Arm{Armed: true, By: "op"}})
	w.claim(1, 5)
}

func TestAForcedOperationIsFinishedWhileDisarmed(t *testing.T) {
	w := newWorld(t, 5)
	w.must(1, Entry{Arm: &Arm{By: "op"}})
	w.must(1, Entry{Request: &Request{ID: "r", Node: 5, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op", Force: true}})
	w.claim(1, 5)
	w.must(1, Entry{Verdict: w.proof(5)})
	w.must(1, Entry{Claim: &ClaimEntry{Node: 5, Boot: "b5.0", Number: 2, On: true, DurationMS: 1000}})
}

func TestASuspectIsNotForgottenBecauseAnotherDaemonCame(t *testing.T) { // R30: a lost victim
	for name, boot := range map[string]int{"another daemon of the same life": 0, "another life": 1} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 5)
			w.s.Node(3).Machine.Virtual = true // its next boot id proves nothing
			w.view(1, 2)                       // 3, 4, 5 are suspect
			came := Origin{Incarnation: fence.Incarnation{Node: 3, Boot: w.origin(3).Boot}, Instance: "new"}
			if boot == 1 {
				came.Boot = "b3.1"
			}
			w.index++
			w.s.ApplyView(w.index, []Origin{w.origin(1), came}, false)
			w.index++
			w.s.ApplyView(w.index, []Origin{w.origin(1), w.origin(2), came}, true)
			if v := w.s.Node(3).Victim; v == nil || v.Boot != "b3.0" {
				t.Fatalf("the life that vanished is nobody's victim: %+v", w.s.Node(3))
			}
		})
	}
}

func TestAnActorThatStopsBeingCleanLosesItsClaims(t *testing.T) { // R7, R22
	for name, e := range map[string]Entry{"leaves": {Leave: &Leave{}}, "is dirty": {Announce: &Announce{Why: "x", Machine: machine(1)}}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 5)
			w.view(1, 2, 3, 4)
			w.claim(1, 5)
			w.must(1, e)
			if n := w.s.Node(5); n.Victim.Claim != nil || len(n.Unquiet) != 1 {
				t.Fatalf("its claim blocks until it expires: %+v", n.Victim.Claim)
			}
			w.claim(2, 5)
		})
	}
}

func TestOnlyAMemberLeavesCleanly(t *testing.T) { // R10: an unknown life that never scanned is not excused by a word
	w := newWorld(t, 3)
	w.boots = map[fence.NodeID]int{1: 1, 2: 1}
	w.view(1, 2)
	w.view(1, 2, 3)
	w.refused(3, Entry{Leave: &Leave{}}, "clean member")
}

func TestWhoTriedMayTryAgainWhenTheOthersDoNotCome(t *testing.T) { // R8: a member whose loop hangs must not block for ever
	w := newWorld(t, 3)
	w.view(1, 2)
	w.claim(1, 3)
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 3, Number: 1, Quiet: true}})
	w.refused(1, w.claimEntry(3), "turn of")
	e := w.claimEntry(3)
	e.Claim.Again = true
	w.must(1, e)
}

func TestANodeOfAnotherTimeKeepsNumbersApart(t *testing.T) { // R7: numbers never repeat, R9: nothing in flight is forgotten
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	w.claim(1, 5)
	p := w.proof(5)
	p.Quiet = false
	w.must(1, Entry{Verdict: p})
	without := roster(5)
	without.Version, without.Nodes = 2, without.Nodes[:4]
	w.refused(1, Entry{Roster: &Roster{Roster: without, By: "op"}}, "in flight")
	w.must(1, Entry{Returned: &Returned{Node: 5, Number: 1}})
	w.must(1, Entry{Roster: &Roster{Roster: without, By: "op"}})
	again := roster(5)
	again.Version = 3
	w.must(1, Entry{Roster: &Roster{Roster: again, By: "op"}})
	if n := w.s.Node(5); n.NextClaim <= 1 {
		t.Fatalf("claim numbers of node 5 begin again at %d", n.NextClaim)
	}
}

func TestANodeThatNeverCameCanBeRemovedAfterItsVerdict(t *testing.T) { // R5
	w := newWorld(t, 3)
	for i := range w.s.Nodes {
		if n := &w.s.Nodes[i]; n.ID == 3 {
			*n = Node{ID: 3, Phase: PhaseAbsent, NextClaim: 1, Unknown: true}
		}
	}
	w.view(1, 2)
	w.must(1, Entry{Overdue: &Overdue{Lives: []fence.Incarnation{w.s.OverdueLife(w.s.Node(3))}}})
	w.must(1, Entry{Ack: &Ack{Node: 3, Boot: w.s.Node(3).Victim.Boot, By: "op", Reason: "never bought"}})
	r := roster(3)
	r.Version, r.Nodes = 2, r.Nodes[:2]
	w.must(1, Entry{Roster: &Roster{Roster: r, By: "op"}})
}

func TestOffAfterAVerdictHoldsOff(t *testing.T) { // R29: satisfied means satisfied
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	w.claim(1, 5)
	w.must(1, Entry{Verdict: w.proof(5)})
	off := Entry{Request: &Request{ID: "r", Node: 5, Boot: "b5.0", Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}}
	ev := w.must(1, off)
	if n := w.s.Node(5); !n.OffHeld || n.PowerOn != nil || len(ev) != 1 || ev[0].Verdict == nil {
		t.Fatalf("it says held off and powers it on: %+v", n)
	}
}

// R27: dlm sees what the membership saw, only later: it asks for a life whose verdict is there and whose power-on waits. It is not cut again.
func TestAReportBehindTheVerdictFindsItSatisfied(t *testing.T) {
	ask := func(a fence.Action) Entry {
		return Entry{Request: &Request{ID: "r", Node: 5, Action: a, Cause: fence.CauseReported, By: "fence_dlm", Reason: "dlm"}}
	}
	after := func(level int) *world {
		w := newWorld(t, 5)
		w.s.Feature = level
		w.view(1, 2, 3, 4)
		w.claim(1, 5)
		w.must(1, Entry{Verdict: w.proof(5)})
		if n := w.s.Node(5); n.PowerOn == nil || n.PowerOn.Claim != nil {
			t.Fatalf("%+v", n)
		}
		return w
	}
	w := after(FeatureReturners)
	ev := w.must(2, ask(fence.ActionReboot))
	if n := w.s.Node(5); n.Victim != nil || n.PowerOn == nil || len(ev) != 1 || ev[0].Verdict == nil {
		t.Errorf("it is a victim again: %+v %+v", n, ev)
	}
	if n := w.s.Node(5); n.PowerOn != nil {
		w.must(2, ask(fence.ActionOff))
		if n = w.s.Node(5); n.Victim != nil || n.PowerOn != nil || !n.OffHeld {
			t.Errorf("it is not held off: %+v", n)
		}
	}
	w = after(FeatureReturners - 1)
	if w.must(2, ask(fence.ActionReboot)); w.s.Node(5).Victim == nil {
		t.Error("what older members do not know was done before all knew it")
	}
}

func TestAMembersNewRosterHashMakesItEligible(t *testing.T) { // R5, S5.8: after apply and ConfigChanged
	w := newWorld(t, 3)
	w.stateless(2)
	r := roster(3)
	r.Version, r.Timing.PingMS, r.Policy.IdleStateless = w.s.Roster.Version+1, 77, true
	w.must(1, Entry{Roster: &Roster{Roster: r, By: "op"}})
	if len(w.s.Eligibles()) != 0 {
		t.Fatal("a member whose file differs acts")
	}
	ev := w.clean(2)
	if !w.s.Eligible(2) || w.s.Node(2).Stateful || has(ev, EventClean) {
		t.Fatalf("it announced the same roster again: %+v %+v", w.s.Node(2), ev)
	}
}

func TestWhatWaitsIsBounded(t *testing.T) { // R9: every ended claim is waited for, so not more begin than can be remembered
	w := newWorld(t, 3)
	w.view(1, 2)
	for range maxUnquiet {
		e := w.claimEntry(3)
		e.Claim.Again = true
		w.must(1, e)
		w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 3, Number: e.Claim.Number}})
	}
	w.refused(1, w.claimEntry(3), "in flight")
	w.must(2, Entry{Returned: &Returned{Node: 3, Number: 1, Elapsed: true}})
	e := w.claimEntry(3)
	e.Claim.Again = true
	w.must(1, e)
}

package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// joinedWorld: nodes 2 and 3 of three went at once, and a new life of 2 gives quorum again.
func joinedWorld(t *testing.T) *world {
	w := newWorld(t, 3)
	w.s.Feature = FeatureReturners
	w.boots[2]++
	w.view(1, 2)
	return w
}

// An older build knows nothing of this: until all members have the level, all of them judge as it does.
func TestClaimsAreJudgedAsBeforeUntilAllKnowReturners(t *testing.T) { // R11, V18
	w := newWorld(t, 3)
	w.s.Feature = FeatureReturners - 1
	w.boots[2]++
	w.view(1, 2)
	w.refused(1, w.claimEntry(2), "last")
	w.claim(1, 3)
	w.boots[3]++
	w.view(1, 2, 3)
	w.claim(1, 2)
	for _, id := range []fence.NodeID{2, 3} {
		if w.s.Node(id).Victim.Joined != 0 {
			t.Errorf("node %d has a field that an older build does not read", id)
		}
	}
	for i := range w.s.Nodes { // the level is raised while both are claimed
		w.s.Nodes[i].Feature = FeatureReturners
	}
	w.must(1, Entry{Feature: &Feature{Level: FeatureReturners}})
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 2, Number: 1, Quiet: true}})
	w.refused(1, w.claimEntry(2), "last")
}

func TestTwoThatCameBackTogetherAreNotCutTogether(t *testing.T) { // R21, pitfall 11: nobody could switch them on again
	w := joinedWorld(t)
	w.claim(1, 3)
	w.boots[3]++
	w.view(1, 2, 3)
	two := w.claimEntry(2)
	w.refused(1, two, "last") // the power of node 3 may be cut at any moment
	w.clean(3)
	if n := w.s.Node(3); n.Pending == nil || len(n.Unquiet) != 1 {
		t.Fatalf("the claim should be cancelled and waited for: %+v", n)
	}
	w.refused(1, two, "last") // and still may
	w.must(1, Entry{Returned: &Returned{Node: 3, Number: 1}})
	w.must(1, two)
}

func TestAnOffInFlightCountsAfterTheVerdict(t *testing.T) { // R21, R9: the proof came by one level, another one may act yet
	w := joinedWorld(t)
	w.claim(1, 3)
	p := w.proof(3)
	p.Quiet = false
	w.must(1, Entry{Verdict: p})
	w.boots[3]++
	w.view(1, 2, 3)
	w.refused(1, w.claimEntry(2), "last")
	w.must(1, Entry{Returned: &Returned{Node: 3, Number: 1}})
	w.claim(1, 2)
}

func TestADrilledVoterGivesNoQuorum(t *testing.T) { // R21: its power is about to be cut, by an operator's wish
	w := joinedWorld(t)
	w.claim(1, 3)
	w.must(1, Entry{Verdict: w.proof(3)})
	w.boots[3]++
	w.view(1, 2, 3)
	w.s.Node(3).Drill = &Drill{Claim: &Claim{Number: 2}}
	w.refused(1, w.claimEntry(2), "last")
	w.s.Node(3).Drill = nil
	w.claim(1, 2)
}

func TestAVoterWhoseWalkFailsHoldsUpNobody(t *testing.T) { // R21, L2: last, not never
	w := joinedWorld(t)
	w.claim(1, 3)
	w.boots[3]++
	w.view(1, 2, 3)
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 3, Number: 1, Text: "its BMC does not answer"}}) // and may act yet
	w.must(1, w.claimEntry(2))
	w.refused(1, w.claimEntry(3), "last") // now it is node 2 that may go at any moment
}

// R21, 0063: a voter that gives quorum waits also behind a victim that nobody claims, because the brake holds it or it lives elsewhere: it is a person
// who must answer for that one, and he needs the quorum.
func TestAVoterWaitsBehindAVictimThatWaitsForAPerson(t *testing.T) {
	w := joinedWorld(t)
	if v := w.s.Node(3).Victim; v == nil || v.Claim != nil || v.Round != 0 {
		t.Fatalf("nobody claims it: %+v", v)
	}
	if o := w.s.Before(w.s.Node(2)); o == nil || o.ID != 3 {
		t.Fatalf("the voter waits for %+v", o)
	}
	w.refused(1, w.claimEntry(2), "last")
	w.must(1, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	w.claim(1, 3) // he answers
	w.must(1, Entry{Verdict: w.proof(3)})
	w.claim(1, 2)
}

func TestAnOperatorDoesNotWaitForOtherClaims(t *testing.T) { // R21
	w := joinedWorld(t)
	w.claim(1, 3)
	w.boots[3]++
	w.view(1, 2, 3)
	w.must(1, Entry{Request: &Request{ID: "r", Node: 2, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
	w.claim(1, 2)
}

func TestWhoIsReportedWaitsForOtherClaims(t *testing.T) { // R21, pitfall 11: both claims may be asked for at once, so the log decides
	w := joinedWorld(t)
	w.claim(1, 3)
	w.boots[3]++
	w.view(1, 2, 3)
	v := w.s.Node(2).Victim
	v.Cause = fence.CauseReported
	w.refused(1, w.claimEntry(2), "last")
	w.s.Feature = FeatureReturners - 1
	if _, err := (&world{t: t, s: w.s, index: w.index, boots: w.boots}).apply(1, w.claimEntry(2)); err != nil {
		t.Errorf("an older build takes it: %v", err)
	}
}

func TestWhoMayBeJustComing(t *testing.T) { // pitfall 11
	w := newWorld(t, 5)
	w.s.Feature = FeatureReturners
	w.view(1, 2, 3, 4)
	if v := w.s.Node(5).Victim; v == nil || v.Joined != 0 {
		t.Fatalf("those who stayed are quorate: %+v", v)
	}
	w.boots[3]++
	w.view(1, 2, 3)
	at := w.index
	for _, id := range []fence.NodeID{3, 4, 5} {
		if v := w.s.Node(id).Victim; v == nil || v.Joined != at {
			t.Fatalf("a join gave quorum, node %d may be coming too: %+v", id, v)
		}
	}
	w.boots[3]++
	w.view(1, 2, 3)
	if v := w.s.Node(5).Victim; v.Joined != at {
		t.Fatal("it is waited for again, by whoever comes and goes")
	}
}

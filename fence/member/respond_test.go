package member_test

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/member"
)

// Of all combinations exactly one resets the machine: dirty, armed, cleared by a reset, and so wanted by policy (R24, R25).
func TestRespond(t *testing.T) {
	for _, outcome := range []member.Outcome{member.OutcomeClean, member.OutcomeDirty, member.OutcomeUnguarded} {
		for _, resettable := range []bool{true, false} {
			for _, armed := range []bool{true, false} {
				for _, policy := range []string{fence.ResidualSelfFence, fence.ResidualVoteOnly, fence.ResidualHalt, "", "nonsense"} {
					got := member.Respond(outcome, resettable, armed, policy)
					resets := outcome == member.OutcomeDirty && resettable && armed && policy == fence.ResidualSelfFence
					if (got == member.ResponseSelfFence) != resets {
						t.Errorf("%s, a reset clears it %t, armed %t, %s: %s", outcome, resettable, armed, policy, got)
					}
					if (got == member.ResponseAnnounce) != (outcome == member.OutcomeClean) {
						t.Errorf("%s: %s", outcome, got)
					}
				}
			}
		}
	}
	for policy, want := range map[string]member.Response{fence.ResidualVoteOnly: member.ResponseVoteOnly, fence.ResidualHalt: member.ResponseHalt} {
		if got := member.Respond(member.OutcomeDirty, true, true, policy); got != want {
			t.Errorf("%s: %s", policy, got)
		}
	}
	if got := member.Respond(member.OutcomeDirty, true, false, fence.ResidualSelfFence); got != member.ResponseObserve {
		t.Errorf("not armed: %s", got)
	}
	if got := member.Respond(member.OutcomeDirty, false, true, fence.ResidualSelfFence); got != member.ResponseStay {
		t.Errorf("a reset does not clear it: %s", got)
	}
}

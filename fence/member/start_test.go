package member

import "testing"

// TestStartTable is the start table of DESIGN.md, a case for each row.
func TestStartTable(t *testing.T) {
	cases := []struct {
		name    string
		session Session
		residue bool
		life    LifeWord
		want    Outcome
	}{
		{"any, any, victim", Session{State: SessionNone}, false, LifeVictim, OutcomeDirty},
		{"closed, none, victim", Session{State: SessionClosed}, false, LifeVictim, OutcomeDirty},
		{"none, none", Session{State: SessionNone}, false, LifeNone, OutcomeClean},
		{"none, some, never armed", Session{State: SessionNone}, true, LifeNone, OutcomeUnguarded},
		{"none, some, was armed", Session{State: SessionNone, EverArmed: true}, true, LifeNone, OutcomeDirty},
		{"open stateless, none, member or gone", Session{State: SessionStateless}, false, LifeMember, OutcomeClean},
		{"open stateless, none, unknown since a cold start", Session{State: SessionStateless}, false, LifeNone, OutcomeClean},
		{"open stateless, some", Session{State: SessionStateless}, true, LifeMember, OutcomeDirty},
		{"open stateful, none, no planned restart", Session{State: SessionStateful}, false, LifeMember, OutcomeDirty},
		{"open stateful, none, a valid planned restart", Session{State: SessionStateful}, false, LifeResumes, OutcomeResume},
		{"open stateful, some, a valid planned restart", Session{State: SessionStateful}, true, LifeResumes, OutcomeResume},
		{"none, some, a planned restart without its record", Session{State: SessionNone, EverArmed: true}, true, LifeResumes, OutcomeDirty},
		{"unreadable, some, a planned restart", Session{State: SessionUnreadable}, true, LifeResumes, OutcomeDirty},
		{"open stateful, some, no planned restart", Session{State: SessionStateful}, true, LifeNone, OutcomeDirty},
		{"closed, none", Session{State: SessionClosed}, false, LifeNone, OutcomeClean},
		{"closed, some", Session{State: SessionClosed}, true, LifeNone, OutcomeDirty},
		{"unreadable, none", Session{State: SessionUnreadable}, false, LifeNone, OutcomeDirty},
		{"unreadable, some, never armed", Session{State: SessionUnreadable}, true, LifeNone, OutcomeDirty},
		{"a word that nobody knows", Session{State: "?"}, false, LifeNone, OutcomeDirty},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, why := StartTable(c.session, c.residue, c.life)
			if got != c.want {
				t.Fatalf("outcome %s (%s), want %s", got, why, c.want)
			}
			if got != OutcomeClean && got != OutcomeResume && why == "" {
				t.Fatal("an outcome that is not clean says why")
			}
		})
	}
}

package domain

import (
	"fmt"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

func loginEntry(device, class, login string) Entry {
	e := healthEntry(device, class)
	e.Health.Login = login
	return e
}

func TestARefusedLoginIsRememberedWithItsSecret(t *testing.T) { // R28: another secret is another login
	w := healthWorld(t)
	tries := func(login string, want int) {
		t.Helper()
		if l, ok := w.s.RefusedLogin("bmc-3", login); ok != (want > 0) || l.Tries != want {
			t.Errorf("login %q: %+v, want %d tries", login, l, want)
		}
	}
	w.must(1, loginEntry("bmc-3", HealthAuth, "old"))
	tries("old", 1)
	tries("new", 0)
	w.view(1, 2)
	end := func(number uint64, as ...Attempt) {
		t.Helper()
		by := fence.NodeID(2 - number%2) // in turn (R8)
		w.claim(by, 3)
		w.must(by, Entry{ClaimEnd: &ClaimEnd{Node: 3, Number: number, Quiet: true, Attempts: as}})
	}
	refused := func(login string) Attempt { return Attempt{Device: "bmc-3", Class: HealthAuth, Login: login} }
	end(1, refused("old"))
	end(2, refused("new"))
	tries("old", 2)
	tries("new", 1)
	end(3, Attempt{Class: HealthAuth, Text: "passed over"}) // no login was made
	tries("old", 2)
	end(4, Attempt{Device: "bmc-3", Class: Healthy, Login: "new"})
	tries("old", 2)
	tries("new", 0)
	if w.s.LoginRefused("bmc-3") {
		t.Error("a login works, so probes go on")
	}
}

func TestRefusedLoginsAreBounded(t *testing.T) { // R28
	w := healthWorld(t)
	for i := range 2*minLogins + 1 {
		w.must(1, loginEntry("bmc-3", HealthAuth, fmt.Sprint(i)))
	}
	for range 2 * maxTries {
		w.must(1, loginEntry("bmc-2", HealthAuth, "x"))
	}
	if _, ok := w.s.RefusedLogin("bmc-3", fmt.Sprint(2*minLogins)); !ok || len(w.s.Logins) != minLogins+1 {
		t.Errorf("%+v", w.s.Logins)
	}
	if l, _ := w.s.RefusedLogin("bmc-2", "x"); l.Tries != maxTries {
		t.Errorf("%+v", l)
	}
	r := roster(3)
	r.Version = 2
	r.Nodes[2].Levels, r.Devices = nil, r.Devices[:2]
	w.must(1, Entry{Roster: &Roster{Roster: r}})
	if len(w.s.Logins) != 1 {
		t.Errorf("of a device that is gone: %+v", w.s.Logins)
	}
}

// A member of an older build has no word for a refused login, nor for when a person asked.
func TestRefusedLoginsWaitUntilAllKnowThem(t *testing.T) { // R11, V18
	w := healthWorld(t)
	w.s.Feature, w.s.Nodes[1].Feature = FeatureHealth-1, FeatureHealth-1
	request := Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}}
	w.view(1, 2)
	w.claim(1, 3)
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 3, Number: 1, Quiet: true, Attempts: []Attempt{{Device: "bmc-3", Class: HealthAuth}}}})
	w.must(1, request)
	if len(w.s.Logins) != 0 || w.s.Node(3).Victim.AskedAt != 0 {
		t.Fatalf("a member of an older build has another state: %+v", w.s.Logins)
	}
	w.s.Feature, w.s.Nodes[1].Feature = FeatureHealth, FeatureHealth
	w.must(1, request)
	if w.s.Node(3).Victim.AskedAt != w.s.Index {
		t.Error("a person asked, and nobody knows when")
	}
}

// What became of a login is news once, to each secret of its own; only a login that was made says anything.
func TestWhatIsNewsOfALogin(t *testing.T) { // R28
	w := healthWorld(t)
	news := func(login, class string, want bool) {
		t.Helper()
		if got := w.s.LoginNews("bmc-3", login, class); got != want {
			t.Errorf("login %q %s: news %t", login, class, got)
		}
	}
	news("old", HealthAuth, true)
	news("old", Healthy, false)
	w.must(1, loginEntry("bmc-3", HealthAuth, "old"))
	news("old", HealthAuth, false)
	news("new", HealthAuth, true)
	news("new", Healthy, true) // the device is said to refuse
	news("old", "timeout", false)
	if !w.s.Repeats("bmc-3", "old") || w.s.Repeats("bmc-3", "new") || w.s.Repeats("bmc-2", "old") {
		t.Error("a login is taken for another one")
	}
	w.must(1, loginEntry("bmc-3", Healthy, "new"))
	news("new", Healthy, false)
	news("old", Healthy, true)    // it is remembered as refused
	news("old", HealthAuth, true) // the device was said to be well
	if w.s.Repeats("bmc-3", "old") {
		t.Error("the device accepted a login since, and a probe may not ask")
	}
}

// A node that is given up is walked at once, whatever its devices refused before: a person asks for it by name (R4).
func TestAPersonWhoRecoversAsksByName(t *testing.T) { // R28
	w := healthWorld(t)
	ruined(t, w, LostNode{Node: 1}, LostNode{Node: 2})
	for id := fence.NodeID(1); id <= 2; id++ {
		if v := w.s.Node(id).Victim; v.AskedAt != w.s.Index {
			t.Errorf("node %d is asked for at %d, want %d", id, v.AskedAt, w.s.Index)
		}
	}
}

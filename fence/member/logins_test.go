package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// tried is when an operation logged in to bmc-3.
type tried struct {
	at int64
	by fence.NodeID
}

// lockable is three nodes of which the third is dead and its BMC refuses every login of a fence for which refuse says so.
func lockable(t *testing.T, refuse func(by fence.NodeID) bool) (*cluster, *[]tried) {
	c := newCluster(t, 3, true)
	var logins []tried
	c.refuses = func(by fence.NodeID, device string) bool {
		if device != "bmc-3" || c.dom(1).Node(3).Victim == nil {
			return false
		}
		logins = append(logins, tried{c.now, by})
		return refuse(by)
	}
	c.onProbe = func(_ fence.NodeID, p Probe) *Probed { return c.wellProbed(p) }
	c.run(minute)
	c.kill(3)
	c.install()
	c.until(minute, "node 3 to be a victim", func() bool { return !c.resolved() })
	return c, &logins
}

func (c *cluster) resolved() bool { return c.dom(1).Node(3).Victim == nil }

// Endless rounds of endless actors would lock the account; and a BMC that refused for a while must not be given up.
//
// part of: S5.18
func TestAFenceDoesNotRepeatARefusedLogin(t *testing.T) { // R28
	refuse := true
	c, logins := lockable(t, func(fence.NodeID) bool { return refuse })
	c.run(10 * minute)
	if n := len(*logins); n < 3 || n > 5 || c.resolved() {
		t.Fatalf("%d logins in ten minutes, want five at most and not none for long: %v", n, *logins)
	}
	for i, l := range (*logins)[1:] {
		if gap := l.at - (*logins)[i].at; gap < loginPauseMS<<i {
			t.Errorf("login %d came %d ms after the one before", i+2, gap)
		}
	}
	refuse = false
	c.until(loginPauseMaxMS+minute, "it to be fenced", c.resolved)
	if len(c.dom(1).Logins) != 0 {
		t.Errorf("it worked, and is remembered as refused: %+v", c.dom(1).Logins)
	}
}

func TestARefusedLoginOfOneSecretLetsTheOthersTry(t *testing.T) { // R28
	c, logins := lockable(t, func(by fence.NodeID) bool { return by == 1 })
	c.give(c.n(1), ConfigChanged{RosterHash: c.dom(1).RosterHash, Logins: map[string]string{"bmc-3": "old"}})
	c.give(c.n(2), ConfigChanged{RosterHash: c.dom(1).RosterHash, Logins: map[string]string{"bmc-3": "new"}})
	c.until(20_000, "node 2 to fence it", c.resolved)
	if (*logins)[0].by != 1 || (*logins)[1].by != 2 {
		t.Errorf("%v", *logins)
	}
}

// What a probe was refused is no reason to try again soon either, and a person's word is one, once.
func TestAnOperatorsWordTriesARefusedLoginOnce(t *testing.T) { // R28
	c, logins := lockable(t, func(fence.NodeID) bool { return true })
	c.run(5000)
	if len(*logins) != 1 {
		t.Fatalf("%v", *logins)
	}
	c.give(c.n(2), Requested{Reply: 7, Entry: domain.Entry{Request: &domain.Request{ID: "r", Node: 3, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op", Reason: "password corrected"}}})
	c.run(20_000) // less than the pause
	if len(*logins) != 2 {
		t.Errorf("%v", *logins)
	}
}

func TestACorrectedSecretIsTriedAtOnce(t *testing.T) { // R28
	right := false
	c, logins := lockable(t, func(fence.NodeID) bool { return !right })
	c.run(5000)
	right = true
	c.give(c.n(2), ConfigChanged{RosterHash: c.dom(1).RosterHash, Logins: map[string]string{"bmc-3": "new"}})
	c.until(18_000, "node 2 to fence it", c.resolved)
	if l := *logins; len(l) < 2 || l[0].by != 1 || l[1].by != 2 {
		t.Errorf("%v", l)
	}
}

// An actor whose word on its walk is lost knows all the same what it was refused.
func TestARefusedLoginIsRememberedWithoutTheLog(t *testing.T) { // R28
	c, logins := lockable(t, func(fence.NodeID) bool { return true })
	c.onPropose = func(_ fence.NodeID, p Propose) bool { return p.Entry.ClaimEnd != nil && !p.Entry.ClaimEnd.Expired }
	c.run(3 * minute)
	last := map[fence.NodeID]int64{}
	for _, l := range *logins {
		if was, ok := last[l.by]; ok && l.at-was < loginPauseMS {
			t.Errorf("node %d tried again after %d ms", l.by, l.at-was)
		}
		last[l.by] = l.at
	}
	if len(*logins) < 2 || len(c.dom(1).Logins) != 0 {
		t.Errorf("%v, the log knows %+v", *logins, c.dom(1).Logins)
	}
}

// A flapping node ends each claim before the actor's word is in the log: what it was refused counts all the same.
func TestARefusedLoginIsRememberedBeyondItsClaim(t *testing.T) { // R28
	c, logins := lockable(t, func(fence.NodeID) bool { return true })
	c.onPropose = func(_ fence.NodeID, p Propose) bool { return p.Entry.ClaimEnd != nil }
	begun := c.now
	for range 3 {
		c.until(15_000, "an actor to have claimed", func() bool { v := c.dom(1).Node(3).Victim; return v != nil && v.Claim != nil })
		c.run(100) // the login is made and refused
		c.boot(3)
		c.install()
		c.until(5000, "it to be back", c.resolved)
		c.kill(3)
		c.install()
	}
	if ms := c.now - begun; ms > loginPauseMS || len(c.dom(1).Logins) != 0 {
		t.Fatalf("%d ms passed, the log knows %+v: this proves nothing", ms, c.dom(1).Logins)
	}
	by := map[fence.NodeID]int{}
	for _, l := range *logins {
		if by[l.by]++; by[l.by] > 1 {
			t.Errorf("node %d repeats the login: %v", l.by, *logins)
		}
	}
	if len(by) == 0 {
		t.Error("nobody logged in")
	}
}

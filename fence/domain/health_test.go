package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

func healthEntry(device, class string) Entry {
	return Entry{Health: &HealthEntry{Health: DeviceHealth{Device: device, Mapping: "map-" + device, Class: class, Named: class == Healthy}}}
}

func healthWorld(t *testing.T) *world { return drillWorld(t, 3) }

// An older build has no word for health: until all members have the level, it is in nobody's state.
func TestHealthWaitsUntilAllKnowIt(t *testing.T) { // R11, V18
	w := healthWorld(t)
	w.s.Feature, w.s.Nodes[1].Feature = FeatureHealth-1, FeatureHealth-1
	w.refused(1, healthEntry("bmc-3", Healthy), "R11")
	w.view(1, 2)
	w.claim(1, 3)
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 3, Number: 1, Quiet: true, Attempts: []Attempt{{Device: "bmc-3", Class: HealthAuth}}}})
	w.refused(1, Entry{Feature: &Feature{Level: FeatureHealth}}, "feature level")
	if len(w.s.Health) != 0 || w.s.LoginRefused("bmc-3") {
		t.Fatalf("a member of an older build has another state: %+v", w.s.Health)
	}
	w.s.Nodes[1].Feature = FeatureHealth
	w.must(1, Entry{Feature: &Feature{Level: FeatureHealth}})
	w.claim(2, 3)
	w.must(2, Entry{ClaimEnd: &ClaimEnd{Node: 3, Number: 2, Quiet: true, Attempts: []Attempt{{Device: "bmc-3", Class: HealthAuth}}}})
	if !w.s.LoginRefused("bmc-3") {
		t.Error("with the level it is remembered")
	}
}

func TestWhatAFenceWasRefusedIsKnownToAll(t *testing.T) { // R28: else the probes of all others repeat it
	w := healthWorld(t)
	w.s.Roster.Nodes[2].Levels = []fence.Level{{Steps: []fence.Step{{Device: "bmc-3", Target: "7"}}}}
	w.byHand()
	w.view(1, 2)
	end := func(number uint64, as ...Attempt) []Event {
		t.Helper()
		by := fence.NodeID(2 - number%2) // in turn (R8)
		w.claim(by, 3)
		return w.must(by, Entry{ClaimEnd: &ClaimEnd{Node: 3, Number: number, Quiet: true, Attempts: as}})
	}
	refused := Attempt{Device: "bmc-3[7]", Class: HealthAuth, Text: "wrong password"}
	if !has(end(1, Attempt{Device: "bmc-3[7]", Class: Healthy}, refused), EventHealth) || !w.s.LoginRefused("bmc-3") {
		t.Fatalf("its newest word counts: %+v", w.s.Health)
	}
	end(2, Attempt{Device: "bmc-9", Class: HealthAuth}, Attempt{Device: "bmc-3[7]", Class: "timeout"})
	if len(w.s.Health) != 1 || !w.s.LoginRefused("bmc-3") {
		t.Errorf("silence takes nothing back, and what no level has is nobody's: %+v", w.s.Health)
	}
	end(3, refused, Attempt{Device: "bmc-3[7]", Class: Healthy})
	if w.s.LoginRefused("bmc-3") {
		t.Error("the login worked again")
	}
}

func TestHealthIsTakenFromWhoMayKnow(t *testing.T) { // R28
	w := healthWorld(t)
	w.refused(1, healthEntry("bmc-9", Healthy), "no level has this device")
	w.refused(1, Entry{Health: &HealthEntry{Health: DeviceHealth{Device: "bmc-3", Mapping: "another", Class: Healthy}}}, "no level has this device")
	w.refused(1, Entry{Health: &HealthEntry{Health: DeviceHealth{Device: "bmc-3", Target: "7", Mapping: "map-bmc-3", Class: Healthy}}}, "no level has this device")
	w.refused(1, healthEntry("bmc-3", "splendid"), "is no class")
	w.must(3, Entry{Leave: &Leave{}})
	w.refused(3, healthEntry("bmc-3", Healthy), "no clean member")
	if !has(w.must(1, healthEntry("bmc-3", Healthy)), EventHealth) || has(w.must(1, healthEntry("bmc-3", Healthy)), EventHealth) {
		t.Error("a change is an event, the same again is none")
	}
	w.view(1)
	w.refused(1, healthEntry("bmc-3", Healthy), "quorum")
}

func TestFenceable(t *testing.T) {
	w := healthWorld(t)
	two := fence.Level{Steps: []fence.Step{{Device: "bmc-3"}, {Device: "bmc-2"}}}
	w.s.Roster.Nodes[2].Levels = []fence.Level{two, {Steps: []fence.Step{{Ask: fence.AskHuman}}}}
	expect := func(ok, known bool) {
		t.Helper()
		if o, k := w.s.Fenceable(3); o != ok || k != known {
			t.Errorf("fenceable %t known %t, want %t %t", o, k, ok, known)
		}
	}
	expect(false, false)
	w.must(1, healthEntry("bmc-3", Healthy))
	expect(false, false) // half of a level is none
	w.must(1, healthEntry("bmc-2", "unreachable"))
	expect(false, true)
	w.must(1, healthEntry("bmc-2", Healthy))
	expect(true, true)
	w.must(1, healthEntry("bmc-3", HealthAuth))
	expect(false, true)
	nameless := healthEntry("bmc-3", Healthy)
	nameless.Health.Health.Named = false
	w.must(1, nameless)
	expect(false, true) // it answers, and no drill has proven whose it is (R16 a)
	w.s.Node(3).Machine = fence.Machine{}
	expect(false, false) // nor could it: the node has not said yet which machine it is
	w.s.Node(3).Machine = machine(3)
	w.must(1, healthEntry("bmc-2", "timeout"))
	expect(false, true)
	w.must(1, healthEntry("bmc-2", Healthy))
	w.s.Node(3).Proven = []string{two.Proof(two.Steps[0], w.s.Roster.Devices)}
	expect(true, true)
	w.must(1, healthEntry("bmc-3", "timeout"))
	w.s.Roster.Nodes[2].Levels = append(w.s.Roster.Nodes[2].Levels, fence.Level{Steps: []fence.Step{{Wait: fence.WaitWatchdog}}})
	expect(false, true) // its watchdog may do, and no device is left
	w.s.Roster.Nodes[2].Levels = w.s.Roster.Nodes[2].Levels[2:]
	expect(false, false) // it never had one
	w.s.Roster.Nodes[2].Levels = nil
	expect(false, true)
}

func TestAChangedDeviceIsAnotherDevice(t *testing.T) { // R28: a refused login is remembered of the device that refused it
	w := healthWorld(t)
	w.must(1, healthEntry("bmc-3", HealthAuth))
	w.must(1, healthEntry("bmc-2", HealthAuth))
	if !w.s.LoginRefused("bmc-3") || w.s.LoginRefused("bmc-1") {
		t.Fatal("not remembered, or of another one")
	}
	r := roster(3)
	r.Version = 2
	r.Devices[2].Mapping = "moved"
	w.must(1, Entry{Roster: &Roster{Roster: r}})
	if w.s.LoginRefused("bmc-3") || !w.s.LoginRefused("bmc-2") {
		t.Errorf("%+v", w.s.Health)
	}
}

func TestALoginThatWorksWorksForAllTargets(t *testing.T) { // R28: the account is the device's
	w := healthWorld(t)
	w.s.Roster.Nodes[1].Levels = []fence.Level{{Steps: []fence.Step{{Device: "bmc-3", Target: "2"}}}}
	w.byHand()
	for _, target := range []string{"", "2"} {
		e := healthEntry("bmc-3", HealthAuth)
		e.Health.Health.Target = target
		w.must(1, e)
	}
	w.must(1, healthEntry("bmc-3", Healthy))
	if w.s.LoginRefused("bmc-3") {
		t.Errorf("%+v", w.s.Health)
	}
}

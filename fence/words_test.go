package fence_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fenced-project/fenced/fence"
)

func TestNormalUUID(t *testing.T) {
	want := strings.ReplaceAll(uuidV, "-", "")
	for in, out := range map[string]string{
		uuidV: want, strings.ToUpper(uuidV): want, "{" + uuidV + "}": want, "urn:uuid:" + uuidV: want, " " + uuidV + "\n": want, want: want,
		"": "", "Not Settable": "", want[:31]: "", want + "0": "", "g" + want[1:]: "",
		strings.Repeat("0", 32): "", strings.Repeat("f", 32): "", strings.Repeat("F", 32): "",
		strings.Repeat("0", 31) + "1": strings.Repeat("0", 31) + "1",
	} {
		if got := fence.NormalUUID(in); got != out {
			t.Errorf("NormalUUID(%q) = %q, want %q", in, got, out)
		}
	}
}

// R1, R2: which machines are the same.
func TestMachineSame(t *testing.T) {
	a := fence.Machine{UUID: uuidV, Serial: "S1"}
	for _, c := range []struct {
		name string
		o    fence.Machine
		want bool
	}{
		{"itself", a, true},
		{"other spelling", fence.Machine{UUID: strings.ToUpper(uuidV), Serial: "S1"}, true},
		{"no serial", fence.Machine{UUID: uuidV}, true},
		{"other serial", fence.Machine{UUID: uuidV, Serial: "S2"}, false},
		{"other UUID", fence.Machine{UUID: uuidO, Serial: "S1"}, false},
		{"unknown", fence.Machine{Serial: "S1"}, false},
		{"zeros", fence.Machine{UUID: strings.Repeat("0", 32), Serial: "S1"}, false},
	} {
		if a.Same(c.o) != c.want || c.o.Same(a) != c.want {
			t.Errorf("%s: %v and %v, want %v both ways", c.name, a.Same(c.o), c.o.Same(a), c.want)
		}
	}
	zero := fence.Machine{UUID: strings.Repeat("0", 32)}
	if zero.Same(zero) || (fence.Machine{}).Same(fence.Machine{}) || zero.Known() {
		t.Error("an unknown machine is the same as nothing, not even itself")
	}
}

// R16 a: what identifies what.
func TestIdentityMatches(t *testing.T) {
	m := fence.Machine{UUID: uuidV, Serial: "S1"}
	for _, c := range []struct {
		name  string
		id    fence.Identity
		m     fence.Machine
		want  bool
		empty bool
	}{
		{"UUID", identity(uuidV), m, true, false},
		{"UUID without dashes", identity(strings.ReplaceAll(uuidV, "-", "")), m, true, false},
		{"third spelling", fence.Identity{UUIDs: []string{uuidO, "junk", uuidV}}, m, true, false},
		{"wrong UUID, right serial", fence.Identity{UUIDs: []string{uuidO}, Serial: "S1"}, m, false, false},
		{"junk UUID, right serial", fence.Identity{UUIDs: []string{"junk"}, Serial: "S1"}, m, true, false},
		{"serial", fence.Identity{Serial: "S1"}, m, true, false},
		{"serial of another case", fence.Identity{Serial: "s1"}, m, false, false},
		{"nothing", fence.Identity{}, m, false, true},
		{"nothing against nothing", fence.Identity{}, fence.Machine{}, false, true},
		{"zeros against zeros", identity(strings.Repeat("0", 32)), fence.Machine{UUID: strings.Repeat("0", 32)}, false, true},
		{"UUID against an unknown machine", identity(uuidV), fence.Machine{}, false, false},
		{"serial against a machine without", fence.Identity{Serial: "S1"}, fence.Machine{UUID: uuidV}, false, false},
	} {
		if got := c.id.Matches(c.m); got != c.want {
			t.Errorf("%s: matches %v, want %v", c.name, got, c.want)
		}
		if got := c.id.Empty(); got != c.empty {
			t.Errorf("%s: empty %v, want %v", c.name, got, c.empty)
		}
	}
}

// An empty identity matches no machine, and what matches is not empty.
func TestIdentityEmptyMatchesNothing(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "x", uuidV, uuidO, strings.Repeat("0", 32), "S1"})
	rapid.Check(t, func(t *rapid.T) {
		id := fence.Identity{UUIDs: rapid.SliceOfN(word, 0, 3).Draw(t, "uuids"), Serial: word.Draw(t, "serial")}
		m := fence.Machine{UUID: word.Draw(t, "uuid"), Serial: word.Draw(t, "mserial")}
		if id.Matches(m) && (id.Empty() || (!m.Known() && m.Serial == "")) {
			t.Fatalf("%v matches %v", id, m)
		}
	})
}

func TestIncarnation(t *testing.T) {
	u := fence.UnknownLife(3, 12)
	if !u.Unknown() || u.Zero() || u.String() != "3/unknown@12" {
		t.Errorf("unknown life: %v", u)
	}
	k := fence.Incarnation{Node: 3, Boot: "0123456789ab"}
	if k.Unknown() || k.String() != "3/01234567" || !(fence.Incarnation{}).Zero() {
		t.Errorf("known life: %v", k)
	}
	if fence.UnknownLife(3, 12) == fence.UnknownLife(3, 13) {
		t.Error("two generations, one unknown life")
	}
}

func TestStepString(t *testing.T) {
	for want, s := range map[string]fence.Step{
		"bmc": {Device: "bmc"}, "pdu[4]": {Device: "pdu", Target: "4"}, "wait:watchdog": {Wait: fence.WaitWatchdog}, "ask:human": {Ask: fence.AskHuman},
	} {
		if s.String() != want {
			t.Errorf("%q, want %q", s, want)
		}
	}
}

// R10: off already means all devices, before anything.
func TestFirstReadOff(t *testing.T) {
	e := func(states ...fence.PowerState) fence.Evidence {
		var e fence.Evidence
		for _, s := range states {
			e.Devices = append(e.Devices, fence.DeviceEvidence{Before: s})
		}
		return e
	}
	for _, c := range []struct {
		e    fence.Evidence
		want bool
	}{
		{e(), false},
		{e(fence.PowerOff), true},
		{e(fence.PowerOn), false},
		{e(fence.PowerUnknown), false},
		{e(""), false},
		{e(fence.PowerOff, fence.PowerOff), true},
		{e(fence.PowerOff, fence.PowerOn), false},
		{e(fence.PowerOff, fence.PowerUnknown), false},
	} {
		if got := c.e.FirstReadOff(); got != c.want {
			t.Errorf("%v: %v, want %v", c.e.Devices, got, c.want)
		}
	}
}

// The roster travels as JSON: whoever decodes the committed one gets the same hash (R5).
func TestRosterHash(t *testing.T) {
	r := fence.Roster{
		Version: 4, Cluster: "c",
		Nodes: []fence.RosterNode{
			{
				ID: 1, Name: "a", Address: "10.0.0.1:7", Votes: 1, Machine: &fence.Machine{UUID: uuidV}, Action: fence.ActionReboot,
				Levels: []fence.Level{{Steps: []fence.Step{{Device: "bmc", Target: "x"}, {Wait: fence.WaitWatchdog}}}},
			},
			{ID: 2, Name: "b", Votes: 1},
		},
		Devices: []fence.Device{{Name: "bmc", Kind: fence.KindPower, Mapping: "m", AttemptMS: 5}},
		Timing:  fence.Timing{PingMS: 250},
	}
	want := r.Hash()
	if len(want) != 16 || r.Version != 4 {
		t.Errorf("hash %q, version %d", want, r.Version)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back fence.Roster
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if back.Hash() != want || !reflect.DeepEqual(back, r) {
		t.Error("the roster does not survive its own encoding")
	}
	r.Version = 5
	if r.Hash() != want {
		t.Error("the version is part of the hash")
	}
	for name, change := range map[string]func(*fence.Roster){
		"cluster": func(r *fence.Roster) { r.Cluster = "d" }, "votes": func(r *fence.Roster) { r.Nodes[1].Votes = 2 },
		"machine": func(r *fence.Roster) { r.Nodes[0].Machine = &fence.Machine{UUID: uuidO} },
		"target": func(r *fence.Roster) {
			r.Nodes[0].Levels = []fence.Level{{Steps: []fence.Step{{Device: "bmc", Target: "y"}}}}
		},
		"mapping": func(r *fence.Roster) {
			r.Devices = []fence.Device{{Name: "bmc", Kind: fence.KindPower, Mapping: "n", AttemptMS: 5}}
		},
		"ping": func(r *fence.Roster) { r.Timing.PingMS = 251 }, "policy": func(r *fence.Roster) { r.Policy.AcceptSoftdog = true },
		"action": func(r *fence.Roster) { r.Nodes[0].Action = fence.ActionOff },
	} {
		c := back
		c.Nodes = append([]fence.RosterNode(nil), back.Nodes...)
		change(&c)
		if c.Hash() == want {
			t.Errorf("%s is not part of the hash", name)
		}
	}
}

func TestRosterLookups(t *testing.T) {
	r := &fence.Roster{Nodes: []fence.RosterNode{{ID: 1, Name: "Alpha", Votes: 1}, {ID: 2, Name: "beta", Votes: 2}}, Devices: []fence.Device{{Name: "bmc"}}}
	if n, ok := r.Node(2); !ok || n.Name != "beta" {
		t.Error("node 2 is not found")
	}
	if _, ok := r.Node(3); ok {
		t.Error("node 3 is found")
	}
	if _, ok := r.ByName("alpha"); ok {
		t.Error("names lost their case")
	}
	if n, ok := r.ByName("Alpha"); !ok || n.ID != 1 || r.Name(1) != "Alpha" || r.Name(9) != "node#9" {
		t.Error("names are not found")
	}
	if _, ok := r.Device("bmc"); !ok {
		t.Error("the device is not found")
	}
	if _, ok := r.Device("pdu"); ok {
		t.Error("a device that is not there is found")
	}
}

// Two disjoint sets of votes never both reach the quorum.
func TestQuorumsIntersect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		votes := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 9).Draw(t, "votes")
		r := &fence.Roster{}
		sum, side := 0, 0
		for i, v := range votes {
			r.Nodes = append(r.Nodes, fence.RosterNode{ID: fence.NodeID(i + 1), Votes: v})
			sum += v
			if rapid.Bool().Draw(t, "side") {
				side += v
			}
		}
		if side >= r.Quorum() && sum-side >= r.Quorum() {
			t.Fatalf("both %d and %d of %d reach %d", side, sum-side, sum, r.Quorum())
		}
		if sum > 0 && sum < r.Quorum() {
			t.Fatalf("all %d votes do not reach %d", sum, r.Quorum())
		}
	})
}

// V10: the wait covers lease, pet interval, hardware, clock error and margin.
func TestAssumeDeadAfter(t *testing.T) {
	if got := fence.AssumeDeadAfterMS(fence.Watchdog{LeaseMS: 5000, HardwareMS: 10_000}); got != 5000+10_000+1000+500+2000 {
		t.Errorf("%d ms", got)
	}
}

func TestCheckTiming(t *testing.T) {
	good := fence.Timing{FailureTimeoutMS: 2000, PingMS: 500, PostJoinDelayMS: 2000, LeaseMS: 2000, StaggerMS: 1}
	if errs := fence.CheckTiming(good); len(errs) != 0 {
		t.Fatalf("good timings: %v", errs)
	}
	for _, c := range []struct {
		change func(*fence.Timing)
		want   []string
	}{
		{func(x *fence.Timing) { x.PingMS = 501 }, []string{"failure_timeout (2000 ms)", "ping_interval (501 ms)"}},
		{func(x *fence.Timing) { x.PingMS = 0 }, []string{"ping_interval (0 ms)"}},
		{func(x *fence.Timing) { x.LeaseMS = 1999 }, []string{"lease (1999 ms)", "failure_timeout (2000 ms)"}},
		{func(x *fence.Timing) { x.PostJoinDelayMS = 1999 }, []string{"post_join_delay (1999 ms)"}},
		{func(x *fence.Timing) { x.StaggerMS = 0 }, []string{"stagger (0 ms)"}},
		{func(x *fence.Timing) { x.PostFailDelayMS = -1 }, []string{"post_fail_delay (-1 ms)"}},
	} {
		bad := good
		c.change(&bad)
		errs := fence.CheckTiming(bad)
		if len(errs) != 1 {
			t.Errorf("%+v: %v", bad, errs)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(errs[0].Error(), w) {
				t.Errorf("%q does not say %q", errs[0], w)
			}
		}
	}
}

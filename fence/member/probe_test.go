package member

import (
	"fmt"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

const minute = int64(60_000)

func TestEveryDeviceHasOneProber(t *testing.T) { // R28
	c := newCluster(t, 5, true)
	open := 0
	c.onProbe = func(_ fence.NodeID, p Probe) *Probed {
		open++
		return c.wellProbed(p)
	}
	c.run(25 * minute)
	for i := 1; i <= 5; i++ {
		by := c.probed[fmt.Sprintf("bmc-%d", i)]
		want := fence.NodeID(1)
		if i == 1 { // whether a node reaches its own BMC says little
			want = 2
		}
		if len(by) != 1 || by[want] < 2 || by[want] > 4 {
			t.Errorf("bmc-%d was probed by %v in 25 minutes, want two or three times by node %d", i, by, want)
		}
		if ok, known := c.dom(3).Fenceable(fence.NodeID(i)); !ok || !known {
			t.Errorf("node %d: fenceable %t, known %t", i, ok, known)
		}
	}
	c.agree()
	if c.count(1, domain.EventHealth, 0) != 5 {
		t.Errorf("%d events, want one for each device and none for what did not change", c.count(1, domain.EventHealth, 0))
	}
}

// A rotated password does not lock the account.
//
// proves: S5.18
func TestARefusedLoginIsRefusedOnce(t *testing.T) { // R28
	c := newCluster(t, 5, true)
	logins := 0
	c.onProbe = func(_ fence.NodeID, p Probe) *Probed {
		if p.Device != "bmc-3" {
			return c.wellProbed(p)
		}
		logins++
		return &Probed{Class: domain.HealthAuth, Text: "wrong password"}
	}
	c.run(15 * minute)
	if logins != 1 {
		t.Fatalf("%d logins with the old password in fifteen minutes", logins)
	}
	c.kill(1) // the prober goes, others come
	c.install()
	c.run(30 * minute)
	c.kill(2)
	c.start(1)
	c.install()
	c.run(40 * minute)
	if logins != 1 {
		t.Errorf("%d logins with the old password", logins)
	}
	if ok, known := c.dom(4).Fenceable(3); ok || !known {
		t.Errorf("a node behind a BMC that refuses the login: fenceable %t, known %t", ok, known)
	}
	// A person corrected the password and tried it: probes go on.
	d, _ := c.dom(4).Roster.Device("bmc-3")
	c.give(c.n(4), Requested{Reply: 7, Entry: domain.Entry{Health: &domain.HealthEntry{Health: domain.DeviceHealth{Device: "bmc-3", Mapping: d.Mapping, Class: domain.Healthy, Named: true}}}})
	c.onProbe = func(_ fence.NodeID, p Probe) *Probed { return c.wellProbed(p) }
	before := c.probed["bmc-3"]
	total := func() (n int) {
		for _, k := range before {
			n += k
		}
		return n
	}
	had := total()
	c.run(25 * minute)
	if total() == had {
		t.Error("it is not probed any more")
	}
}

// Whoever was refused remembers it only until the log does: else nothing but its restart would end it.
func TestALoginThatAPersonProvedIsProbedAgain(t *testing.T) { // R28
	c := newCluster(t, 3, true)
	refuse := true
	c.onProbe = func(_ fence.NodeID, p Probe) *Probed {
		if p.Device == "bmc-3" && refuse {
			return &Probed{Class: domain.HealthAuth}
		}
		return c.wellProbed(p)
	}
	c.until(15*minute, "the refusal to be known", func() bool { return c.dom(1).LoginRefused("bmc-3") })
	refuse = false
	c.run(minute)
	d, _ := c.dom(1).Roster.Device("bmc-3")
	c.give(c.n(2), Requested{Reply: 7, Entry: domain.Entry{Health: &domain.HealthEntry{Health: domain.DeviceHealth{Device: "bmc-3", Mapping: d.Mapping, Class: domain.Healthy, Named: true}}}})
	had := c.probed["bmc-3"][1]
	c.run(25 * minute)
	if c.dom(1).LoginRefused("bmc-3") || c.probed["bmc-3"][1] == had {
		t.Error("it is not probed any more: the prober goes on refusing it by itself")
	}
}

// A member of an older build has no word for what a probe finds, so nobody logs in anywhere until all members have the level.
func TestNobodyProbesBesideAnOlderBuild(t *testing.T) { // R11, V18
	c := newCluster(t, 3, true)
	c.onProbe = func(by fence.NodeID, p Probe) *Probed {
		if c.dom(by).Feature < domain.FeatureHealth {
			t.Errorf("node %d probes %s at level %d", by, p.Device, c.dom(by).Feature)
		}
		return c.wellProbed(p)
	}
	level := func(of2, committed int) {
		for _, x := range c.nodes {
			x.m.dom.Feature, x.m.dom.Node(2).Feature = committed, of2
		}
	}
	c.probed = nil
	level(domain.FeatureHealth-1, domain.FeatureHealth-1)
	c.run(15 * minute)
	if len(c.probed) != 0 {
		t.Fatalf("%v", c.probed)
	}
	level(domain.FeatureHealth, domain.FeatureHealth-1) // it was replaced by this build
	c.run(minute)
	if len(c.probed) != 3 || c.dom(3).Feature != domain.FeatureHealth {
		t.Errorf("level %d, probed %v", c.dom(3).Feature, c.probed)
	}
}

// Two would log in at once where one takes over from another.
func TestWhoIsNoProberAnyMoreEndsItsProbe(t *testing.T) { // R28
	c := newCluster(t, 5, true)
	c.kill(1)
	c.install()
	hang := true
	c.onProbe = func(by fence.NodeID, p Probe) *Probed {
		if hang && by == 2 && p.Device == "bmc-4" {
			return nil
		}
		return c.wellProbed(p)
	}
	c.run(20_000) // node 1 was fenced, comes back when its power does
	c.until(15*minute, "a probe of node 2 that hangs", func() bool { o := c.n(2).m.probe.open; return o != nil && o.step.Device == "bmc-4" })
	hang = false
	c.boot(1)
	c.install()
	c.until(9000, "it to be ended", func() bool { return c.n(2).m.probe.open == nil })
	c.run(minute)
	if c.probed["bmc-4"][1] == 0 {
		t.Errorf("nobody went on: %v", c.probed)
	}
}

// Whose machine answers is asked again as soon as there is another machine to compare it with.
func TestANewMachineIsProbedAtOnce(t *testing.T) { // R16 a
	c := newCluster(t, 3, true)
	c.run(minute)
	had := c.probed["bmc-3"][1]
	for _, x := range c.nodes {
		x.m.dom.Node(3).Machine = fence.Machine{UUID: uuid(9)}
	}
	c.run(10_000)
	if h, _ := c.dom(1).HealthOf(fence.Step{Device: "bmc-3"}); c.probed["bmc-3"][1] != had+1 || h.Class != "mismatch" {
		t.Errorf("probed %d times, %+v", c.probed["bmc-3"][1]-had, h)
	}
}

func TestARefusedLoginIsNotRepeatedWhileItsWordIsLost(t *testing.T) { // R28
	c := newCluster(t, 3, true)
	logins := 0
	c.onProbe = func(_ fence.NodeID, p Probe) *Probed {
		if p.Device != "bmc-3" {
			return c.wellProbed(p)
		}
		logins++
		return &Probed{Class: domain.HealthAuth}
	}
	c.onPropose = func(_ fence.NodeID, p Propose) bool { return p.Entry.Health != nil && c.now < 30*minute }
	c.run(45 * minute)
	if logins != 1 || !c.dom(2).LoginRefused("bmc-3") {
		t.Errorf("%d logins, told %t", logins, c.dom(2).LoginRefused("bmc-3"))
	}
}

func TestProbesGetInNobodysWay(t *testing.T) { // a fence never waits for a probe
	c := newCluster(t, 3, true)
	hang := true
	c.onProbe = func(_ fence.NodeID, p Probe) *Probed {
		for _, v := range c.dom(1).Victims() {
			if p.Device == "bmc-3" || v.Victim.Claim != nil {
				t.Errorf("%s is probed while %s is a victim, claimed %v", p.Device, v.Victim.Incarnation, v.Victim.Claim)
			}
		}
		if hang {
			return nil
		}
		return c.wellProbed(p)
	}
	c.until(15*minute, "a probe", func() bool { return c.n(1).m.probe.open != nil })
	c.dead[3] = true
	c.powerOff(3)
	c.install()
	c.run(1000)
	if c.n(1).m.probe.open != nil {
		t.Error("the probe was not ended when a node became a victim")
	}
	hang = false
	c.dead[3] = true // nobody can prove it: between the rounds nobody probes its device either
	c.run(20_000)
	c.dead[3] = false
	c.run(20_000)
	c.install()
	c.run(10 * minute)
	if ok, known := c.dom(1).Fenceable(3); !ok || !known {
		t.Errorf("afterwards it is probed as ever: fenceable %t, known %t", ok, known)
	}
	if d, ok := c.dom(1).HealthOf(fence.Step{Device: "bmc-2"}); !ok || d.Class != domain.Healthy {
		t.Errorf("a probe that was ended counts for nothing: %+v", d)
	}
}

// A victim that nobody can prove may wait for a person for days: that the devices of the others are well is known all the same.
func TestOtherDevicesAreProbedBesideAVictimThatWaits(t *testing.T) { // R28
	c := newCluster(t, 3, true)
	c.dead[3] = true
	c.onProbe = func(_ fence.NodeID, p Probe) *Probed {
		if v := c.dom(1).Node(3).Victim; v != nil && (p.Device == "bmc-3" || v.Claim != nil) {
			t.Errorf("%s is probed, claim %v", p.Device, v.Claim)
		}
		return c.wellProbed(p)
	}
	c.run(minute)
	c.kill(3)
	c.install()
	c.run(minute)
	had, hers := c.probed["bmc-2"][1], c.probed["bmc-3"][1]
	c.run(25 * minute)
	if c.dom(1).Node(3).Victim == nil || c.probed["bmc-2"][1] < had+2 || c.probed["bmc-3"][1] != hers {
		t.Errorf("victim %v, %v", c.dom(1).Node(3).Victim, c.probed)
	}
}

func TestAProbeThatSaysTooLittleIsNoGoodNews(t *testing.T) {
	for name, row := range map[string]struct {
		in   Probed
		want string
	}{
		"another machine": {Probed{Class: domain.Healthy, State: fence.PowerOn, Identity: fence.Identity{UUIDs: []string{uuid(2)}}}, "mismatch"},
		"no clear state":  {Probed{Class: domain.Healthy, State: fence.PowerUnknown}, "limbo"},
		"no state at all": {Probed{Class: domain.Healthy}, "limbo"},
		"no answer":       {Probed{Class: "unreachable"}, "unreachable"},
		"no identity":     {Probed{Class: domain.Healthy, State: fence.PowerOn}, domain.Healthy},
	} {
		c := newCluster(t, 3, true)
		c.onProbe = func(_ fence.NodeID, p Probe) *Probed {
			if p.Device == "bmc-3" {
				in := row.in
				return &in
			}
			return c.wellProbed(p)
		}
		c.run(15 * minute)
		if h, ok := c.dom(2).HealthOf(fence.Step{Device: "bmc-3"}); !ok || h.Class != row.want || h.Named {
			t.Errorf("%s: %+v, want %s", name, h, row.want)
		}
	}
}

// Whoever corrects a secret need not test it: it is another login, tried once and at once, as wrong as it may be; the one before is not.
func TestACorrectedSecretIsProbedAtOnce(t *testing.T) { // R28
	c := newCluster(t, 3, true)
	right, made := "third", []string{}
	c.onProbe = func(by fence.NodeID, p Probe) *Probed {
		if p.Device != "bmc-3" {
			return c.wellProbed(p)
		}
		login := c.n(by).m.cfg.Logins[p.Device]
		if made = append(made, login); login == right {
			return c.wellProbed(p)
		}
		return &Probed{Class: domain.HealthAuth, Text: "wrong password"}
	}
	for i, secret := range []string{"first", "second", right} {
		for _, x := range c.nodes {
			c.give(x, ConfigChanged{RosterHash: c.dom(1).RosterHash, Logins: map[string]string{"bmc-3": secret}})
		}
		c.run(10_000)
		if len(made) != i+1 || made[i] != secret || c.dom(2).LoginRefused("bmc-3") != (secret != right) {
			t.Fatalf("logins %v after secret %q, refused %t", made, secret, c.dom(2).LoginRefused("bmc-3"))
		}
		if secret == right {
			break
		}
		c.run(30 * minute)
		if len(made) != i+1 {
			t.Fatalf("a refused login is repeated: %v", made)
		}
		if _, told := c.dom(2).RefusedLogin("bmc-3", secret); !told {
			t.Errorf("the others were not told of %q", secret)
		}
	}
	had := len(made)
	c.run(25 * minute)
	if len(made) < had+2 {
		t.Errorf("it is not probed any more: %v", made)
	}
}

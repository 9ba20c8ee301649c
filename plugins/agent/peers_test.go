package main

import (
	"log/slog"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/cmd/fenced-dev/pdu"
	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

// TestIPMILanAgainstIPMISim: agent, ipmitool and BMC are all somebody else's; the adapter alone is ours.
func TestIPMILanAgainstIPMISim(t *testing.T) {
	harness.Program(t, "fence_ipmilan", "fence-agents")
	harness.Program(t, "ipmitool", "ipmitool")
	s := harness.StartIPMISim(t)
	d, err := openAgent(t, map[string]string{
		"agent": "fence_ipmilan", "ip": "127.0.0.1", "ipport": strconv.Itoa(s.Addr.Port), "lanplus": "true", "username": harness.SimUser, "password": harness.SimPassword,
		"cipher": "3", "power_wait": "0",
	})
	if err != nil {
		t.Fatal(err)
	}
	harness.Await(t, func() error {
		_, err := d.Status(harness.Within(t, 10*time.Second), "")
		return err
	})
	walk(t, d, "", s.On)
	if n := s.Offs(t); n != 1 {
		t.Errorf("the switch was moved to off %d times", n)
	}
}

// TestAPCForReal switches one outlet of a power strip of ours by Debian's fence_apc_snmp, which runs the real snmpget and snmpset.
func TestAPCForReal(t *testing.T) {
	harness.Program(t, "fence_apc_snmp", "fence-agents")
	harness.Program(t, "snmpget", "snmp")
	model, err := pdu.ModelByName("apc-rpdu")
	if err != nil {
		t.Fatal(err)
	}
	a, err := pdu.Start(pdu.Config{Listen: "127.0.0.1:0", Community: "private", Model: model, Outlets: 8, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	d, err := openAgent(t, map[string]string{
		"agent": "fence_apc_snmp", "ip": "127.0.0.1", "ipport": strconv.Itoa(a.Addr().Port), "snmp_version": "2c", "community": "private", "power_wait": "0",
	})
	if err != nil {
		t.Fatal(err)
	}
	walk(t, d, "3", func(testing.TB) bool { return a.On(3) })
	if c := a.Counts(); c.AppliedOff != 1 || c.AppliedOn != 1 || !a.On(1) || !a.On(2) || !a.On(4) {
		t.Errorf("the power strip counted %+v", c)
	}
	// This agent, given both, would switch and read outlet 5 only, and call 5 and 7 off.
	walk(t, d, "5,7", func(testing.TB) bool { return a.On(5) || a.On(7) })
	within := harness.Within(t, time.Minute)
	if err := d.Do(within, "7", sdk.ActionOff); err != nil {
		t.Fatal(err)
	}
	if st, err := d.Status(within, "5,7"); err != nil || st.State != sdk.Unknown {
		t.Errorf("one of two outlets is off: %v, %v", st, err)
	}
	if err := d.Do(within, "5,7", sdk.ActionOn); err != nil || !a.On(5) || !a.On(7) {
		t.Errorf("both switched on: %v; they are %t and %t", err, a.On(5), a.On(7))
	}
	list, err := d.(sdk.Lister).List(harness.Within(t, 30*time.Second))
	if err != nil || len(list) != 8 {
		t.Errorf("its outlets: %v %v", list, err)
	}
}

// walk reads a target that is on, switches it off and on again, and asks the hardware after each step.
func walk(t *testing.T, d sdk.Device, target string, on func(testing.TB) bool) {
	t.Helper()
	state := func(want sdk.State) {
		t.Helper()
		if st, err := d.Status(harness.Within(t, 30*time.Second), target); err != nil || st.State != want || on(t) != (want == sdk.On) {
			t.Fatalf("the agent says %v, %v; the hardware is on: %t; want %v", st.State, err, on(t), want)
		}
	}
	state(sdk.On)
	for _, s := range []struct {
		action sdk.Action
		want   sdk.State
	}{{sdk.ActionOff, sdk.Off}, {sdk.ActionOn, sdk.On}} {
		if err := d.Do(harness.Within(t, 30*time.Second), target, s.action); err != nil {
			t.Fatal(err)
		}
		state(s.want)
	}
}

// TestNothingOfDebiansIsMissing: what the package installs is what is listed, each with its class.
func TestNothingOfDebiansIsMissing(t *testing.T) {
	harness.Program(t, "fence_ipmilan", "fence-agents")
	out, err := exec.CommandContext(harness.Within(t, 30*time.Second), harness.Program(t, "dpkg", "dpkg"), "-L", "fence-agents").Output()
	if err != nil {
		harness.Skip(t, "fence-agents was not installed as a package")
	}
	listed := map[string]found{}
	for _, f := range everyAgent(t) {
		listed[f.Name] = f
	}
	n := 0
	for path := range strings.Lines(string(out)) {
		name, isAgent := strings.CutPrefix(strings.TrimSpace(path), directory+"/fence_")
		if name = "fence_" + name; !isAgent || filepath.Base(name) != name || slices.Contains(notAgents, name) {
			continue
		}
		n++
		if f := listed[name]; f.Error != "" || f.Class == "" || f.Why == "" || f.Sample == "" || len(f.Actions) == 0 {
			t.Errorf("%s is installed and listed as %+v", name, f)
		}
	}
	if n < 60 {
		t.Errorf("the package has %d agents, 60 and more are known", n)
	}
	t.Logf("%d agents", n)
}

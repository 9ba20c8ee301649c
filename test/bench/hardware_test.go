package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/test/harness"
)

// The simulated hardware is this program once more.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == hardwareWord {
		if err := beHardware(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func testRun(t *testing.T) *run {
	t.Helper()
	r := &run{quick: true, only: regexp.MustCompile(""), log: io.Discard, skipped: map[string]bool{}}
	if err := r.product(); err != nil {
		t.Fatal(err)
	}
	return r
}

// A crowd is timed only when every one of its operations was proven and every switch was moved once.
func TestACrowdIsProven(t *testing.T) {
	const n = 4
	r, ctx := testRun(t), harness.Within(t, 2*time.Minute)
	h, err := startHardware(ctx, kindIPMI, n)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.stop(); err != nil {
			t.Error(err)
		}
	}()
	p, err := r.newPlant(ctx, ipmiDevices(h, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	}()
	machine := func(i int) (string, string) { return h.UUIDs[i], "" }
	c := &crowd{plant: p, settle: bmcSettle, specs: specs(n, bmcSettle, machine)}
	for claim := range uint64(2) {
		s, err := c.surge(ctx, claim+1)
		if err != nil {
			t.Fatal(err)
		}
		if s.cpu <= 0 || s.less <= 0 || s.whole < bmcSettle.Seconds() {
			t.Errorf("%+v", s)
		}
		if off, err := h.restore(); err != nil || off != n {
			t.Errorf("%d switches were moved: %v", off, err)
		}
	}
	if h.cpu() <= 0 {
		t.Error("the hardware took no processor time")
	}
	machine = func(i int) (string, string) { return h.UUIDs[(i+1)%n], "" } // every device is another node's
	c.specs = specs(n, bmcSettle, machine)
	if _, err := c.surge(ctx, 9); err == nil || !strings.Contains(err.Error(), "not proven") {
		t.Errorf("a crowd whose devices are mixed up gives %v", err)
	}
	if off, err := h.restore(); err != nil || off != 0 {
		t.Errorf("%d switches were moved: %v", off, err)
	}
}

// Every contest has an agent, a native device of its hardware, and says what the agent wants.
func TestContests(t *testing.T) {
	for name, kind := range map[string]string{nameIPMI: kindIPMI, namePDU: kindPDU, nameRedfish: kindRedfish} {
		s := shop{n: 1}
		for k, f := range map[string]func() error{kindIPMI: s.ipmi, kindPDU: s.pdu, kindRedfish: s.redfish} {
			if k != kind {
				continue
			}
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}
		c := contests[name](&hardware{rig: s.rig})
		if c.name != name || c.kind != kind || c.settings["ipport"] == "" || c.settings["power_wait"] != "0" || c.native.Plugin == "" {
			t.Errorf("%s: %+v", name, c)
		}
		m := rivalry(name, kind)
		if (len(m.names) == 5) != (c.tool != nil) {
			t.Errorf("%s gives %v", name, m.names)
		}
		for _, restore := range s.restores {
			if n := restore(); n != 0 {
				t.Errorf("%s: %d switches moved by themselves", name, n)
			}
		}
		s.close()
	}
}

// Where Debian's agents are missing, a person is told and CI fails.
func TestWhatIsMissingIsSkippedByName(t *testing.T) {
	r := &run{only: regexp.MustCompile(""), log: io.Discard, skipped: map[string]bool{}}
	t.Setenv("FENCED_TEST_REQUIRE", "")
	if err := r.skip("not installed", nameIPMI); err != nil || r.gave([]string{nameIPMI}) != nil {
		t.Error("a person's machine fails for a program that it does not have")
	}
	t.Setenv("FENCED_TEST_REQUIRE", "all")
	if r.skip("not installed", nameIPMI) == nil {
		t.Error("CI does not mind")
	}
}

func TestHardwareRefusesNonsense(t *testing.T) {
	for _, args := range [][]string{nil, {"ipmi"}, {"ipmi", "0"}, {"ipmi", "many"}, {"toaster", "1"}} {
		if beHardware(args, strings.NewReader(""), io.Discard) == nil {
			t.Errorf("hardware %v is there", args)
		}
	}
}

package main

import (
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

// awaitSim waits until the simulator answers.
func awaitSim(t *testing.T, d sdk.Device) {
	t.Helper()
	var err error
	for end := time.Now().Add(10 * slow()); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err = d.Status(within(t, 1), ""); err == nil {
			return
		}
	}
	t.Fatalf("ipmi_sim does not answer: %v", err)
}

func TestIPMISim(t *testing.T) {
	s := harness.StartIPMISim(t)
	d := open(t, s.Addr, map[string]string{"password": harness.SimPassword})
	awaitSim(t, d)
	if st := mustState(t, d, sdk.On); !slices.Contains(st.UUIDs, harness.SimUUID) {
		t.Errorf("identity %v lacks %s", st.UUIDs, harness.SimUUID)
	}
	for range 2 {
		if err := d.Do(within(t, 5), "", sdk.ActionOff); err != nil {
			t.Fatal(err)
		}
		mustState(t, d, sdk.Off)
	}
	if n := s.Offs(t); n != 2 || s.On(t) {
		t.Fatalf("the switch was moved %d times, it stands at on: %t", n, s.On(t))
	}
	if err := d.Do(within(t, 5), "", sdk.ActionOn); err != nil {
		t.Fatal(err)
	}
	mustState(t, d, sdk.On)
	t.Run("wrong password", func(t *testing.T) {
		mustFail(t, open(t, s.Addr, map[string]string{"password": "wrong"}), 3, sdk.ClassAuth)
	})
	t.Run("unknown user", func(t *testing.T) {
		mustFail(t, open(t, s.Addr, map[string]string{"username": "nobody"}), 3, sdk.ClassAuth)
	})
	t.Run("suite 17 that it does not know", func(t *testing.T) {
		mustFail(t, open(t, s.Addr, map[string]string{"password": harness.SimPassword, "cipher": "17"}), 3, sdk.ClassRefused)
	})
	t.Run("forged", func(t *testing.T) {
		r := startRelay(t, s.Addr)
		fd := open(t, r.addr(), map[string]string{"password": harness.SimPassword})
		r.fromBMC(func(p []byte) [][]byte {
			if !inSession(p) {
				return [][]byte{p}
			}
			return append(append(forgeries["plaintext"](p), forgeries["wrong code"](p)...), p)
		})
		mustState(t, fd, sdk.On)
	})
	t.Run("ipmitool", func(t *testing.T) {
		if _, err := exec.LookPath("ipmitool"); err != nil {
			skip(t, "ipmitool is not installed")
		}
		td := open(t, s.Addr, map[string]string{"password": harness.SimPassword, "driver": driverIPMITool})
		if err := td.Do(within(t, 5), "", sdk.ActionOff); err != nil {
			t.Fatal(err)
		}
		mustState(t, td, sdk.Off)
	})
}

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// simulator is OpenIPMI's ipmi_sim: an IPMI implementation that is neither ours nor go-ipmi's. It knows cipher suite 3.
type simulator struct {
	addr *net.UDPAddr
	dir  string
}

const simUUID = "a1234567-89ab-cdef-a123-456789abcdef"

func startSimulator(t *testing.T) simulator {
	t.Helper()
	path, err := exec.LookPath("ipmi_sim")
	if err != nil {
		skip(t, "ipmi_sim (package openipmi) is not installed")
	}
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := simulator{addr: c.LocalAddr().(*net.UDPAddr), dir: t.TempDir()}
	c.Close()
	auths := ""
	for _, who := range []string{"callback", "user", "operator", "admin"} {
		auths += "    allowed_auths_" + who + " none md2 md5 straight\n"
	}
	lan := fmt.Sprintf("name \"fenced\"\nset_working_mc 0x20\n  startlan 1\n    addr 127.0.0.1 %d\n    priv_limit admin\n%s    guid %s\n  endlan\n"+
		"  chassis_control \"%s\"\n  user 2 true \"%s\" \"%s\" admin 10 none md2 md5 straight\n",
		s.addr.Port, auths, strings.ReplaceAll(simUUID, "-", ""), filepath.Join(s.dir, "chassis"), testUser, "simpassword")
	files := map[string]string{
		"lan.conf": lan,
		"emu":      "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n",
		"chassis": "#!/bin/sh\ncd " + s.dir + "\necho \"$@\" >>calls\n" +
			"case \"$1 $2\" in 'get power') echo \"power:$(cat power)\";; 'set power') echo $3 >power;; esac\n",
		"power": "1\n",
		"calls": "",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, "-c", filepath.Join(s.dir, "lan.conf"), "-f", filepath.Join(s.dir, "emu"), "-s", filepath.Join(s.dir, "state"), "-n", "-p")
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return s
}

func (s simulator) file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// await waits until the simulator answers.
func (s simulator) await(t *testing.T, d sdk.Device) {
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
	s := startSimulator(t)
	d := open(t, s.addr, map[string]string{"password": "simpassword"})
	s.await(t, d)
	if st := mustState(t, d, sdk.On); !slices.Contains(st.UUIDs, simUUID) {
		t.Errorf("identity %v lacks %s", st.UUIDs, simUUID)
	}
	for range 2 {
		if err := d.Do(within(t, 5), "", sdk.ActionOff); err != nil {
			t.Fatal(err)
		}
		mustState(t, d, sdk.Off)
	}
	if n := strings.Count(s.file(t, "calls"), "set power 0"); n != 2 || s.file(t, "power") != "0" {
		t.Fatalf("the switch was moved %d times, it stands at %s", n, s.file(t, "power"))
	}
	if err := d.Do(within(t, 5), "", sdk.ActionOn); err != nil {
		t.Fatal(err)
	}
	mustState(t, d, sdk.On)
	t.Run("wrong password", func(t *testing.T) {
		mustFail(t, open(t, s.addr, map[string]string{"password": "wrong"}), 3, sdk.ClassAuth)
	})
	t.Run("unknown user", func(t *testing.T) {
		mustFail(t, open(t, s.addr, map[string]string{"username": "nobody"}), 3, sdk.ClassAuth)
	})
	t.Run("suite 17 that it does not know", func(t *testing.T) {
		mustFail(t, open(t, s.addr, map[string]string{"password": "simpassword", "cipher": "17"}), 3, sdk.ClassRefused)
	})
	t.Run("forged", func(t *testing.T) {
		r := startRelay(t, s.addr)
		fd := open(t, r.addr(), map[string]string{"password": "simpassword"})
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
		td := open(t, s.addr, map[string]string{"password": "simpassword", "driver": driverIPMITool})
		if err := td.Do(within(t, 5), "", sdk.ActionOff); err != nil {
			t.Fatal(err)
		}
		mustState(t, td, sdk.Off)
	})
}

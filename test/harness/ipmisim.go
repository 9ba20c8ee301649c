package harness

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// IPMISim is OpenIPMI's ipmi_sim: an IPMI implementation that is nobody's here. It knows cipher suite 3.
type IPMISim struct {
	Addr *net.UDPAddr
	dir  string
}

// What an IPMISim knows: its one account, an administrator, and the GUID that it gives as SMBIOS spells it.
const (
	SimUser     = "fenced"
	SimPassword = "simpassword"
	SimUUID     = "a1234567-89ab-cdef-a123-456789abcdef"
)

// StartIPMISim runs one until the test ends, with a machine behind it that is on. It tells nobody when it listens: see Await.
func StartIPMISim(t testing.TB) IPMISim {
	t.Helper()
	path := Program(t, "ipmi_sim", "openipmi")
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := IPMISim{Addr: c.LocalAddr().(*net.UDPAddr), dir: t.TempDir()} //nolint:forcetypeassert // it is UDP
	_ = c.Close()
	auths := ""
	for _, who := range []string{"callback", "user", "operator", "admin"} {
		auths += "    allowed_auths_" + who + " none md2 md5 straight\n"
	}
	lan := fmt.Sprintf("name \"fenced\"\nset_working_mc 0x20\n  startlan 1\n    addr 127.0.0.1 %d\n    priv_limit admin\n%s    guid %s\n  endlan\n"+
		"  chassis_control \"%s\"\n  user 2 true \"%s\" \"%s\" admin 10 none md2 md5 straight\n",
		s.Addr.Port, auths, strings.ReplaceAll(SimUUID, "-", ""), filepath.Join(s.dir, "chassis"), SimUser, SimPassword)
	files := map[string]string{
		"lan.conf": lan,
		"emu":      "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n",
		"chassis": "#!/bin/sh\ncd " + s.dir + "\necho \"$@\" >>calls\n" +
			"case \"$1 $2\" in 'get power') echo \"power:$(cat power)\";; 'set power') echo $3 >power;; esac\n",
		"power": "1\n",
		"calls": "",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o755); err != nil { //nolint:gosec // one of them is a program
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, "-c", filepath.Join(s.dir, "lan.conf"), "-f", filepath.Join(s.dir, "emu"), "-s", filepath.Join(s.dir, "state"), "-n", "-p")
	cmd.Dir = s.dir
	Start(t, cmd)
	return s
}

// On is where the switch of the machine behind it stands.
func (s IPMISim) On(t testing.TB) bool {
	t.Helper()
	return s.file(t, "power") == "1"
}

// Set moves the switch of the machine behind it, behind everybody's back.
func (s IPMISim) Set(on bool) error {
	return os.WriteFile(filepath.Join(s.dir, "power"), []byte(map[bool]string{true: "1\n", false: "0\n"}[on]), 0o600)
}

// Offs is how often the switch was moved to off.
func (s IPMISim) Offs(t testing.TB) int {
	t.Helper()
	return strings.Count(s.file(t, "calls"), "set power 0")
}

func (s IPMISim) file(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

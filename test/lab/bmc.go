package lab

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// What the BMCs let in.
const (
	BMCUser     = "admin"
	BMCPassword = "lab-secret"
)

// startBMC starts the machine's ipmi_sim, which asks us for every read and change of power.
func (m *Machine) startBMC() error {
	auths := ""
	for _, who := range []string{"callback", "user", "operator", "admin"} {
		auths += "    allowed_auths_" + who + " none md2 md5 straight\n"
	}
	lan := fmt.Sprintf("name \"%s\"\nset_working_mc 0x20\n  startlan 1\n    addr 127.0.0.1 %d\n    priv_limit admin\n%s    guid %s\n  endlan\n  chassis_control \"%s power %s\"\n  user 2 true \"%s\" \"%s\" admin 10 none md2 md5 straight\n",
		m.Name(), m.BMCPort(), auths, strings.ReplaceAll(m.UUID(), "-", ""), m.lab.image.tool, m.file("power"), BMCUser, BMCPassword)
	emu := "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n"
	if err := errors.Join(os.WriteFile(m.file("lan.conf"), []byte(lan), 0o600), os.WriteFile(m.file("emu"), []byte(emu), 0o600), os.MkdirAll(m.file("state"), 0o755)); err != nil {
		return err
	}
	var err error
	m.bmc, err = launch(m.file("bmc.log"), "ipmi_sim", "-n", "-p", "-c", m.file("lan.conf"), "-f", m.file("emu"), "-s", m.file("state"))
	return err
}

// KillBMC ends the BMC: it answers nobody, and the machine stays as it is.
func (m *Machine) KillBMC() {
	if m.bmc != nil {
		m.bmc.kill()
		m.bmc = nil
	}
}

// ReviveBMC starts a BMC that was killed again; one that runs stays as it is.
func (m *Machine) ReviveBMC() error {
	if m.bmc != nil {
		return nil
	}
	return m.startBMC()
}

// BMCPort is the UDP port of the BMC, on 127.0.0.1 of the host and on 10.0.2.2 in a guest.
func (m *Machine) BMCPort() int { return m.lab.ports[m.ID] }

// Switched is what was done to its power through the BMC so far.
func (m *Machine) Switched() []Switching {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.switched)
}

// Offs is how often its power was cut through the BMC.
func (m *Machine) Offs() int {
	n := 0
	for _, s := range m.Switched() {
		if !s.On {
			n++
		}
	}
	return n
}

// servePower answers the tool that ipmi_sim runs, one line for each connection.
func (m *Machine) servePower(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return // closed
		}
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		line, err := bufio.NewReader(c).ReadString('\n')
		if err == nil {
			line, err = m.chassis(strings.Fields(line))
		}
		if err != nil {
			line = err.Error()
		}
		_, _ = c.Write([]byte(line)) // ipmi_sim may have given up
		_ = c.Close()
	}
}

// chassis does what ipmi_sim asks: "get power", "set power 0", "set reset 1".
func (m *Machine) chassis(words []string) (string, error) {
	if len(words) < 2 {
		return "", fmt.Errorf("unknown request %q", words)
	}
	on := len(words) > 2 && words[2] != "0"
	switch what := words[0] + " " + words[1]; {
	case what == "get power" && m.Powered():
		return "ok\npower:1\n", nil
	case what == "get power":
		return "ok\npower:0\n", nil
	case what == "get boot":
		return "ok\nboot:default\n", nil
	case what == "set power" && on:
		m.note(true)
		return "ok\n", m.on()
	case what == "set power":
		m.note(false)
		m.off()
		return "ok\n", nil
	case what == "set reset" && on:
		m.note(false)
		m.off()
		m.note(true)
		return "ok\n", m.on()
	}
	return "", fmt.Errorf("unknown request %q", words)
}

func (m *Machine) note(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.switched = append(m.switched, Switching{On: on, At: time.Now()})
}

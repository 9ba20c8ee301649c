package systemd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// witnessUnit is the shipped unit of a witness; it is run as it is: a witness can hurt nobody, so there is nothing to take away for a test.
const (
	witnessUnit     = "fenced-witness.service"
	witnessUnitPath = "../../configs/systemd/" + witnessUnit
)

// TestWitnessUnit is the life of a witness beside two nodes: one file made on a node, one unit, no right on its machine.
func TestWitnessUnit(t *testing.T) {
	needs(t)
	files := cluster(t)
	shipped, err := os.ReadFile(witnessUnitPath)
	if err != nil {
		t.Fatal(err)
	}
	files["usr/lib/systemd/system/"+witnessUnit] = file{text: string(shipped)}
	files["etc/fenced/fenced.yaml"] = file{text: witnessed(config())}
	m := boot(t, files)
	out, err := m.try("systemd-analyze", "verify", "--man=no", witnessUnit)
	if err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("systemd-analyze verify: %s %v", out, err)
	}
	if report, err := m.try("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=15", "/usr/lib/systemd/system/"+witnessUnit); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, report)
	}
	if _, err := m.try("systemctl", "start", witnessUnit); err == nil {
		t.Error("a witness without its file was started")
	}
	m.do("systemctl", "start", "fenced-peer@1", "fenced-peer@2")
	m.do("fenced", "witness", "export", "node-3", "/etc/fenced/witness.yaml", "--system-root", "/simulated/node-1")
	m.do("systemctl", "start", "--no-block", witnessUnit)
	m.until("the witness waits for a domain", patience(startTime), func() string {
		return m.witnessIs("activating", "belongs to no domain yet")
	})
	m.do("fenced", "bootstrap", "unit", "--yes", "--socket", "/run/peer-1/fenced.sock")
	m.until("the witness is ready", patience(startTime), func() string { return m.witnessIs("active", "member") })
	m.confined()
	if out, _ := m.try("fenced", "status"); !strings.Contains(out, "node-3") || !strings.Contains(out, "cluster unit") {
		t.Errorf("fenced status on the machine of a witness: %s", out)
	}
	before := m.show(witnessUnit, "MainPID")["MainPID"]
	m.do("systemctl", "kill", "--signal=KILL", "--kill-whom=main", witnessUnit)
	m.until("the witness is started again", patience(startTime), func() string {
		if m.show(witnessUnit, "MainPID")["MainPID"] == before {
			return "the same process"
		}
		return m.witnessIs("active", "member")
	})
	m.do("systemctl", "stop", witnessUnit)
	if s := m.show(witnessUnit, "ActiveState", "Result"); s["ActiveState"] != "inactive" || s["Result"] != "success" {
		t.Errorf("stopped, the unit is %v", s)
	}
	m.until("the nodes miss the witness and fence nobody", patience(startTime), func() string {
		out, err := m.try("fenced", "status", "--socket", "/run/peer-1/fenced.sock")
		if strings.Contains(out, "W209") && strings.Contains(out, "QUORATE 2 votes") {
			return ""
		}
		return fmt.Sprint(out, err)
	})
	m.do("systemctl", "start", witnessUnit)
	m.until("the witness is back", patience(startTime), func() string { return m.witnessIs("active", "member") })
}

func (m *machine) witnessIs(active, status string) string {
	s := m.show(witnessUnit, "ActiveState", "SubState", "StatusText", "Result")
	if s["ActiveState"] == active && strings.Contains(s["StatusText"], status) {
		return ""
	}
	return fmt.Sprint(s)
}

// confined: the witness is nobody's root, holds no capability, and its key is readable by nobody else.
func (m *machine) confined() {
	m.t.Helper()
	pid := m.show(witnessUnit, "MainPID")["MainPID"]
	status := m.do("cat", filepath.Join("/proc", pid, "status"))
	for line := range strings.Lines(status) {
		word, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch word {
		case "Uid":
			if fields := strings.Fields(value); len(fields) != 4 || fields[0] == "0" || fields[1] == "0" {
				m.t.Errorf("the witness runs as uid %s", value)
			}
		case "CapEff", "CapPrm", "CapBnd":
			if strings.Trim(value, "0") != "" {
				m.t.Errorf("the witness has capabilities: %s %s", word, value)
			}
		case "NoNewPrivs":
			if value != "1" {
				m.t.Error("the witness may gain privileges")
			}
		}
	}
	for _, path := range []string{"/etc/fenced/witness.yaml", "/var/lib/private/fenced-witness"} {
		if out := strings.TrimSpace(m.do("stat", "-c", "%a", path)); out != "600" && out != "700" {
			m.t.Errorf("%s has mode %s", path, out)
		}
	}
	if out, err := m.try("sh", "-c", "grep -c AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 /proc/"+pid+"/cmdline /proc/"+pid+"/environ; journalctl --no-pager | grep -c AAECAwQFBgcICQoL"); err == nil || strings.Contains(strings.ReplaceAll(out, ":0", ""), ":") {
		m.t.Errorf("the key is in the witness's command line, environment or journal: %s", out)
	}
}

// witnessed makes node-3 of a configuration a witness.
func witnessed(text string) string {
	i := strings.Index(text, "  node-3: ")
	j := i + strings.Index(text[i:], "\n")
	return text[:i] + "  node-3: {id: 3, address: 127.0.0.3, role: witness}" + text[j:]
}

package systemd

import (
	"fmt"
	"strings"
	"testing"
)

// cores are core processes as units, and what node-1's file says of each. Its peers have a file without them.
func cores(t *testing.T) map[string]file {
	t.Helper()
	files := cluster(t)
	patient := strings.Replace(config(), "timings: {failure_timeout: 1s, ping_interval: 100ms, lease: 2s, post_join_delay: 2s, stagger: 200ms}",
		"timings: {failure_timeout: 10s, ping_interval: 500ms, lease: 20s, post_join_delay: 20s, stagger: 1s}", 1)
	if patient == config() {
		t.Fatal("the configuration is not what this test is made for")
	}
	files["etc/fenced/fenced.yaml"] = file{text: patient}
	files["etc/fenced-peer/fenced.yaml"] = file{text: patient + "authkey: /etc/fenced/authkey\n"}
	files["etc/systemd/system/fenced-peer@.service"] = file{text: strings.Replace(peer, "/etc/fenced/fenced.yaml", "/etc/fenced-peer/fenced.yaml", 1)}
	text := "core_processes:\n"
	for name, policy := range map[string]string{"reset": "policy: reset", "freeze": "policy: freeze", "ignore": "policy: ignore", "restart": "policy: restart, limit: 2, within: 10m, back: 1m"} {
		text += fmt.Sprintf("  core-%s.service: {%s}\n", name, policy)
		restart := ""
		if name == "restart" {
			restart = "Restart=always\nRestartSec=50ms\n"
		}
		files["etc/systemd/system/core-"+name+".service"] = file{text: "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sleep infinity\n" + restart}
	}
	files["etc/fenced/conf.d/core.yaml"] = file{text: text}
	return files
}

// coreMachine is node-1 of an armed cluster, a stateful member whose core processes run.
func coreMachine(t *testing.T) *machine {
	t.Helper()
	m := boot(t, cores(t))
	m.do("systemctl", "start", "core-reset", "core-freeze", "core-ignore", "core-restart")
	m.do("systemctl", "start", "fenced-peer@2", "fenced-peer@3")
	m.do("systemctl", "start", "--no-block", unit)
	m.awaitUnit("activating", "belongs to no domain yet")
	m.do("fenced", "bootstrap", "unit", "--yes")
	m.awaitUnit("active", "votes 3 of 2 needed")
	m.do("fenced", "arm", "--reason", "test of the core processes")
	m.core("nothing is missing", false, "")
	return m
}

// core waits until node-1 is frozen or not, and shows a text or none.
func (m *machine) core(what string, frozen bool, text string) {
	m.t.Helper()
	m.until(what, patience(startTime), func() string {
		out, err := m.try("fenced", "status", "-o", "json")
		if strings.Contains(out, fmt.Sprintf(`"frozen":%t,`, frozen)) && strings.Contains(out, `"E119"`) == (text != "") && strings.Contains(out, text) {
			return ""
		}
		return fmt.Sprint(out, err)
	})
}

// said waits for a line of the daemon about one of them, and counts those lines.
func (m *machine) said(text string, times int) {
	m.t.Helper()
	m.until(text, patience(startTime), func() string {
		if n := strings.Count(m.do("journalctl", "--no-pager", "--unit="+unit), text); n < times {
			return fmt.Sprintf("%d of %d times", n, times)
		}
		return ""
	})
}

func (m *machine) kill(name string) {
	m.t.Helper()
	m.do("systemctl", "kill", "--signal=KILL", "--kill-whom=main", name)
}

// reset reports whether node-1 was to be reset: this is where a pretended machine is told so.
func (m *machine) reset() bool {
	_, err := m.try("test", "-s", "/simulated/node-1/proc/sysrq-trigger")
	return err == nil
}

// TestCoreProcessesFollowTheTable: under a real systemd each policy meets a real death. One that is ignored is only in the journal; one that freezes
// freezes until it runs; one that its manager starts again freezes for that long and may die twice; a stop in order resets nobody; and one whose policy
// is reset ends a node that may hold what is shared: it says so in the log, and the others fence it.
// part of: S4.6
func TestCoreProcessesFollowTheTable(t *testing.T) {
	needs(t)
	m := coreMachine(t)
	m.kill("core-ignore.service")
	m.said("unit=core-ignore.service fate=died", 1)
	m.core("nothing is missing without what is ignored", false, "")

	m.kill("core-freeze.service")
	m.core("frozen", true, "core process core-freeze.service died")
	m.do("systemctl", "start", "core-freeze.service")
	m.core("it is back", false, "")

	m.do("systemctl", "stop", "core-reset.service")
	m.core("stopped in order", true, "core process core-reset.service stopped")
	m.do("systemctl", "start", "core-reset.service")
	m.core("it is back", false, "")

	for death := 1; death <= 2; death++ {
		m.kill("core-restart.service")
		m.said("unit=core-restart.service fate=died", death)
		m.said("unit=core-restart.service fate=runs", death+1)
		m.core("systemd brought it back", false, "")
	}
	if m.reset() {
		t.Fatal("this machine was reset before its time")
	}
	m.kill("core-reset.service")
	m.until("this machine is reset", patience(startTime), func() string {
		if !m.reset() {
			return "it is not"
		}
		return ""
	})
	m.until("the others have proof", patience(3*startTime), func() string {
		out, err := m.try("fenced", "history", "node-1", "-o", "json", "--socket", "/run/peer-2/fenced.sock")
		if strings.Contains(out, `"verdict":"reset"`) {
			return ""
		}
		return fmt.Sprint(out, err)
	})
}

// TestACoreProcessIsRestartedSoOften: the third death within its window is one too many, also where systemd would have brought it back once more.
// part of: S4.6
func TestACoreProcessIsRestartedSoOften(t *testing.T) {
	needs(t)
	m := coreMachine(t)
	for death := 1; death <= 3; death++ {
		m.kill("core-restart.service")
		m.said("unit=core-restart.service fate=died", death)
		if death < 3 {
			m.said("unit=core-restart.service fate=runs", death+1)
			m.core("systemd brought it back", false, "")
		}
	}
	m.until("this machine is reset", patience(startTime), func() string {
		if !m.reset() {
			return "it is not"
		}
		return ""
	})
	m.said("it died 3 times within", 1)
}

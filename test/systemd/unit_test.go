package systemd

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/residual/looker"
)

const unit = "fenced.service"

// startTime bounds a start of the daemon until it is a member, and what it waits for until then.
const startTime = 20 * time.Second

// TestUnit is one life of the unit, told in order: each part begins where the one before it ended.
// part of: S2.10
func TestUnit(t *testing.T) {
	needs(t)
	m := boot(t, cluster(t))
	m.do("systemctl", "start", "fenced-peer@2", "fenced-peer@3")
	for _, part := range []struct {
		name string
		run  func(*machine)
	}{
		{"a start waits and says for what", waitsForADomain},
		{"ready is who is clean and joined", readyAsAMember},
		{"the status follows the state", statusFollows},
		{"killed, it is started again", restartsAfterAKill},
		{"hanging, it is killed and started again", restartsAfterAHang},
		{"the journal has the fields of events", journalFields},
		{"it stops after who uses it, in seconds, with all its plugins", stopsInOrder},
		{"a dirty node is not ready", notReadyWhileDirty},
		{"killed after it was armed, it is not ready again", notReadyAfterAStatefulCrash},
		{"a wrong configuration is not tried again", wrongConfiguration},
	} {
		began := time.Now()
		if !t.Run(part.name, func(t *testing.T) {
			outer := m.t
			m.t = t
			defer func() { m.t = outer }()
			part.run(m)
		}) {
			return
		}
		t.Logf("%s: %v", part.name, time.Since(began).Round(10*time.Millisecond))
	}
	if _, err := m.try("test", "!", "-e", "/simulated/node-1/proc/sysrq-trigger"); err != nil {
		t.Error("the daemon reset its (simulated) machine")
	}
}

// state is what systemd says of the unit.
func (m *machine) state() map[string]string {
	m.t.Helper()
	return m.show(unit, "ActiveState", "SubState", "StatusText", "NRestarts", "MainPID", "Result")
}

// awaitUnit waits until the unit is in a state, with a status that holds a text.
func (m *machine) awaitUnit(active, status string) map[string]string {
	m.t.Helper()
	var s map[string]string
	m.until(fmt.Sprintf("%s is %s with a status of %q", unit, active, status), patience(startTime), func() string {
		if s = m.state(); s["ActiveState"] == active && strings.Contains(s["StatusText"], status) {
			return ""
		}
		return fmt.Sprint(s)
	})
	return s
}

func waitsForADomain(m *machine) {
	m.do("systemctl", "start", "--no-block", "workload.service")
	s := m.awaitUnit("activating", "waiting: this node belongs to no domain yet (fenced bootstrap on one node)")
	m.until("the daemon's socket answers before it is ready", patience(startTime), func() string {
		if _, err := m.try("fenced", "history"); err != nil {
			return err.Error()
		}
		return ""
	})
	if now := m.state(); now["ActiveState"] != "activating" || now["MainPID"] != s["MainPID"] {
		m.t.Errorf("without a domain the unit became %v", now)
	}
	if w := m.show("workload.service", "ActiveState"); w["ActiveState"] != "inactive" {
		m.t.Errorf("who uses shared state is %v before fenced is ready", w)
	}
}

func readyAsAMember(m *machine) {
	m.do("fenced", "bootstrap", "unit", "--yes")
	m.awaitUnit("active", "member")
	if out := m.do("fenced", "status", "node-1"); !strings.Contains(out, "member") {
		m.t.Errorf("the unit is active and the node is %s", out)
	}
	m.until("the workload starts once fenced is ready", patience(startTime), func() string {
		w := m.show("workload.service", "ActiveState")
		if w["ActiveState"] == "active" {
			return ""
		}
		return fmt.Sprint(w)
	})
	ready, began := m.moment(unit, "ActiveEnterTimestampMonotonic"), m.moment("workload.service", "ExecMainStartTimestampMonotonic")
	if began < ready {
		m.t.Errorf("the workload began %v before fenced was ready", ready-began)
	}
}

// moment is a point in time since the machine started.
func (m *machine) moment(unit, property string) time.Duration {
	m.t.Helper()
	us, err := strconv.ParseInt(m.show(unit, property)[property], 10, 64)
	if err != nil || us == 0 {
		m.t.Fatalf("%s of %s: %d, %v", property, unit, us, err)
	}
	return time.Duration(us) * time.Microsecond
}

func statusFollows(m *machine) {
	m.awaitUnit("active", "votes 3 of 2 needed, not armed")
	m.do("systemctl", "stop", "fenced-peer@2", "fenced-peer@3")
	s := m.awaitUnit("active", "waiting: quorum")
	m.t.Logf("without peers: %s", s["StatusText"])
	m.do("systemctl", "start", "fenced-peer@2", "fenced-peer@3")
	m.awaitUnit("active", "votes 3 of 2 needed")
}

// restarted waits for another main process that is ready, and for the end of all that was in the unit's cgroup before.
func (m *machine) restarted(before map[string]string, old []string) map[string]string {
	m.t.Helper()
	var s map[string]string
	m.until("the unit is ready again with another process", patience(startTime), func() string {
		s = m.state()
		if s["ActiveState"] == "active" && s["MainPID"] != before["MainPID"] && strings.HasPrefix(s["StatusText"], "member") {
			return ""
		}
		return fmt.Sprint(s)
	})
	if n, was := s["NRestarts"], before["NRestarts"]; fmt.Sprint(n) == fmt.Sprint(was) {
		m.t.Errorf("systemd counts %s restarts as before", n)
	}
	for _, pid := range old {
		if _, err := m.try("test", "-e", "/proc/"+pid); err == nil {
			m.t.Errorf("process %s of the life before is still there", pid)
		}
	}
	return s
}

// processes are the pids in the unit's cgroup: the daemon, its plugins, and what waits to look for leftover state.
func (m *machine) processes() []string {
	m.t.Helper()
	out, err := m.try("cat", "/sys/fs/cgroup/system.slice/"+unit+"/cgroup.procs")
	if err != nil {
		return nil
	}
	return strings.Fields(out)
}

// withPlugin waits until a plugin and the process that waits to look run in the unit's cgroup, and returns all of it.
func (m *machine) withPlugin() []string {
	m.t.Helper()
	var pids []string
	m.until("a plugin runs, and a process waits to look", patience(startTime), func() string {
		programs := ""
		pids = m.processes()
		for _, pid := range pids {
			args, _ := m.try("cat", "/proc/"+pid+"/cmdline")
			programs += args + "\n"
		}
		if strings.Contains(programs, "fenced-plugin-") && strings.Contains(programs, looker.Word) {
			return ""
		}
		return fmt.Sprint(pids, programs)
	})
	return pids
}

func restartsAfterAKill(m *machine) {
	before, old := m.state(), m.withPlugin()
	m.do("systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit)
	m.restarted(before, old)
}

func restartsAfterAHang(m *machine) {
	m.do("systemctl", "reset-failed") // the limit of starts is not what is tested
	before, old := m.state(), m.withPlugin()
	m.do("systemctl", "kill", "--signal=STOP", "--kill-whom=main", unit)
	began, killed := time.Now(), time.Duration(0)
	m.until("systemd takes it for hung", patience(startTime), func() string {
		s := m.state()
		if s["Result"] == "watchdog" {
			killed = time.Since(began)
			return ""
		}
		return fmt.Sprint(s)
	})
	m.t.Logf("killed %v after it stopped, with a watchdog of 2 s", killed.Round(10*time.Millisecond))
	m.restarted(before, old)
}

func journalFields(m *machine) {
	entries := m.journal("--unit="+unit, "EVENT=view", "NODE=", "SYSLOG_IDENTIFIER=fenced")
	if len(entries) == 0 {
		m.t.Fatal("the journal has no view of the unit's")
	}
	e := entries[len(entries)-1]
	// An epoch counts entries of the cluster's log. A few restarts are tens of them; once members proposed by the thousand while one was away.
	if epoch, err := strconv.Atoi(e["EPOCH"]); err != nil || epoch == 0 || epoch > 500 {
		m.t.Errorf("EPOCH=%q after some restarts", e["EPOCH"])
	}
	if !strings.HasPrefix(e["MESSAGE"], `view node="" epoch=`+e["EPOCH"]) || e["PRIORITY"] != "6" || e["_TRANSPORT"] != "journal" || e["MEMBERS"] == "" {
		m.t.Errorf("an event in the journal: %q", e)
	}
	for _, filter := range [][]string{{"EVENT=clean", "NODE=node-1"}, {"ROOM=plugins", "PLUGIN=dummy"}} {
		if len(m.journal(append([]string{"--unit=" + unit}, filter...)...)) == 0 {
			m.t.Errorf("the journal has nothing of %v", filter)
		}
	}
	// The plain stream is for what is no line of the log: a start that fails before there is one, or the stacks of a process that hung.
	for _, e := range m.journal("--unit="+unit, "_TRANSPORT=stdout", "SYSLOG_IDENTIFIER=fenced") {
		if strings.Contains(e["MESSAGE"], "level=") {
			m.t.Errorf("a line of the log without fields: %q", e["MESSAGE"])
		}
	}
}

func stopsInOrder(m *machine) {
	m.do("systemctl", "reset-failed")
	m.do("systemctl", "start", "workload.service") // the kills above took it down
	m.awaitUnit("active", "member")
	m.withPlugin()
	m.do("systemctl", "log-level", "debug")
	began := time.Now()
	m.do("systemctl", "stop", unit)
	took := time.Since(began)
	m.do("systemctl", "log-level", "info")
	m.t.Logf("stopped in %v", took.Round(10*time.Millisecond))
	if took > patience(5*time.Second) {
		m.t.Errorf("the stop took %v", took)
	}
	if s := m.state(); s["ActiveState"] != "inactive" || s["Result"] != "success" {
		m.t.Errorf("stopped, the unit is %v", s)
	}
	if left := m.processes(); len(left) != 0 {
		m.t.Errorf("left in its cgroup: %v", left)
	}
	if out, err := m.try("sh", "-c", "ls -l /proc/[0-9]*/exe 2>/dev/null | grep -c fenced-plugin"); err != nil || strings.TrimSpace(out) != "2" {
		m.t.Errorf("plugins that run, with two peers: %s %v", out, err)
	}
	var order []string
	for _, e := range m.journal("_PID=1", "JOB_TYPE=stop") {
		if word, _, _ := strings.Cut(e["MESSAGE"], " "); e["UNIT"] == unit || e["UNIT"] == "workload.service" {
			order = append(order, word+" "+e["UNIT"])
		}
	}
	want := []string{"Stopping workload.service", "Stopped workload.service", "Stopping " + unit, "Stopped " + unit}
	if len(order) < len(want) || !slices.Equal(order[len(order)-len(want):], want) {
		m.t.Errorf("who uses fenced must be gone before it begins to stop: %q", order)
	}
	said := m.do("journalctl", "--no-pager", "--output=cat", "_PID=1", "UNIT="+unit)
	if !strings.Contains(said, "STOPPING=1") {
		m.t.Error("systemd never heard STOPPING=1")
	}
	if strings.Contains(said, "SIGKILL") && strings.Contains(said[strings.LastIndex(said, "STOPPING=1"):], "SIGKILL") {
		m.t.Error("something had to be killed")
	}
}

func notReadyWhileDirty(m *machine) {
	const left = "/simulated/node-1/sys/kernel/dlm/left-over"
	m.do("mkdir", left)
	m.do("systemctl", "start", "--no-block", unit)
	s := m.awaitUnit("activating", "dirty, waiting: ")
	m.t.Logf("with a leftover lockspace: %s", s["StatusText"])
	if !strings.Contains(s["StatusText"], "dlm") {
		m.t.Errorf("the status does not say what is left: %s", s["StatusText"])
	}
	m.do("systemctl", "stop", unit)
	m.do("rmdir", left)
	if s := m.state(); s["NRestarts"] != "0" {
		m.t.Errorf("stopped while it started: %v", s)
	}
}

// notReadyAfterAStatefulCrash: a member of an armed cluster may have left state behind, so only another boot is clean (R26, S2.10). It is disarmed
// before the kill: what the others do to a dead member of an armed cluster is not this test's.
func notReadyAfterAStatefulCrash(m *machine) {
	m.do("systemctl", "reset-failed")
	m.do("systemctl", "start", unit)
	m.awaitUnit("active", "votes 3 of 2 needed, not armed")
	m.do("fenced", "arm", "--reason", "test of the unit")
	before := m.awaitUnit("active", "votes 3 of 2 needed, armed")
	m.do("fenced", "disarm", "--reason", "the test kills a member")
	m.awaitUnit("active", "not armed")
	m.do("systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit)
	m.until("the unit is started again", patience(startTime), func() string {
		if s := m.state(); s["NRestarts"] == before["NRestarts"] || s["MainPID"] == "0" {
			return fmt.Sprint(s)
		}
		return ""
	})
	s := m.awaitUnit("activating", "stateful")
	m.t.Logf("killed after it was armed: %s", s["StatusText"])
	m.do("systemctl", "stop", unit)
}

func wrongConfiguration(m *machine) {
	m.do("sh", "-c", "echo nonsense: true >> /etc/fenced/fenced.yaml")
	if out, err := m.try("systemctl", "start", unit); err == nil {
		m.t.Fatalf("started with a wrong configuration: %s", out)
	}
	s := m.show(unit, "ActiveState", "NRestarts", "ExecMainStatus", "RestartPreventExitStatus")
	if s["ActiveState"] != "failed" || s["NRestarts"] != "0" || !strings.Contains(" "+s["RestartPreventExitStatus"]+" ", " "+s["ExecMainStatus"]+" ") {
		m.t.Errorf("after a wrong configuration: %v", s)
	}
}

// TestUnitFile asks systemd-analyze, which needs no booted systemd but the files that the unit names.
func TestUnitFile(t *testing.T) {
	needs(t)
	files := base()
	files["usr/lib/systemd/system/fenced.service"] = file{text: shipped(t)}
	files["usr/sbin/fenced"] = file{from: "/bin/true"}
	m := boot(t, files)
	out, err := m.try("systemd-analyze", "verify", "--man=no", unit) // manual pages are not installed here
	if err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("systemd-analyze verify: %s %v", out, err)
	}
	// The exposure that is allowed, in tenths; what is left is in the unit's comment.
	report, err := m.try("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=55", "/usr/lib/systemd/system/fenced.service")
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, report)
	}
	_, overall, ok := strings.Cut(report, "Overall exposure level for ")
	if !ok {
		t.Fatalf("systemd-analyze security says nothing overall: %s", report)
	}
	t.Log("exposure of", strings.TrimSpace(overall))
	for _, kept := range []string{"CAP_SYS_BOOT", "CAP_KILL", "CAP_SYS_PTRACE"} { // reset, plugins, reading /proc of every process
		if !strings.Contains(m.show(unit, "CapabilityBoundingSet")["CapabilityBoundingSet"], strings.ToLower(kept)) {
			t.Errorf("the unit takes away %s, which the daemon needs", kept)
		}
	}
	if host, err := os.Hostname(); err == nil && host == "node-1" {
		t.Error("the machine's own name was changed")
	}
}

package config

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The unit is the one place that allows a real reset (R24), and what it promises systemd the daemon must keep.
func TestUnit(t *testing.T) {
	path := filepath.Join("..", "..", "configs", "systemd", "fenced.service")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string][]string{}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(k, "#") {
			have[k] = append(have[k], v)
		}
	}
	for k, v := range map[string]string{
		"Type": "notify", "NotifyAccess": "main", "Environment": "FENCED_ALLOW_RESET=1", "Restart": "on-failure", "KillMode": "mixed", "WatchdogSec": "10s",
		"RuntimeDirectory": "fenced", "RuntimeDirectoryMode": "0750", "StateDirectory": "fenced", "StateDirectoryMode": "0700", "RestartPreventExitStatus": "64 77 78 92",
		"ExecStart": "/usr/sbin/fenced run --config " + DefaultPath + " --system-root /",
	} {
		if strings.Join(have[k], "|") != v {
			t.Errorf("%s=%v, want %s", k, have[k], v)
		}
	}
	// A host that goes down is busy: whose leave is cut short is fenced on its way (S2.12), so it has time for the longest scan and for one entry.
	leave, given := lengthIn(t, have["ExecStop"], "--timeout "), lengthIn(t, have["TimeoutStopSec"], "")
	if leave <= longestScan+5*time.Second || given <= leave {
		t.Errorf("a leave has %s and the stop %s; a scan may take %s", leave, given, longestScan)
	}
	// Each of these would take something away that a reset, a watchdog or a plugin needs.
	for _, k := range []string{"PrivateDevices", "DevicePolicy", "DeviceAllow", "ProtectClock", "ProtectKernelTunables", "ProtectProc", "PrivateNetwork", "MemoryDenyWriteExecute", "User", "DynamicUser"} {
		if have[k] != nil {
			t.Errorf("%s=%v is set", k, have[k])
		}
	}
	// A filter may only take away by name what nobody here needs: an allow list would break the next vendor's tool.
	for _, v := range have["SystemCallFilter"] {
		if !strings.HasPrefix(v, "~") || strings.Contains(v, "@reboot") || strings.Contains(v, "@raw-io") || strings.Contains(v, "@resources") || strings.Contains(v, "@privileged") {
			t.Errorf("SystemCallFilter=%s", v)
		}
	}
	if len(have["SystemCallFilter"]) > 0 && strings.Join(have["SystemCallErrorNumber"], "") != "EPERM" {
		t.Error("a call that the filter forbids must fail, not kill a plugin in the middle of a fence: SystemCallErrorNumber=EPERM")
	}
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return // the rest is systemd's own opinion, where there is one
	}
	out, _ := exec.Command(tool, "verify", path).CombinedOutput() // fails for the missing executable alone
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "is not executable") && !strings.Contains(line, "'man fenced(8)'") {
			t.Errorf("systemd-analyze: %s", line)
		}
	}
}

// lengthIn is the duration behind word in the only value of a setting.
func lengthIn(t *testing.T, values []string, word string) time.Duration {
	t.Helper()
	_, rest, ok := strings.Cut(strings.Join(values, "|")+" ", word)
	text, _, _ := strings.Cut(rest, " ")
	d, err := time.ParseDuration(text)
	if err != nil || !ok {
		t.Fatalf("%q has no duration behind %q (%v)", values, word, err)
	}
	return d
}

// A secret written where the name of its file belongs is not repeated by what is said of it (V19).
func TestMisplacedSecretIsNotTold(t *testing.T) {
	for _, place := range [][2]string{{"password_file: secret", "password_file: hunter2"}, {"authkey: authkey", "authkey: hunter2/hunter2="}} {
		r := newRoom(t)
		_, ps := r.load(change(t, place[0], place[1]))
		if !ps.Fatal() || strings.Contains(ps.Error(), "hunter2") {
			t.Errorf("%s gives %v", place[1], ps)
		}
	}
}

package systemd

import (
	"fmt"
	"strings"
	"testing"
)

// TestABrokenBinaryMeetsTheStartLimit: a stateful member is killed while its binary is broken. Systemd tries five times and gives up; nothing of the node
// comes back by itself, whoever needs it is refused, and the others, whose daemons run on, have proof that its life is over.
// proves: S4.5
func TestABrokenBinaryMeetsTheStartLimit(t *testing.T) {
	needs(t)
	files := cluster(t)
	patient := strings.Replace(config(), "timings: {failure_timeout: 1s, ping_interval: 100ms, lease: 2s, post_join_delay: 2s, stagger: 200ms}",
		"timings: {failure_timeout: 10s, ping_interval: 500ms, lease: 20s, post_join_delay: 20s, stagger: 1s}", 1)
	if patient == config() {
		t.Fatal("the configuration is not what this test is made for")
	}
	files["etc/fenced/fenced.yaml"] = file{text: patient}
	m := boot(t, files)
	m.do("systemctl", "start", "fenced-peer@2", "fenced-peer@3")
	m.do("systemctl", "start", "--no-block", unit)
	m.awaitUnit("activating", "belongs to no domain yet")
	m.do("fenced", "bootstrap", "unit", "--yes")
	m.awaitUnit("active", "votes 3 of 2 needed")
	m.do("fenced", "arm", "--reason", "test of the unit")
	m.do("sh", "-c", `cp /usr/sbin/fenced /usr/sbin/fenced.whole && printf '#!/bin/sh\nexit 1\n' > /usr/sbin/fenced.new && chmod 755 /usr/sbin/fenced.new && mv /usr/sbin/fenced.new /usr/sbin/fenced`)
	m.do("systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit)
	m.until("systemd gives the unit up", patience(3*startTime), func() string {
		if s := m.state(); s["ActiveState"] != "failed" {
			return fmt.Sprint(s)
		}
		return ""
	})
	if s := m.state(); s["NRestarts"] != "5" && s["NRestarts"] != "4" {
		t.Errorf("it was given up after %v", s)
	}
	for _, name := range []string{unit, "workload.service"} {
		if out, err := m.try("systemctl", "start", name); err == nil {
			t.Errorf("%s starts all the same: %s", name, out)
		}
	}
	m.until("the others have proof", patience(3*startTime), func() string {
		out, err := m.try("fenced.whole", "history", "node-1", "-o", "json", "--socket", "/run/peer-2/fenced.sock")
		if strings.Contains(out, `"verdict":"reset"`) {
			return ""
		}
		return fmt.Sprint(out, err)
	})
	if s := m.state(); s["ActiveState"] != "failed" {
		t.Errorf("the unit is %v afterwards", s)
	}
}

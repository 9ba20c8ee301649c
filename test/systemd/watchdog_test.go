package systemd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/test/product"
)

const (
	holderUnit     = "fenced-watchdog.service"
	holderUnitPath = "../../configs/systemd/" + holderUnit
	holderStart    = "ExecStart=/usr/libexec/fenced/fenced-watchdog --system-root / --run-dir /run/fenced\n"
)

// TestWatchdogUnit is the shipped unit of the holder, at a fake system without devices: it starts inside its confinement, nobody stops it in
// passing, and its socket stays when fenced.service ends.
func TestWatchdogUnit(t *testing.T) {
	needs(t)
	files := cluster(t)
	build, err := product.Dir()
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := os.ReadFile(holderUnitPath)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(shipped), holderStart) || !strings.Contains(string(shipped), "\nEnvironment=FENCED_ALLOW_RESET=1\n") {
		t.Fatal("the unit starts something else than this test is made for")
	}
	files["usr/lib/systemd/system/"+holderUnit] = file{text: string(shipped)}
	files["etc/systemd/system/"+holderUnit+".d/test.conf"] = file{text: "[Service]\nEnvironment=\nExecStart=\n" + strings.Replace(holderStart, "--system-root /", "--system-root /simulated/node-1", 1)}
	files["usr/libexec/fenced/fenced-watchdog"] = file{from: filepath.Join(build, "fenced-watchdog")}
	m := boot(t, files)
	if out, err := m.try("systemd-analyze", "verify", "--man=no", holderUnit); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("systemd-analyze verify: %s %v", out, err)
	}
	m.do("systemctl", "start", holderUnit)
	if out := m.do("fenced", "watchdog", "status"); !strings.Contains(out, "closed: nothing on this node needs it") || !strings.Contains(out, "(simulated)") {
		t.Errorf("fenced watchdog status: %s", out)
	}
	if out, err := m.try("systemctl", "stop", holderUnit); err == nil {
		t.Errorf("it was stopped by hand: %s", out)
	}
	m.do("systemctl", "start", "--no-block", unit)
	m.until("the daemon answers", patience(startTime), func() string {
		if _, err := m.try("fenced", "history"); err != nil {
			return err.Error()
		}
		return ""
	})
	m.do("systemctl", "stop", unit)
	m.do("fenced", "watchdog", "status")
	if s := m.show(holderUnit, "ActiveState", "NRestarts"); s["ActiveState"] != "active" || s["NRestarts"] != "0" {
		t.Error("the holder did not stay: " + fmt.Sprint(s))
	}
}

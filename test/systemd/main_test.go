package systemd

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// roleEnv makes this test binary something else than tests: what runs before systemd, the guard, or a test that will be killed.
const roleEnv = "FENCED_TEST_SYSTEMD_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "init":
		fmt.Fprintln(os.Stderr, "cannot boot:", initMain()) // returns only with an error
		os.Exit(1)
	case "guard":
		os.Exit(guardMain())
	}
	code := m.Run()
	os.Exit(code)
}

// needs skips by name where a systemd cannot be booted; where CI demands everything that is a failure.
func needs(t *testing.T) {
	t.Helper()
	why := missing()
	switch {
	case why == "":
	case os.Getenv("FENCED_TEST_REQUIRE") == "all":
		t.Fatalf("SKIP systemd: %s (and FENCED_TEST_REQUIRE=all)", why)
	default:
		t.Skipf("SKIP systemd: %s", why)
	}
}

func missing() string {
	if os.Getuid() != 0 {
		return "needs root"
	}
	if _, err := os.Stat(systemdBinary); err != nil {
		return "systemd is not installed"
	}
	for _, tool := range []string{"nsenter", "systemctl", "journalctl", "systemd-analyze"} {
		if _, err := exec.LookPath(tool); err != nil {
			return tool + " is not installed"
		}
	}
	return ""
}

// patience multiplies a deadline by FENCED_TEST_SLOW.
func patience(d time.Duration) time.Duration {
	f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64)
	if err != nil || f < 1 {
		return d
	}
	return time.Duration(float64(d) * f)
}

package playground

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// TestMain lets the test binary stand in for fenced-dev: a guard is started by the name of a binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "playground" {
		os.Exit(Main(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == "run" {
		os.Exit(standInDaemon(os.Args[2:]))
	}
	if role := os.Getenv("FENCED_TEST_ROLE"); role != "" {
		os.Exit(standIn(role))
	}
	code := m.Run()
	_ = os.RemoveAll(buildDir)
	os.Exit(code)
}

// patience multiplies a deadline by FENCED_TEST_SLOW.
func patience(d time.Duration) time.Duration {
	f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64)
	if err != nil || f < 1 {
		return d
	}
	return time.Duration(float64(d) * f)
}

// skip skips by name, or fails where CI demands everything.
func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("FENCED_TEST_REQUIRE") == "all" {
		t.Fatalf("SKIP %s: %s (and FENCED_TEST_REQUIRE=all)", t.Name(), reason)
	}
	t.Skipf("SKIP %s: %s", t.Name(), reason)
}

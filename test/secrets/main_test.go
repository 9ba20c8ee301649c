package secrets

import (
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if left := playground.Leftovers(); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "left behind:", strings.Join(left, ", "))
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
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

// skip skips by name; where CI demands everything that is a failure.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("FENCED_TEST_REQUIRE") == "all" {
		t.Fatalf("SKIP %s: %s (and FENCED_TEST_REQUIRE=all)", t.Name(), why)
	}
	t.Skipf("SKIP %s: %s", t.Name(), why)
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "reading the environments of all processes needs root")
	}
}

// canary is n letters that occur nowhere else.
func canary(n int) string {
	return "Zq" + rand.Text()[:min(n-2, 24)] + strings.Repeat("x", max(0, n-26))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

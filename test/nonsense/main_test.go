package nonsense

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// ownBuild is the directory that product made; TestMain removes it.
var ownBuild string

func TestMain(m *testing.M) {
	code := m.Run()
	if ownBuild != "" {
		_ = os.RemoveAll(ownBuild)
	}
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

// product is a directory with the built product, made once. It is the tests' own, because they spoil its plugins.
var product = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "nonsense-build-")
	if err != nil {
		return "", err
	}
	ownBuild = dir
	plugins := filepath.Join(dir, "plugins")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(plugins, 0o755)); err != nil {
		return "", err
	}
	if made := os.Getenv("FENCED_BUILD"); made != "" {
		for _, name := range []string{"fenced", "fenced-dev", "plugins/fenced-plugin-bmc"} {
			b, err := os.ReadFile(filepath.Join(made, name))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name), b, 0o755)
			}
			if err != nil {
				return "", err
			}
		}
		return dir, nil
	}
	for _, b := range [][]string{{dir + "/", "../../cmd/fenced", "../../cmd/fenced-dev"}, {filepath.Join(plugins, "fenced-plugin-bmc"), "../../plugins/bmc"}} {
		cmd := exec.Command("go", append([]string{"build", "-trimpath", "-buildvcs=false", "-o"}, b...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("cannot build %v: %w: %s", b[1:], err, out)
		}
	}
	return dir, nil
})

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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

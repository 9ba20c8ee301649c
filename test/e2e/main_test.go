package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/test/product"
)

// together is how many clusters live beside each other unless -parallel says otherwise: they mostly wait, for timeouts that are the subject.
const together = "3"

func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", together)
	}
	code := m.Run()
	if left := playground.Leftovers(); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "left behind:", strings.Join(left, ", "))
		code = 1
	}
	os.Exit(code)
}

// slowness is FENCED_TEST_SLOW, at least 1.
func slowness() float64 {
	f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64)
	if err != nil {
		return 1
	}
	return max(f, 1)
}

// slow reports that this machine was declared slow.
func slow() bool { return slowness() > 1 }

// patience multiplies a deadline.
func patience(d time.Duration) time.Duration { return time.Duration(float64(d) * slowness()) }

// needsNamespaces skips by name where namespaces cannot be had; where CI demands everything that is a failure.
func needsNamespaces(t *testing.T) {
	t.Helper()
	if why := playground.NetnsMissing(); why != "" {
		skip(t, why)
	}
}

// skip skips by name; where CI demands everything that is a failure.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("FENCED_TEST_REQUIRE") == "all" {
		t.Fatalf("SKIP %s: %s (and FENCED_TEST_REQUIRE=all)", t.Name(), why)
	}
	t.Skipf("SKIP %s: %s", t.Name(), why)
}

// along lets a test run beside others; a test may call it more than once.
func along(t *testing.T) {
	if _, called := parallel.LoadOrStore(t.Name(), true); called {
		return
	}
	t.Cleanup(func() { parallel.Delete(t.Name()) })
	t.Parallel()
}

var parallel sync.Map

// start builds a cluster for one test, which runs beside other tests from here on. What is left of it at the end is a failure; where the test failed, the logs are shown.
func start(t *testing.T, opt playground.Options) (*playground.Cluster, context.Context) {
	t.Helper()
	return startWithin(t, opt, patience(30*time.Second), patience(75*time.Second))
}

// startWithin is start with other deadlines, for the beginning and for all of it: only a test that fails ever waits for them.
func startWithin(t *testing.T, opt playground.Options, begin, whole time.Duration) (*playground.Cluster, context.Context) {
	t.Helper()
	needsNamespaces(t)
	build, err := product.Dir()
	if err != nil {
		t.Fatal(err)
	}
	along(t)
	opt.Netns = true
	if opt.Build == "" {
		opt.Build = build
	}
	if opt.FailureTimeout == 0 {
		opt.FailureTimeout = patience(2 * time.Second) // the product's; shorter ones take a busy machine for a dead one
	}
	ctx, cancel := context.WithTimeout(context.Background(), whole)
	t.Cleanup(cancel)
	starting, ready := context.WithTimeout(ctx, begin)
	defer ready()
	c, err := playground.Start(starting, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		checkLog(t, c)
		if t.Failed() {
			logs := filepath.Join("..", "..", "build", "e2e", t.Name())
			t.Logf("whole logs in %s (%v)\n%s", logs, c.SaveLogs(logs), c.LogTails(40))
		}
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		if left := c.Leftovers(); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return c, ctx
}

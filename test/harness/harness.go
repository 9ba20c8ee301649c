// Package harness is what tests of plugins share: deadlines that a slow machine stretches, and other people's programs that end with the test
// which started them. It is imported by tests only, and knows nothing of ours.
package harness

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Slow stretches a deadline by FENCED_TEST_SLOW; what is less than 1 shortens nothing.
func Slow(d time.Duration) time.Duration {
	f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64)
	if err != nil || f < 1 {
		f = 1
	}
	return time.Duration(float64(d) * f)
}

// Within is a context that ends after d, stretched by Slow, or with the test.
func Within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Slow(d))
	t.Cleanup(cancel)
	return ctx
}

// patience is how long Await waits, and often how rarely it asks.
const (
	patience = 30 * time.Second
	often    = 20 * time.Millisecond
)

// Await asks until f succeeds: for programs that tell nobody when they listen. It fails the test after half a minute, stretched by Slow.
func Await(t testing.TB, f func() error) {
	t.Helper()
	for end := time.Now().Add(Slow(patience)); ; time.Sleep(often) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// Start runs somebody else's program until the test ends, and not longer than this process lives, however it dies.
func Start(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started, ended := make(chan error), make(chan struct{})
	go func() { // one thread for the program's whole life: the parent-death signal follows the thread
		runtime.LockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its ProcessState
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-ended
	})
}

// Program is the path of a program of a Debian package, also of one that only root has in its path. Without it the test is skipped by name, or fails
// where nothing may be skipped.
func Program(t testing.TB, name, pkg string) string {
	t.Helper()
	for _, p := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(p); err == nil {
			return path
		}
	}
	Skip(t, name+" (package "+pkg+") is not installed")
	return ""
}

// Plugin builds the package that is tested as the plugin of this name and returns its path.
func Plugin(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fenced-plugin-"+name)
	if out, err := exec.CommandContext(Within(t, 2*time.Minute), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("cannot build: %v\n%s", err, out)
	}
	return path
}

// Skip says by name why a test does not run; where nothing may be skipped it fails.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("FENCED_TEST_REQUIRE") == "all" {
		t.Fatalf("may not be skipped: %s", reason)
	}
	t.Skipf("SKIP %s: %s", t.Name(), reason)
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// How the run of a test binary ended.
type ending int

const (
	passed  ending = iota
	failed         // a test failed
	crashed        // the process failed and no test did
	hung           // it did not end by its timeout
)

// run is what one run of a test binary showed. Tests are those at the top level.
type run struct {
	ending          ending
	ran, fail, skip []string
	output          string
	took            time.Duration
}

// grace is how much longer than its own timeout a test binary may take before it is killed.
const grace = 10 * time.Second

// compile builds a package's test binary. With -trimpath the build cache does not care in which copy a package lies.
func compile(ctx context.Context, dir, pkg, out string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-trimpath", "-buildvcs=false", "-o", out, pkg)
	cmd.Dir, cmd.Env = dir, environment()
	said, err := output(cmd)
	if err != nil {
		return fmt.Errorf("cannot compile the tests of %s: %w\n%s", pkg, err, said)
	}
	if _, err := os.Stat(out); err != nil {
		return fmt.Errorf("package %s has no tests", pkg)
	}
	return nil
}

// test runs the named tests of a binary in its package's directory, as `go test` does.
func test(ctx context.Context, dir, binary, expr string, timeout time.Duration) (run, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout+grace)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "-test.run="+expr, "-test.count=1", "-test.v", "-test.timeout="+timeout.String())
	cmd.Dir, cmd.Env = dir, environment()
	begin := time.Now()
	said, err := output(cmd)
	r := read(said)
	r.took = time.Since(begin)
	var exit *exec.ExitError
	switch {
	case err != nil && ctx.Err() != nil, strings.Contains(said, "panic: test timed out after "):
		r.ending = hung
		return r, nil
	case err == nil:
		r.ending = passed
	case !errors.As(err, &exit):
		return r, err
	case len(r.fail) > 0:
		r.ending = failed
	default:
		r.ending = crashed
	}
	return r, nil
}

// read finds the top-level tests in the output of -test.v.
func read(said string) run {
	r := run{output: said}
	for line := range strings.Lines(said) {
		for prefix, to := range map[string]*[]string{"--- PASS: ": &r.ran, "--- FAIL: ": &r.fail, "--- SKIP: ": &r.skip} {
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				name, _, _ := strings.Cut(rest, " ")
				*to = append(*to, name)
			}
		}
	}
	r.ran = append(r.ran, r.fail...)
	return r
}

// output runs a program in a process group of its own, which dies with the context, and returns what it said, bounded.
func output(cmd *exec.Cmd) (string, error) {
	var b tail
	cmd.Stdout, cmd.Stderr = &b, &b
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	return b.String(), err
}

// tail keeps the first and the newest of what a program says.
type tail struct{ head, rest bytes.Buffer }

const tailBytes = 1 << 20

func (t *tail) Write(b []byte) (int, error) {
	n := len(b)
	if room := tailBytes - t.head.Len(); room > 0 {
		k := min(room, len(b))
		t.head.Write(b[:k])
		b = b[k:]
	}
	t.rest.Write(b)
	if over := t.rest.Len() - 2*tailBytes; over > 0 {
		t.rest.Next(t.rest.Len() - tailBytes)
	}
	return n, nil
}

func (t *tail) String() string { return t.head.String() + t.rest.String() }

// environment is this process's own without what belongs to a daemon: above all no test may reset this machine.
func environment() []string {
	env := []string{"CGO_ENABLED=0", "GOFLAGS=-mod=readonly"}
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		fenced := strings.HasPrefix(name, "FENCED_") && !strings.HasPrefix(name, "FENCED_TEST_") && name != "FENCED_SEED"
		if !fenced && name != "CGO_ENABLED" && name != "GOFLAGS" && name != "PWD" {
			env = append(env, e)
		}
	}
	return env
}

// binaryOf names the test binary of a package.
func binaryOf(dir, pkg string) string {
	return filepath.Join(dir, strings.ReplaceAll(strings.TrimPrefix(pkg, "./"), "/", "_")+".test")
}

// slow multiplies a deadline by FENCED_TEST_SLOW.
func slow(d time.Duration) time.Duration {
	if f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64); err == nil && f > 0 {
		return time.Duration(float64(d) * f)
	}
	return d
}

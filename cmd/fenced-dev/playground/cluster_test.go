package playground

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/client"
)

// buildDir is where build put things; TestMain removes it.
var buildDir = ""

// build makes, once, a directory with the real fenced-dev and this test binary as fenced.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "playground-build-")
	if err != nil {
		return "", err
	}
	buildDir = dir
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(dir, "fenced-dev"), "..").CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build fenced-dev: %w: %s", err, out)
	}
	self, err := selfBinary()
	if err != nil {
		return "", err
	}
	return dir, errors.Join(os.Symlink(self, filepath.Join(dir, "fenced")), os.Mkdir(filepath.Join(dir, "plugins"), 0o755))
})

func startCluster(t *testing.T, opt Options) *Cluster {
	t.Helper()
	dir, err := build()
	must(t, err)
	opt.Build = dir
	ctx, cancel := context.WithTimeout(t.Context(), patience(20*time.Second))
	defer cancel()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	c, err := Start(ctx, opt)
	must(t, err)
	t.Cleanup(func() {
		must(t, c.Stop())
		if left := Leftovers(); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return c
}

func TestClusterOnLoopback(t *testing.T) { exercise(t, Options{}) }

func TestClusterInNamespaces(t *testing.T) {
	if why := NetnsMissing(); why != "" {
		skip(t, why)
	}
	exercise(t, Options{Netns: true})
}

// exercise does to a cluster of stand-ins what tests do to real ones, and looks at the truth each time.
func exercise(t *testing.T, opt Options) {
	c := startCluster(t, opt)
	ctx, cancel := context.WithTimeout(t.Context(), patience(20*time.Second))
	defer cancel()
	n := c.Node(3)
	first := n.BootID()
	if first == "" || !n.PowerOn() {
		t.Fatalf("after the start: boot id %q, power %v", first, n.PowerOn())
	}
	k, err := c.BMC(3).Counts(ctx)
	if err != nil || k != (Counts{}) {
		t.Errorf("before anything the BMC counts %+v, %v", k, err)
	}
	must(t, n.Freeze())
	if why := n.notYet(ctx, n.Name, client.StateMember, ""); why == "" {
		t.Error("a frozen daemon answers")
	}
	must(t, n.Thaw())
	must(t, c.Await(ctx, "the thawed daemon to answer", func() bool { return n.notYet(ctx, n.Name, client.StateMember, first) == "" }))
	must(t, n.Kill())
	must(t, c.Await(ctx, "the end of the daemon", func() bool { r, err := n.report(); return err == nil && !r.Running }))
	if !n.PowerOn() || n.BootID() != first {
		t.Errorf("after a crash: power %v, boot id changed: %v", n.PowerOn(), n.BootID() != first)
	}
	if err := n.Kill(); !errors.Is(err, errNotRunning) {
		t.Errorf("killing a dead machine gives %v", err)
	}
	must(t, n.switchPower(ctx, "off"))
	if n.PowerOn() {
		t.Error("there is power after off")
	}
	must(t, n.switchPower(ctx, "on"))
	must(t, c.AwaitClean(ctx))
	if n.BootID() == first {
		t.Error("the boot id is the same after off and on")
	}
	must(t, c.Await(ctx, "events of both lives", func() bool { return len(c.Events(3)) == 2 }))
	if e := c.Events(3); e[0].Stream == e[1].Stream || e[0].From != 3 {
		t.Errorf("the events of two lives are %+v", e)
	}
	must(t, c.BMC(3).SetKnobs(ctx, "ignore"))
	if err := c.BMC(3).SetKnobs(ctx, "no-such-knob"); err == nil {
		t.Error("an unknown knob is accepted")
	}
	if err := n.Cut(); (err == nil) != opt.Netns {
		t.Errorf("cut gives %v", err)
	}
}

func TestFailedStartLeavesNothingAndSaysWhy(t *testing.T) {
	dir, err := build()
	must(t, err)
	broken := t.TempDir()
	must(t, os.Symlink(filepath.Join(dir, "fenced-dev"), filepath.Join(broken, "fenced-dev")))
	must(t, os.WriteFile(filepath.Join(broken, "fenced"), []byte("#!/bin/sh\necho the daemon is broken >&2\nexit 1\n"), 0o755))
	must(t, os.Mkdir(filepath.Join(broken, "plugins"), 0o755))
	ctx, cancel := context.WithTimeout(t.Context(), patience(10*time.Second))
	defer cancel()
	_, err = Start(ctx, Options{Build: broken})
	if err == nil || !strings.Contains(err.Error(), "the daemon is broken") {
		t.Errorf("the error does not carry the log: %v", err)
	}
	if left := Leftovers(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A demo on daemons that never fence must fail, name what was not seen, and leave nothing.
func TestScriptFailsWhenNothingIsSeen(t *testing.T) {
	dir, err := build()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience(6*time.Second))
	defer cancel()
	var out bytes.Buffer
	sum, err := failOne(ctx, Options{Build: dir}, newTimeline(&out, false))
	if err == nil || sum.Result != resultFailed {
		t.Fatalf("result %q, error %v", sum.Result, err)
	}
	for _, want := range []string{"node-1 never saw verdict of node-3", "counted 0 power-offs", "boot id"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	if left := Leftovers(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOptionsAreRefused(t *testing.T) {
	dir, err := build()
	must(t, err)
	full := t.TempDir()
	must(t, os.WriteFile(filepath.Join(full, "x"), nil, 0o600))
	for name, opt := range map[string]Options{
		"two nodes":   {Build: dir, Nodes: 2},
		"ten nodes":   {Build: dir, Nodes: 10},
		"no binaries": {Build: full},
		"full dir":    {Build: dir, Dir: full},
	} {
		if c, err := Start(t.Context(), opt); err == nil {
			t.Errorf("%s: accepted", name)
			_ = c.Stop()
		}
	}
}

package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/machine"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// pidOf is the daemon of a node.
func pidOf(t *testing.T, n *playground.Node) int {
	t.Helper()
	m, err := machine.New(filepath.Dir(n.LogPath()))
	must(t, err)
	r, err := m.Status()
	must(t, err)
	return r.Pid
}

// limits sets one of the resource limits of a running process.
func limits(t *testing.T, pid, resource int, to uint64) {
	t.Helper()
	var was unix.Rlimit
	err := unix.Prlimit(pid, resource, nil, &was)
	if err == nil {
		err = unix.Prlimit(pid, resource, &unix.Rlimit{Cur: to, Max: was.Max}, nil)
	}
	if !errors.Is(err, unix.ESRCH) { // it has died meanwhile
		must(t, err)
	}
}

// The four exhaustions of S4.10 are here and in disk_test.go. Nobody who is left can open one descriptor more while the victim's power is cut: with those that are open the fence is finished and everybody
// is told. With room again nothing is left of it.
// proves: S4.10
func TestNoDescriptorsInTheMiddleOfAFence(t *testing.T) {
	c, ctx := start(t, playground.Options{BMCs: lagging(2 * time.Second)})
	a := accidentOf(t, c)
	must(t, c.Node(3).Kill())
	a.actor(ctx, 1, 3, client.ActionOff)
	for _, n := range []*playground.Node{c.Node(1), c.Node(2)} {
		pid := pidOf(t, n)
		open, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "fd"))
		must(t, err)
		if len(open) < 4 {
			t.Fatalf("%s has %d descriptors", n.Name, len(open))
		}
		limits(t, pid, unix.RLIMIT_NOFILE, 3)
	}
	for _, from := range []int{1, 2} {
		a.await(ctx, "the release on "+c.Node(from).Name, func() bool { return a.saw(from, 3, playground.Release) })
	}
	for _, n := range []*playground.Node{c.Node(1), c.Node(2)} {
		limits(t, pidOf(t, n), unix.RLIMIT_NOFILE, 1024)
	}
	a.over(ctx, 3)
}

// The daemon of node 2 writes its log into a pipe that nobody reads, and the pipe is full: it waits for no log. Another node's power is cut, by
// whoever it is, node 2 hears of it and releases, and nobody else is harmed.
// proves: S4.10
func TestALogThatBlocksInTheMiddleOfAFence(t *testing.T) {
	c, ctx := start(t, playground.Options{})
	n := c.Node(2)
	pipe := filepath.Join(t.TempDir(), "log")
	must(t, unix.Mkfifo(pipe, 0o600))
	f, err := os.OpenFile(pipe, os.O_RDWR, 0) // held open, and never read
	must(t, err)
	defer f.Close()
	size, err := unix.FcntlInt(f.Fd(), unix.F_SETPIPE_SZ, 4096)
	must(t, err)
	_, err = f.Write(make([]byte, size))
	must(t, err)
	logsTo(t, n, pipe)
	must(t, n.Terminate())
	must(t, c.Await(ctx, "its daemon ends", func() bool { return !n.Running() }))
	must(t, n.Restart(ctx))
	must(t, c.AwaitClean(ctx))
	a := accidentOf(t, c)
	must(t, c.Node(3).Kill())
	a.over(ctx, 3)
	if waiting, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCINQ); err != nil || waiting != size {
		t.Errorf("the pipe holds %d bytes of %d: it was not full all the time (%v)", waiting, size, err)
	}
}

// logsTo has the next daemon of a node write its log elsewhere.
func logsTo(t *testing.T, n *playground.Node, path string) {
	t.Helper()
	file := filepath.Join(filepath.Dir(n.LogPath()), "start")
	b, err := os.ReadFile(file)
	must(t, err)
	var s machine.Start
	must(t, json.Unmarshal(b, &s))
	s.Log = path
	b, err = json.Marshal(s)
	must(t, err)
	must(t, os.WriteFile(file, b, 0o644))
}

// The actor gets no more memory in the middle of its fence: it goes on, or it dies or its store fails, and it is a victim then; the other one finishes, and nobody is
// released without proof.
// proves: S4.10
func TestNoMemoryInTheMiddleOfAFence(t *testing.T) {
	c, ctx := startWithin(t, playground.Options{Nodes: 5, BMCs: lagging(2 * time.Second)}, patience(30*time.Second), patience(120*time.Second))
	a := accidentOf(t, c)
	must(t, c.Node(3).Kill())
	actor := a.actor(ctx, 1, 3, client.ActionOff)
	limits(t, pidOf(t, c.Node(actor)), unix.RLIMIT_AS, 1)
	other := a.bystander(actor, 3)
	a.await(ctx, "the release on "+c.Node(other).Name, func() bool { return a.saw(other, 3, playground.Release) })
	n, fenced := c.Node(actor), []int{3}
	if n.Running() && n.BootID() == a.lives[actor] {
		limits(t, pidOf(t, n), unix.RLIMIT_AS, unix.RLIM_INFINITY)
	}
	a.await(ctx, n.Name+" to go on, or to live again", func() bool {
		if n.BootID() != a.lives[actor] {
			return true
		}
		s, err := n.Client().Status(ctx) // "fatal error" is what Go says first when it gets no memory; a store that gets none is out of service for good
		return err == nil && !s.Frozen && !inLog(n, "fatal error: ") && !inLog(n, "membership is out of service")
	})
	if n.BootID() != a.lives[actor] {
		fenced = append(fenced, actor)
	}
	t.Logf("%s, without memory: fenced %v", n.Name, fenced)
	a.overFor(ctx, fenced, fenced...)
}

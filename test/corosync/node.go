package corosync

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// device is each node's interface.
const device = "eth0"

// Node is one machine: it stays when its corosync ends.
type Node struct {
	ID uint32

	c     *Cluster
	space *space
	muted map[*Node]bool
	proc  *exec.Cmd // nil: corosync does not run
	ended chan struct{}
}

// Name is the node's name in corosync.conf.
func (n *Node) Name() string { return fmt.Sprintf("node-%d", n.ID) }

// Address is the node's address in the ring's network.
func (n *Node) Address() string { return fmt.Sprintf("10.209.0.%d", n.ID) }

func (n *Node) build() error {
	n.muted = make(map[*Node]bool)
	s, err := newSpace()
	if err != nil {
		return err
	}
	n.space = s
	port := fmt.Sprintf("p%d", n.ID)
	for _, step := range []struct {
		in   *space
		args []string
	}{
		{n.c.hub, []string{"link", "add", port, "type", "veth", "peer", "name", device, "netns", s.path()}},
		{n.c.hub, []string{"link", "set", port, "master", "br0", "up"}},
		{s, []string{"addr", "add", n.Address() + "/24", "dev", device}},
		{s, []string{"link", "set", device, "up"}},
	} {
		if err := step.in.ip(step.args...); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) log() string { return filepath.Join(n.c.dir, n.Name()+".log") }

// Start starts corosync; it returns before it is in a ring.
func (n *Node) Start() {
	n.c.t.Helper()
	log, err := os.OpenFile(n.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(n.c.t, err)
	defer log.Close()
	n.proc, err = n.space.start(log, "corosync", "-f", "-c", n.c.conf())
	must(n.c.t, err)
	proc, ended := n.proc, make(chan struct{})
	n.ended = ended
	go func() {
		defer close(ended)
		_ = proc.Wait()
	}()
}

// Kill ends corosync with SIGKILL and returns when it is gone. Nothing happens where it does not run.
func (n *Node) Kill() { n.kill(syscall.SIGKILL) }

// Quit asks corosync to end, and returns when it has.
func (n *Node) Quit() { n.kill(syscall.SIGTERM) }

func (n *Node) kill(how syscall.Signal) {
	n.c.t.Helper()
	if n.proc == nil {
		return
	}
	_ = n.proc.Process.Signal(how)
	select {
	case <-n.ended:
	case <-time.After(Slow(20 * time.Second)):
		_ = n.proc.Process.Kill()
		n.c.t.Errorf("%s: corosync did not end after %v", n.Name(), how)
		<-n.ended
	}
	n.proc = nil
}

// Freeze stops corosync (SIGSTOP) without ending it, Thaw lets it run on.
// Whoever is connected may be
// blocked by that, so the test's end thaws it first.
func (n *Node) Freeze() {
	proc := n.proc.Process
	n.c.t.Cleanup(func() { _ = proc.Signal(syscall.SIGCONT) }) // one that has ended cannot be told
	must(n.c.t, proc.Signal(syscall.SIGSTOP))
}

// Thaw ends Freeze.
func (n *Node) Thaw() { must(n.c.t, n.proc.Process.Signal(syscall.SIGCONT)) }

// Enter puts the calling goroutine's thread into this machine for the rest of the goroutine's life: the thread is never used for anything else.
func (n *Node) Enter() error {
	runtime.LockOSThread()
	return n.space.enter()
}

// Do runs a function on this machine, on a thread of its own, and returns its error.
func (n *Node) Do(f func() error) error {
	r := make(chan error, 1)
	go func() {
		if err := n.Enter(); err != nil {
			r <- err
			return
		}
		r <- f()
	}()
	return <-r
}

// Run runs a program on this machine to its end and returns what it says.
func (n *Node) Run(program string, args ...string) string {
	n.c.t.Helper()
	ctx, cancel := context.WithTimeout(n.c.t.Context(), Slow(20*time.Second))
	defer cancel()
	var out []byte
	err := n.space.do(func() (err error) {
		out, err = exec.CommandContext(ctx, program, args...).CombinedOutput()
		return err
	})
	if err != nil {
		n.c.t.Fatalf("%s on %s: %v\n%s", program, n.Name(), err, out)
	}
	return string(out)
}

func (n *Node) end() {
	if n.proc != nil {
		_ = n.proc.Process.Kill()
		<-n.ended
	}
	if n.space != nil {
		n.space.close()
	}
}

// show prints the end of corosync's log.
func (n *Node) show() {
	b, err := os.ReadFile(n.log())
	if err != nil {
		return
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	n.c.t.Logf("corosync on %s:\n%s", n.Name(), strings.Join(lines[max(0, len(lines)-25):], "\n"))
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// outcome is how one run of an agent ended.
type outcome struct {
	stdout, stderr []byte
	code           int // exit code, -1 if a signal ended it
	signal         syscall.Signal
	overran        bool // it was ended by us: what it did is unknown
}

// Bounds of one run.
const (
	maxStdout = 1 << 20
	maxStderr = 64 << 10
	// margin is kept of a call's deadline: whoever returns later costs the plugin its life.
	margin = 300 * time.Millisecond
	// manners lie between SIGTERM and SIGKILL, at most.
	manners = time.Second
	// drain is how long what it wrote is waited for when it has ended: somebody else may hold its pipes.
	drain = 200 * time.Millisecond
)

// run starts an agent, writes its parameters, and is back before ctx's deadline with everything ended that it started. Arguments are for the tools
// of agents (reservation.go), never for an agent, and hold no secret.
func run(ctx context.Context, path string, input []byte, args ...string) (outcome, error) {
	end, ok := ctx.Deadline()
	if !ok {
		return outcome{}, errors.New("an agent is never run without a deadline")
	}
	left := time.Until(end)
	if left < 2*margin {
		return outcome{}, context.DeadlineExceeded
	}
	hard := end.Add(-margin)
	term := hard.Add(-min(manners, left/5))
	p, err := begin(path, input, args...)
	if err != nil {
		return outcome{}, err
	}
	ended := make(chan struct{})
	go func() { // ends by the kills below at the latest
		defer close(ended)
		p.wait()
	}()
	out := outcome{}
	softly, hardly := time.NewTimer(time.Until(term)), time.NewTimer(time.Until(hard))
	defer softly.Stop()
	defer hardly.Stop()
	done := ctx.Done()
	for over := false; !over; {
		select {
		case <-ended:
			over = true
		case <-softly.C:
			out.overran = true
			p.signal(unix.SIGTERM)
		case <-hardly.C:
			out.overran = true
			p.signal(unix.SIGKILL)
		case <-done: // given up by its caller before its deadline
			out.overran, done = true, nil
			p.signal(unix.SIGKILL)
		}
	}
	leftover(p.pid, p.mark)
	out.stdout, out.stderr = p.collect()
	state := p.cmd.ProcessState
	out.code = state.ExitCode()
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		out.signal = ws.Signal()
	}
	return out, nil
}

// process is a running agent: a group of its own, marked so that who leaves the group is found.
type process struct {
	cmd            *exec.Cmd
	pid            int
	mark           string
	mu             sync.Mutex
	reaped         bool
	stdout, stderr *sink
	pipes          []*os.File
	pumps          sync.WaitGroup
}

var marks atomic.Uint64

// begin starts the agent. It gets no environment of ours but a path, a language, a place for files, and its mark.
func begin(path string, input []byte, args ...string) (*process, error) {
	p := &process{
		cmd: exec.Command(path, args...), mark: fmt.Sprintf("FENCED_AGENT_RUN=%d.%d", os.Getpid(), marks.Add(1)),
		stdout: &sink{limit: maxStdout}, stderr: &sink{limit: maxStderr, tail: true},
	}
	var theirs []*os.File
	fail := func(err error) (*process, error) {
		for _, f := range append(theirs, p.pipes...) {
			_ = f.Close()
		}
		return nil, err
	}
	pipe := func() (r, w *os.File, err error) { return os.Pipe() }
	inR, inW, err := pipe()
	if err != nil {
		return fail(err)
	}
	theirs, p.pipes = append(theirs, inR), append(p.pipes, inW)
	for _, s := range []struct {
		sink *sink
		to   *io.Writer
	}{{p.stdout, &p.cmd.Stdout}, {p.stderr, &p.cmd.Stderr}} {
		r, w, err := pipe()
		if err != nil {
			return fail(err)
		}
		theirs, p.pipes = append(theirs, w), append(p.pipes, r)
		*s.to = w
		p.pumps.Go(func() { _, _ = io.Copy(s.sink, r) }) // ends with the pipe, or by its read deadline
	}
	p.cmd.Stdin, p.cmd.Dir = inR, "/"
	p.cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", "LC_ALL=C", "PYTHONWARNINGS=ignore", "HOME=" + os.TempDir(), "TMPDIR=" + os.TempDir(), p.mark,
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := onThread(p.cmd.Start); err != nil {
		return fail(err)
	}
	p.pid = p.cmd.Process.Pid
	for _, f := range theirs {
		_ = f.Close()
	}
	p.pumps.Go(func() {
		_, _ = inW.Write(input) // an agent that reads nothing ends by its deadline; EPIPE is its business
		_ = inW.Close()
	})
	return p, nil
}

// wait waits for the agent's end, kills what is left of its group while the number cannot be anybody else's, and reaps it.
func (p *process) wait() {
	for errors.Is(unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
		continue
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = unix.Kill(-p.pid, unix.SIGKILL)
	_ = p.cmd.Wait() // its exit is in ProcessState
	p.reaped = true
}

// signal tells the agent's whole group.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = unix.Kill(-p.pid, s)
	}
}

// collect waits for what was written, not longer than for drain.
func (p *process) collect() (stdout, stderr []byte) {
	for _, f := range p.pipes {
		_ = f.SetDeadline(time.Now().Add(drain))
	}
	p.pumps.Wait()
	for _, f := range p.pipes {
		_ = f.Close()
	}
	return p.stdout.bytes(), p.stderr.bytes()
}

// sink keeps the first (or, as a tail, the last) limit bytes of what it is given, and takes everything: an agent must not block on a full pipe.
type sink struct {
	limit int
	tail  bool
	b     bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	n := len(p)
	if !s.tail {
		p = p[:min(len(p), s.limit-s.b.Len())]
	}
	s.b.Write(p)
	if s.tail && s.b.Len() > 2*s.limit {
		s.b.Next(s.b.Len() - s.limit)
	}
	return n, nil
}

func (s *sink) bytes() []byte {
	b := s.b.Bytes()
	return b[max(0, len(b)-s.limit):]
}

// forks is the thread that starts agents: the kernel ends a child with Pdeathsig when the thread that forked it ends, and Go ends threads.
var forks = sync.OnceValue(func() chan func() {
	jobs := make(chan func())
	go func() { // as long as the process
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

func onThread(f func() error) error {
	done := make(chan error, 1)
	forks() <- func() { done <- f() }
	return <-done
}

// input is what an agent reads: one name=value on each line, the action first.
func (s settings) input(action string) []byte {
	var b bytes.Buffer
	b.WriteString("action=" + action + "\n")
	for _, name := range sorted(s) {
		b.WriteString(name + "=" + s[name].Reveal() + "\n")
	}
	return b.Bytes()
}

func (o outcome) how() string {
	if o.signal != 0 {
		return "it was ended by " + o.signal.String()
	}
	return "it exited with " + strconv.Itoa(o.code)
}

package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/plugins/session"
)

// runner is one operating-system process with its session, pipes and limits. It is go-plugin's runner.Runner, so that go-plugin forks on
// the forker's thread, kills groups and sees no more of the output than the handshake.
type runner struct {
	host      *Host
	path, dir string
	socketDir string
	env       []string
	stdout    *output
	stderr    *output
	handshake *io.PipeReader
	first     *io.PipeWriter
	pumps     sync.WaitGroup
	dead      chan struct{} // closed when the process is reaped

	mu     sync.Mutex
	cmd    *exec.Cmd
	pid    int
	killed bool // asked to die, maybe before it started
	reaped bool
	exit   string // how it ended; read it after dead
}

func (h *Host) newRunner(path, dir string, log *slog.Logger, secrets func() []string) *runner {
	r := &runner{host: h, path: path, dir: dir, dead: make(chan struct{})}
	r.stdout = newOutput(log, "stdout", secrets, r.dead)
	r.stderr = newOutput(log, "stderr", secrets, r.dead)
	r.handshake, r.first = io.Pipe()
	return r
}

// Start forks the process. Everything about it that is not set here it does not have: no environment, no stdin, no open files.
func (r *runner) Start(ctx context.Context) error {
	outR, outW, err := os.Pipe()
	if err != nil {
		return err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		return errors.Join(err, outR.Close(), outW.Close())
	}
	cmd := exec.Command(r.path)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = r.env, r.dir, outW, errW
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	err = r.host.forker.do(ctx, func() error { return r.fork(cmd) })
	_ = outW.Close()
	_ = errW.Close()
	if err != nil {
		_ = outR.Close()
		_ = errR.Close()
		return err
	}
	r.pumps.Add(2)
	go func() {
		defer r.pumps.Done()
		defer outR.Close()
		pumpStdout(outR, r.first, r.stdout)
	}()
	go func() {
		defer r.pumps.Done()
		defer errR.Close()
		defer r.stderr.close()
		_, _ = io.Copy(r.stderr, errR) // ends with the pipe
	}()
	go r.watch(cmd, outR, errR)
	return nil
}

// fork starts cmd and sets its limits; it runs on the forker's thread.
func (r *runner) fork(cmd *exec.Cmd) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.killed {
		return errors.New("killed before it started")
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r.cmd, r.pid = cmd, cmd.Process.Pid
	if err := r.host.confine(r.pid); err != nil {
		_ = unix.Kill(-r.pid, unix.SIGKILL)
		_ = cmd.Wait()
		r.cmd, r.pid = nil, 0 // it never was: nobody waits for its end
		return err
	}
	return nil
}

// watch waits for the process's end, kills what is left of its session and group while the process id cannot be anybody else's, and reaps it.
func (r *runner) watch(cmd *exec.Cmd, pipes ...*os.File) {
	for {
		err := unix.Waitid(unix.P_PID, r.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	session.Kill(r.pid, r.pid) // also who leads a group of its own; without the lock: it reads the process table
	r.mu.Lock()
	_ = unix.Kill(-r.pid, unix.SIGKILL)
	err := cmd.Wait()
	r.reaped = true
	r.exit = "exited with status 0"
	if err != nil {
		r.exit = err.Error()
	}
	r.mu.Unlock()
	// Who left the group may still hold the pipes: read what is there, such as the text of a panic, and no more.
	for _, p := range pipes {
		_ = p.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	}
	close(r.dead)
}

// kill ends the whole process group, stopped or not. It may be called at any time and any number of times.
func (r *runner) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.killed = true
	if r.pid != 0 && !r.reaped {
		_ = unix.Kill(-r.pid, unix.SIGKILL)
	}
}

func (r *runner) running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pid != 0
}

// ended waits for death and the last output, and says how it was.
func (r *runner) ended() string {
	<-r.dead
	r.pumps.Wait()
	text := r.exit
	if last := r.stderr.last(); last != "" {
		text += ", it wrote: " + last
	}
	return text
}

// The rest is what go-plugin asks of a runner.

func (r *runner) Wait(context.Context) error {
	<-r.dead
	return nil
}

func (r *runner) Kill(context.Context) error {
	r.kill()
	return nil
}

func (r *runner) Diagnose(context.Context) string { return "" }
func (r *runner) Stdout() io.ReadCloser           { return r.handshake }
func (r *runner) Stderr() io.ReadCloser           { return io.NopCloser(strings.NewReader("")) }
func (r *runner) Name() string                    { return filepath.Base(r.path) }

func (r *runner) ID() string {
	if pid := r.process(); pid != 0 {
		return strconv.Itoa(pid)
	}
	return ""
}

// process is the id of the process, 0 before there is one.
func (r *runner) process() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pid
}

// PluginToHost accepts a unix socket in the process's own directory only: a plugin must not direct the daemon anywhere else.
func (r *runner) PluginToHost(network, addr string) (string, string, error) {
	if network != "unix" || filepath.Dir(filepath.Clean(addr)) != filepath.Clean(r.socketDir) {
		return "", "", fmt.Errorf("the plugin listens on %s %s, it must be a unix socket in its own directory", line(network), line(addr))
	}
	return network, addr, nil
}

func (r *runner) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}

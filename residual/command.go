package residual

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// maxOutput bounds what a command may say.
const maxOutput = 1 << 20

// run runs a program of the system under the root and returns what it wrote to standard output; a status other than 0 is an error.
func (l *look) run(program string, args ...string) ([]byte, error) {
	out, status, err := runCommand(l.commandTime(), l.path(program), args...)
	if err == nil && status != 0 {
		err = fmt.Errorf("it ended with status %d", status)
	}
	return out, err
}

// commandTime is how long a command may take: it ends before the probe that runs it is given up.
func (l *look) commandTime() time.Duration { return l.o.Probe * 3 / 4 }

var errTooMuch = errors.New("it wrote more than may be read")

// runCommand runs a program in a process group of its own, without our environment, and kills the group at the deadline. It ends with this process,
// too: the kernel kills it when the thread ends that started it, so that thread stays.
func runCommand(deadline time.Duration, program string, args ...string) (out []byte, status int, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	var b bounded
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	cmd.Stdout = &b
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = deadline / 16
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case b.over:
		return nil, 0, errTooMuch
	case ctx.Err() != nil:
		return nil, 0, fmt.Errorf("no answer within %s", deadline)
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return b.buf.Bytes(), exit.ExitCode(), nil
	}
	return b.buf.Bytes(), 0, err
}

// bounded keeps the first maxOutput bytes. The buffer is a field: embedded, it would read from the pipe itself and without a bound.
type bounded struct {
	buf  bytes.Buffer
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > maxOutput {
		b.over = true
		return 0, errTooMuch // nobody reads on: the program ends of it, or at its deadline
	}
	return b.buf.Write(p)
}

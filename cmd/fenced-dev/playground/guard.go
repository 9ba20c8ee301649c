package playground

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// guard is a child in a session of its own that reads a pipe from the owner. The pipe ends when the owner does, however it ended
// (SIGKILL and panic too); then the guard sweeps. An orderly Stop sweeps first and ends the guard by closing the pipe.
type guard struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// guardReady bounds the start of a guard; guardWord is what it says when nothing but its owner's end can end it.
const (
	guardReady = 30 * time.Second
	guardWord  = "ready"
)

// startGuard starts `FENCED-DEV playground guard NAME` and returns when it is one: whoever tells every fenced-dev to go may do so at once.
func startGuard(binary string, o owner) (*guard, error) {
	cmd := exec.Command(binary, "playground", "guard", o.String())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a Ctrl-C at the terminal is for the owner
	cmd.Dir = "/"
	cmd.Stderr = nil
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make the guard's pipe: %w", err)
	}
	said, word, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot make the guard's pipe: %w", err), pipe.Close())
	}
	defer func() { _ = said.Close() }()
	cmd.Stdout = word
	err = cmd.Start()
	_ = word.Close()
	if err != nil {
		return nil, fmt.Errorf("cannot start the guard %s: %w", binary, err)
	}
	_ = said.SetReadDeadline(time.Now().Add(guardReady))
	if _, err := io.ReadFull(said, make([]byte, len(guardWord))); err != nil {
		_ = pipe.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, fmt.Errorf("the guard %s did not say that it is ready: %w", binary, err)
	}
	return &guard{cmd: cmd, pipe: pipe}, nil
}

// stop lets the guard sweep what is left and waits for it. The guard bounds its own sweep.
func (g *guard) stop() error {
	_ = g.pipe.Close()
	if err := g.cmd.Wait(); err != nil {
		return fmt.Errorf("the guard could not sweep: %w", err)
	}
	return nil
}

// guardMain is the guard: it waits for the end of stdin, then sweeps the cluster named by its argument.
func guardMain(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "usage: fenced-dev playground guard NAME")
		return 64
	}
	o, ok := parseOwner(args[0])
	if !ok || o.String() != args[0] {
		fmt.Fprintf(stderr, "fenced-dev: %q names no cluster\n", args[0])
		return 64
	}
	// It ends with its owner and with nothing else: whoever tells every fenced-dev to go still wants the rest to be cleaned up.
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	_, _ = io.WriteString(stdout, guardWord)
	_, _ = io.Copy(io.Discard, stdin)
	if err := sweep(o); err != nil {
		fmt.Fprintf(stderr, "fenced-dev: cannot sweep %s: %v\n", o, err)
		return 1
	}
	return 0
}

// selfBinary is the running program; the guard of `fenced dev` is the playground's own binary.
func selfBinary() (string, error) { return os.Executable() }

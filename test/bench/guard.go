package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// tagEnv marks every process of a cluster, as the playground does: its guard finds them by it, and daemons ignore FENCED_TEST_*.
const tagEnv = "FENCED_TEST_CLUSTER"

// guard is the playground's: a process that ends what carries our tag, and removes our directory, when this program has ended in whatever way.
type guard struct {
	cmd  *exec.Cmd
	pipe io.Closer
}

// clusterTag names a cluster as the playground's sweeping reads it: pid, start time of the process, number.
func clusterTag(seq int64) (string, error) {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return "", err
	}
	s := string(b)
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:]) // field 2 may hold spaces
	if len(f) < 20 {
		return "", fmt.Errorf("cannot read /proc/self/stat: %d fields", len(f))
	}
	return fmt.Sprintf("fenced-%d-%s-%d", os.Getpid(), f[19], seq), nil
}

func startGuard(binary, tag string) (*guard, error) {
	cmd := exec.Command(binary, "playground", "guard", tag)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a Ctrl-C at the terminal is for us
	cmd.Dir = "/"
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the guard %s: %w", binary, err)
	}
	return &guard{cmd: cmd, pipe: pipe}, nil
}

// stop lets the guard end what is left and waits for it.
func (g *guard) stop() error {
	_ = g.pipe.Close()
	if err := g.cmd.Wait(); err != nil {
		return fmt.Errorf("the guard could not sweep: %w", err)
	}
	return nil
}

package main

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
	pid := fmt.Sprint(os.Getpid())
	start, err := startTime(pid)
	return fmt.Sprintf("fenced-%s-%s-%d", pid, start, seq), err
}

// startTime is field 22 of /proc/PID/stat; with the pid it names a process for as long as the machine runs.
func startTime(pid string) (string, error) {
	b, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return "", err
	}
	s := string(b)
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:]) // field 2 may hold spaces
	if len(f) < 20 {
		return "", fmt.Errorf("cannot read the start time of process %s: %d fields", pid, len(f))
	}
	return f[19], nil
}

// shortDir is where the playground's sweeping looks for run directories; their sockets must have short names.
func shortDir(tag string) string {
	sum := sha256.Sum256([]byte(tag))
	return "/tmp/f" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:7])
}

// sweepMemory removes the devices of runs that were killed: the guard does not know of them. They are a few bytes and nobody uses them.
func sweepMemory() {
	dirs, _ := filepath.Glob(filepath.Join(memory, "fenced-*-*-*"))
	for _, d := range dirs {
		f := strings.Split(filepath.Base(d), "-")
		if start, err := startTime(f[1]); err != nil || start != f[2] {
			_ = os.RemoveAll(d)
		}
	}
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

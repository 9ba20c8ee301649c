package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	// outputGrace is how long output is still read after a child was killed: what it started may hold the pipe.
	outputGrace = 2 * time.Second
	// testGrace is how long before the end of a stage go test ends by itself, naming the test that hangs.
	testGrace = 10 * time.Second
	// longestLine is how much of a command line is shown when it fails.
	longestLine = 100
)

// sh runs one program in the checkout, its output in the log. The whole process group dies at ctx's deadline.
func (b *Bench) sh(ctx context.Context, name string, args ...string) error {
	return b.exec(ctx, b.Log, name, args...)
}

// output runs one program and returns what it prints on stdout; stderr goes to the log.
func (b *Bench) output(ctx context.Context, name string, args ...string) (string, error) {
	var out bytes.Buffer
	err := b.exec(ctx, &out, name, args...)
	return out.String(), err
}

func (b *Bench) exec(ctx context.Context, stdout io.Writer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = b.root
	cmd.Stdout = stdout
	cmd.Stderr = b.Log
	cmd.Env = append(cleanEnv(os.Environ()), b.Env...)
	cmd.Env = append(cmd.Env, markName+b.Mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = outputGrace
	if err := cmd.Run(); err != nil {
		line := strings.Join(append([]string{name}, args...), " ")
		if len(line) > longestLine {
			line = line[:longestLine] + "…"
		}
		return fmt.Errorf("%s: %w", line, err)
	}
	return nil
}

// cleanEnv drops what make tells its children: a variable of the outer make must not change what an inner one does.
func cleanEnv(env []string) []string {
	var kept []string
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		switch name {
		case "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "RUN", "COUNT", "VERIFY_ONLY", "VERIFY_RESUME":
			continue
		}
		kept = append(kept, e)
	}
	return kept
}

package bmc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Switch is the power switch of the machine behind the BMC.
type Switch interface {
	Set(ctx context.Context, on bool) error
	On(ctx context.Context) (bool, error)
}

// Memory is a switch with no machine behind it.
type Memory struct {
	mu sync.Mutex
	on bool
}

// NewMemory returns a switch in the given position.
func NewMemory(on bool) *Memory { return &Memory{on: on} }

// Set moves the switch.
func (m *Memory) Set(_ context.Context, on bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.on = on
	return nil
}

// On reads the switch.
func (m *Memory) On(context.Context) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.on, nil
}

// Command is a switch that runs `sh -c "COMMAND off|on|status"`; status prints on or off. Each run is synchronous, ends within Timeout (its
// process group is killed then), and never sees the BMC's password.
type Command struct {
	Command string
	Timeout time.Duration
	// Env is added to the environment that the command sees.
	Env []string
}

// passwordVariable is the environment variable that may carry the BMC's password.
const passwordVariable = "FENCED_DEV_PASSWORD"

// Set runs the command with on or off.
func (c Command) Set(ctx context.Context, on bool) error {
	_, err := c.run(ctx, word(on))
	return err
}

// On runs the command with status.
func (c Command) On(ctx context.Context) (bool, error) {
	out, err := c.run(ctx, "status")
	if err != nil {
		return false, err
	}
	switch s := strings.TrimSpace(out); s {
	case "on":
		return true, nil
	case "off":
		return false, nil
	default:
		return false, fmt.Errorf("cannot understand power state %.40q of %s", s, c.Command)
	}
}

func (c Command) run(ctx context.Context, verb string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", c.Command+" "+verb)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // what it leaves behind may hold our pipes no longer than that
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, passwordVariable+"=") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, c.Env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(err, ctx.Err())
		}
		return "", fmt.Errorf("cannot run %s %s: %w: %.200s", c.Command, verb, err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

func word(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/fenced-project/fenced/plugins/bmc/goipmi"
	"github.com/fenced-project/fenced/plugins/bmc/rmcp"
	"github.com/fenced-project/fenced/plugins/sdk"
)

// tool is what bmclib's ipmitool provider does, with three differences. bmclib's reads the state before a command and commands nothing where
// it likes what it reads, while fenced wants off commanded under its claim in any case (R16 b). ipmitool speaks to the BMC through the guard:
// by itself it believes an unauthenticated "power is off". And its password comes through a pipe: the environment that bmclib's puts it in
// can be read in /proc as long as ipmitool runs (V19). Like every driver it is good for one operation.
type tool struct {
	device *device
	path   string
	guard  *rmcp.Guard
	relay  *rmcp.Relay
}

const loopback = "127.0.0.1"

// goodbye is how long ipmitool has for it.
const goodbye = closing / 5

func (d *device) ipmitool() (*tool, error) {
	path, err := exec.LookPath("ipmitool")
	if err != nil {
		return nil, sdk.Unsupported(fmt.Errorf("driver ipmitool needs the program: %w", err))
	}
	return &tool{device: d, path: path}, nil
}

// Name is what bmclib's metadata calls it.
func (t *tool) Name() string { return driverIPMITool }

// Open makes the guarded way to the BMC. It says nothing to it: each command of ipmitool is a session of its own.
func (t *tool) Open(ctx context.Context) error {
	d := t.device
	g, err := rmcp.New(d.suite, d.user, d.password.Reveal())
	if err != nil {
		return sdk.Refused(err)
	}
	relay, err := rmcp.NewRelay(ctx, g, net.JoinHostPort(d.host, strconv.Itoa(d.port)))
	if err != nil {
		if told := goipmi.ClassifyGuarded(g); told != nil {
			return told
		}
		return err
	}
	t.guard, t.relay = g, relay
	return nil
}

// Close ends the way to the BMC.
func (t *tool) Close(context.Context) error {
	t.relay.Close()
	return nil
}

// PowerStateGet reads the state.
func (t *tool) PowerStateGet(ctx context.Context) (string, error) {
	out, err := t.run(ctx, "chassis", "power", "status")
	return strings.TrimSpace(out), err
}

// PowerSet commands on or off.
func (t *tool) PowerSet(ctx context.Context, state string) (bool, error) {
	reply := map[string]string{"off": "Chassis Power Control: Down/Off", "on": "Chassis Power Control: Up/On"}[state]
	if reply == "" {
		return false, sdk.Unsupported(fmt.Errorf("no power state %q", state))
	}
	out, err := t.run(ctx, "chassis", "power", state)
	return err == nil && strings.Contains(out, reply), err
}

// SendNMI commands a diagnostic interrupt.
func (t *tool) SendNMI(ctx context.Context) error {
	_, err := t.run(ctx, "chassis", "power", "diag")
	return err
}

// run starts ipmitool, whose password comes through a pipe and is neither in its arguments nor in its environment. -R 1: what is sent once
// arrives once or not at all.
func (t *tool) run(ctx context.Context, command ...string) (string, error) {
	d := t.device
	level := "ADMINISTRATOR"
	if d.operator {
		level = "OPERATOR"
	}
	left := time.Second
	if end, ok := ctx.Deadline(); ok {
		left = max(left, time.Until(end).Round(time.Second))
	}
	args := []string{
		"-I", "lanplus", "-H", loopback, "-p", strconv.Itoa(t.relay.Port()), "-U", d.user, "-f", "/dev/fd/3", "-L", level,
		"-C", strconv.Itoa(d.suite.ID), "-R", "1", "-N", strconv.Itoa(int(left / time.Second)),
	}
	password, err := pipeOf(d.password.Reveal())
	if err != nil {
		return "", err
	}
	defer password.Close()
	bound, cancel := t.relay.Bind(ctx)
	defer cancel()
	cmd := exec.CommandContext(bound, t.path, append(args, command...)...)
	cmd.Env = []string{}                  // nothing of the plugin's
	cmd.ExtraFiles = []*os.File{password} // file 3
	// At an interrupt it says goodbye to the BMC, which a kill would leave with a session; then it waits for an answer, and we do not.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = goodbye
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", t.classify(ctx, fmt.Errorf("%w: %.200s", err, strings.TrimSpace(out.String())))
	}
	return out.String(), nil
}

// pipeOf returns the reading end of a pipe that holds one line. A password's few bytes fit without a reader.
func pipeOf(line string) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot hand ipmitool its password: %w", err)
	}
	_, err = w.WriteString(line + "\n")
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot hand ipmitool its password: %w", err), r.Close())
	}
	return r, nil
}

// classify asks the guard what happened, and reads ipmitool's words only where a session was there: before, it says the same of a dead BMC
// and of a wrong password.
func (t *tool) classify(ctx context.Context, err error) error {
	if told := goipmi.ClassifyGuarded(t.guard); told != nil {
		return told
	}
	text := err.Error()
	switch {
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded), !t.guard.Active():
		return sdk.Timeout(err)
	case strings.Contains(text, "Node busy"):
		return sdk.Limbo(err)
	case strings.Contains(text, "Invalid command"):
		return sdk.Unsupported(err)
	}
	return sdk.Refused(err)
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/bmc-toolbox/bmclib/v2/providers/ipmitool"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// tool is bmclib's ipmitool provider, but for the commands: that provider reads the state first and commands nothing where it likes what
// it reads, while fenced wants off commanded under its claim in any case (R16 b).
type tool struct {
	*ipmitool.Conn
	device *device
	path   string
}

func (d *device) ipmitool() (*tool, error) {
	path, err := exec.LookPath("ipmitool")
	if err != nil {
		return nil, sdk.Unsupported(fmt.Errorf("driver ipmitool needs the program: %w", err))
	}
	host := d.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	c, err := ipmitool.New(host, d.user, d.password.Reveal(), ipmitool.WithPort(strconv.Itoa(d.port)),
		ipmitool.WithCipherSuite(strconv.Itoa(d.suite.ID)), ipmitool.WithIpmitoolPath(path))
	if err != nil {
		return nil, sdk.Refused(err)
	}
	return &tool{Conn: c, device: d, path: path}, nil
}

// Open does nothing: each command of ipmitool is a session of its own. bmclib's provider would read the power state here.
func (t *tool) Open(context.Context) error { return nil }

// PowerStateGet reads the state.
func (t *tool) PowerStateGet(ctx context.Context) (string, error) {
	s, err := t.Conn.PowerStateGet(ctx)
	if err != nil {
		return "", classifyText(ctx, err)
	}
	return s, nil
}

// PowerSet commands on or off.
func (t *tool) PowerSet(ctx context.Context, state string) (bool, error) {
	reply := map[string]string{"off": "Chassis Power Control: Down/Off", "on": "Chassis Power Control: Up/On"}[state]
	if reply == "" {
		return false, sdk.Unsupported(fmt.Errorf("no power state %q", state))
	}
	out, err := t.run(ctx, "chassis", "power", state)
	if err != nil {
		return false, classifyText(ctx, err)
	}
	return strings.Contains(out, reply), nil
}

// SendNMI commands a diagnostic interrupt.
func (t *tool) SendNMI(ctx context.Context) error {
	_, err := t.run(ctx, "chassis", "power", "diag")
	return classifyText(ctx, err)
}

// run starts ipmitool, whose password comes by its environment and never by argv. -R 1: what is sent once arrives once or not at all.
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
	args := []string{"-I", "lanplus", "-H", d.host, "-p", strconv.Itoa(d.port), "-U", d.user, "-E", "-L", level,
		"-C", strconv.Itoa(d.suite.ID), "-R", "1", "-N", strconv.Itoa(int(left / time.Second))}
	cmd := exec.CommandContext(ctx, t.path, append(args, command...)...)
	cmd.Env = []string{"IPMITOOL_PASSWORD=" + d.password.Reveal()}
	cmd.WaitDelay = closing / 2
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %.200s", err, strings.TrimSpace(out.String()))
	}
	return out.String(), nil
}

// classifyText reads ipmitool's words, the only thing it gives.
func classifyText(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil:
		return sdk.Timeout(err)
	case has("HMAC is invalid", "unauthorized name", "insufficient privilege", "integrity check value", "Invalid user name", "Unauthorized"):
		return sdk.Auth(err)
	case errors.As(err, &dns), has("Connection refused", "Could not open socket", "No route to host", "unreachable", "lookup failed"):
		return sdk.Unreachable(err)
	case has("Node busy"):
		return sdk.Limbo(err)
	}
	// "Unable to establish IPMI v2 / RMCP+ session" is what it says of a dead BMC, of a wrong password and of much else.
	return err
}

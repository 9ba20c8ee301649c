package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/fenced-project/fenced/test/lab/wire"
)

// silence is how long a guest that runs a command may say nothing before it counts as lost: a reset machine sends no end, and one that is
// emulated beside others stands still for seconds.
const silence = 45 * time.Second

// ErrLost is the error of a command whose machine went away.
var ErrLost = errors.New("the machine went away")

// Result is what a command in a guest said.
type Result struct {
	Out, Err string
	Code     int
}

// run runs one shell command at an agent. Errors are of the way there, ErrLost of a machine that went; a command that fails is a Result.
func run(ctx context.Context, address, line, stdin string) (Result, error) {
	c, err := dial(ctx, address)
	if err != nil {
		return Result{}, err
	}
	defer c.Close() //nolint:errcheck // the command is over or given up
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	if err := send(c, line, stdin); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrLost, err)
	}
	var out, errs bytes.Buffer
	for {
		_ = c.SetReadDeadline(time.Now().Add(silence))
		kind, p, err := c.Receive()
		switch {
		case ctx.Err() != nil:
			return Result{Out: out.String(), Err: errs.String()}, fmt.Errorf("%q did not end: %w", line, context.Cause(ctx))
		case err != nil:
			return Result{Out: out.String(), Err: errs.String()}, fmt.Errorf("%w in the middle of %q: %w", ErrLost, line, err)
		case kind == wire.Out:
			out.Write(p)
		case kind == wire.Err:
			errs.Write(p)
		case kind == wire.Exit && len(p) == 4:
			return Result{Out: out.String(), Err: errs.String(), Code: int(binary.BigEndian.Uint32(p))}, nil
		}
	}
}

func send(c *wire.Conn, line, stdin string) error {
	if err := c.Send(wire.Command, []byte(line)); err != nil {
		return err
	}
	if stdin != "" {
		if err := c.Send(wire.In, []byte(stdin)); err != nil {
			return err
		}
	}
	return c.Send(wire.In, nil)
}

// dial waits until the guest itself answers: QEMU accepts for it before it is there.
func dial(ctx context.Context, address string) (*wire.Conn, error) {
	for {
		c, err := greet(ctx, address)
		if err == nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no answer from the agent at %s: %w", address, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func greet(ctx context.Context, address string) (*wire.Conn, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &wire.Conn{Conn: raw}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	kind, _, err := c.Receive()
	if err == nil && kind != wire.Hello {
		err = fmt.Errorf("it said %q and not hello", kind)
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

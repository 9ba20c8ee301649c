package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// monitor is one connection to a QEMU monitor, good for one operation.
type monitor struct {
	conn net.Conn
	in   *bufio.Scanner
	read int
	id   int // of the newest command
	// resets counts RESET events: a reset is carried out by QEMU's main loop, after it was answered.
	resets int
}

// Bounds of one connection, in bytes.
const (
	maxLine = 256 << 10
	maxRead = 1 << 20
)

// message is any line of QMP (qemu's docs/interop/qmp-spec).
type message struct {
	QMP    json.RawMessage `json:"QMP"`
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Event string `json:"event"`
	ID    *int   `json:"id"`
}

// connect opens the monitor and leaves negotiation. Everything ends at ctx's deadline.
func connect(ctx context.Context, network, address string) (*monitor, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, classify(err)
	}
	if end, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(end); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	m, err := greet(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return m, nil
}

// greet begins with what stands behind a connection, and leaves negotiation.
func greet(conn net.Conn) (*monitor, error) {
	m := &monitor{conn: conn, in: bufio.NewScanner(conn)}
	m.in.Buffer(make([]byte, 4096), maxLine)
	greeting, err := m.next()
	if err == nil && greeting.QMP == nil {
		err = sdk.Refused(errors.New("it does not greet like a QEMU monitor"))
	}
	if err == nil {
		err = m.do("qmp_capabilities", nil)
	}
	return m, err
}

func (m *monitor) close() { _ = m.conn.Close() } // nothing is unsaid by it

// next reads one message.
func (m *monitor) next() (message, error) {
	if !m.in.Scan() {
		err := m.in.Err()
		switch {
		case err == nil:
			err = sdk.Unreachable(io.ErrUnexpectedEOF)
		case errors.Is(err, bufio.ErrTooLong):
			err = sdk.Refused(fmt.Errorf("it sends a line of more than %d bytes", maxLine))
		default:
			err = classify(err)
		}
		return message{}, err
	}
	if m.read += len(m.in.Bytes()); m.read > maxRead {
		return message{}, sdk.Refused(fmt.Errorf("it sends more than %d bytes", maxRead))
	}
	var msg message
	if err := json.Unmarshal(m.in.Bytes(), &msg); err != nil {
		return message{}, sdk.Refused(fmt.Errorf("it sends what is no QMP: %.100q", m.in.Text()))
	}
	if msg.Event == "RESET" {
		m.resets++
	}
	return msg, nil
}

// command is what is sent. The id makes an answer the answer to this very command.
type command struct {
	Execute   string         `json:"execute"`
	Arguments map[string]any `json:"arguments,omitempty"`
	ID        int            `json:"id"`
}

// ask executes a command and decodes its answer into `into`, where that is not nil.
func (m *monitor) ask(name string, arguments map[string]any, into any) error {
	m.read = 0
	m.id++
	b, err := json.Marshal(command{name, arguments, m.id})
	if err != nil {
		return err
	}
	if _, err := m.conn.Write(append(b, '\n')); err != nil {
		return classify(err)
	}
	for {
		msg, err := m.next()
		switch {
		case err != nil:
			return err
		case msg.Event != "":
			continue
		case msg.Error != nil && msg.Error.Class == "CommandNotFound":
			return sdk.Unsupported(fmt.Errorf("this QEMU does not know %s: 6.0 or later is needed", name))
		case msg.Error != nil:
			return sdk.Refused(fmt.Errorf("%s: %.200s", name, msg.Error.Desc))
		case msg.Return == nil || msg.ID == nil || *msg.ID != m.id:
			return sdk.Refused(fmt.Errorf("it answers something else than %s", name))
		case into == nil:
			return nil
		}
		if err := json.Unmarshal(msg.Return, into); err != nil {
			return sdk.Refused(fmt.Errorf("cannot read the answer to %s: %w", name, err))
		}
		return nil
	}
}

func (m *monitor) do(name string, arguments map[string]any) error { return m.ask(name, arguments, nil) }

// reset resets the machine and waits until QEMU has done it.
func (m *monitor) reset() error {
	before := m.resets
	if err := m.do("system_reset", nil); err != nil {
		return err
	}
	for m.resets == before {
		if _, err := m.next(); err != nil {
			return err
		}
	}
	return nil
}

// classify gives an error of the connection its class.
func classify(err error) error {
	var f *sdk.Failure
	switch {
	case errors.As(err, &f):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return sdk.Timeout(err)
	case errors.Is(err, os.ErrPermission):
		return sdk.Auth(err)
	}
	return sdk.Unreachable(err)
}

// margin is kept of a deadline for answering.
const margin = 20 * time.Millisecond

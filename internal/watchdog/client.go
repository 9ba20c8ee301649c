package watchdog

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Refused is an answer of the holder that is no success.
type Refused struct{ Code, Text string }

func (r *Refused) Error() string { return r.Text }

// ErrUnreachable: no holder answers. The errors of this package wrap it where that is so.
var ErrUnreachable = errors.New("fenced-watchdog does not answer")

// Client is a connection to the holder, made when it is needed and made anew when it broke. It is safe for concurrent use; one word is on its
// way at a time.
type Client struct {
	path     string
	instance string
	want     Settings
	maxMS    int64

	mu   sync.Mutex
	conn net.Conn
	in   *bufio.Reader
}

// deadline bounds one word where the context has none that is nearer. The holder answers from memory; only opening devices takes longer.
const deadline = 3 * time.Second

// maxReply bounds what is read of one answer.
const maxReply = 64 << 10

// New makes a client of the daemon with this instance for the holder at path; nothing is connected yet. maxLeaseMS is the longest lease that
// will be asked for.
func New(path, instance string, want Settings, maxLeaseMS int64) *Client {
	return &Client{path: path, instance: instance, want: want, maxMS: maxLeaseMS}
}

// Hello makes this daemon the one that renews, and says what devices there are. Nothing is opened.
func (c *Client) Hello(ctx context.Context) (State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hello(ctx)
}

// Renew has the devices fed until untilMS, and opens them first where they are closed. The error is a *Refused where the holder refuses.
func (c *Client) Renew(ctx context.Context, untilMS int64) (State, error) {
	return c.ask(ctx, request{Op: "renew", UntilMS: untilMS})
}

// Release closes the devices: nothing here needs protection any more.
func (c *Client) Release(ctx context.Context) (State, error) {
	return c.ask(ctx, request{Op: "release"})
}

// Expire ends the lease now: nothing is fed any more, and this machine is reset. It cannot be taken back.
func (c *Client) Expire(ctx context.Context) (State, error) {
	return c.ask(ctx, request{Op: "expire"})
}

// Test opens the devices and has them not fed: a watchdog that works resets this machine.
func (c *Client) Test(ctx context.Context) (State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exchange(ctx, request{Op: "test", Settings: c.want, Instance: c.instance, MaxLeaseMS: c.maxMS})
}

// Status asks the holder at path how it is; it takes nothing over.
func Status(ctx context.Context, path string) (State, error) {
	c := New(path, "", Settings{}, 0)
	defer c.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exchange(ctx, request{Op: "status"})
}

// Close ends the connection. The lease runs on to its end.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop()
}

func (c *Client) ask(ctx context.Context, r request) (State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		if s, err := c.hello(ctx); err != nil {
			return s, err
		}
	}
	return c.exchange(ctx, r)
}

func (c *Client) hello(ctx context.Context) (State, error) {
	s, err := c.exchange(ctx, request{Op: "hello", Settings: c.want, Instance: c.instance, MaxLeaseMS: c.maxMS})
	if err != nil {
		c.drop() // the next word begins with hello again
	}
	return s, err
}

// exchange is one word and its answer. After an error of the connection nobody knows what the next line would answer, so it is given up.
func (c *Client) exchange(ctx context.Context, r request) (State, error) {
	r.Version = version
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	a, err := c.once(ctx, r)
	if err != nil {
		c.drop()
		return State{}, fmt.Errorf("%w at %s: %w", ErrUnreachable, c.path, err)
	}
	if a.Version != version {
		c.drop()
		return State{}, fmt.Errorf("%w: it speaks version %d, this daemon version %d", ErrUnreachable, a.Version, version)
	}
	if !a.OK {
		return a.State, &Refused{Code: a.Code, Text: a.Error}
	}
	return a.State, nil
}

func (c *Client) once(ctx context.Context, r request) (reply, error) {
	var a reply
	if c.conn == nil {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", c.path)
		if err != nil {
			return a, err
		}
		c.conn, c.in = conn, bufio.NewReaderSize(conn, maxReply)
	}
	if at, ok := ctx.Deadline(); ok {
		if err := c.conn.SetDeadline(at); err != nil {
			return a, err
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return a, err
	}
	if _, err := c.conn.Write(append(b, '\n')); err != nil {
		return a, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(line, &a)
}

func (c *Client) drop() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn, c.in = nil, nil
	}
}

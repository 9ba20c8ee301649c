package rmcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Guard protects one session: one Dial, one handshake. It is safe for concurrent use.
type Guard struct {
	suite          Suite
	user, password []byte

	mu      sync.Mutex
	conn    net.Conn
	expect  expectation
	hs      handshake
	tag     byte // message tag of the last handshake message we sent
	keys    keys
	last    uint32 // highest sequence number seen in the session
	refusal *Refusal
	ioErr   error
	dropped int
	aborted bool
}

// expectation is the one kind of answer that may come next.
type expectation int

const (
	expectNothing expectation = iota
	expectCapabilities
	expectOpen
	expectRAKP2
	expectRAKP4
	expectSession // the handshake is proven: only the session's own packets from here on
)

// New returns the guard of one session. User and password are bounded by IPMI 2.0 (MaxUser, MaxPassword).
func New(suite Suite, user, password string) (*Guard, error) {
	if suite.hash == nil {
		return nil, errors.New("cannot guard a session without a cipher suite")
	}
	if len(user) > MaxUser {
		return nil, fmt.Errorf("the user name is longer than %d bytes", MaxUser)
	}
	if len(password) > MaxPassword {
		return nil, fmt.Errorf("the password is longer than %d bytes", MaxPassword)
	}
	padded := make([]byte, MaxPassword)
	copy(padded, password)
	return &Guard{suite: suite, user: []byte(user), password: padded}, nil
}

// Dial connects to address over UDP. ctx bounds the name look-up. A guard dials once.
func (g *Guard) Dial(ctx context.Context, address string) (net.Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conn != nil {
		return nil, errors.New("a guard protects one session and has dialled already")
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", address)
	if err != nil {
		g.ioErr = err
		return nil, err
	}
	g.conn = c
	return &conn{Conn: c, guard: g}, nil
}

// Active reports whether the handshake is proven on both sides: the BMC holds a session of ours.
func (g *Guard) Active() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.expect == expectSession
}

// Refusal is the BMC's last unauthenticated refusal in the handshake, or nil. It may be forged: it explains a failure, it is no proof.
func (g *Guard) Refusal() *Refusal {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refusal
}

// IOError is the last error of the socket that was not a deadline: ICMP's "refused" and "unreachable" come this way.
func (g *Guard) IOError() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ioErr
}

// Dropped counts the datagrams that the client never saw.
func (g *Guard) Dropped() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dropped
}

// Abort ends a read in progress and all that follow, so that a cancelled caller does not wait for its deadline. Sending stays possible:
// the session can still be closed.
func (g *Guard) Abort() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.aborted = true
	if g.conn != nil {
		_ = g.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

var errAborted = errors.New("the caller gave up")

func (g *Guard) isAborted() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.aborted
}

func (g *Guard) note(err error) {
	if err == nil || errors.Is(err, net.ErrClosed) || isTimeout(err) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ioErr = err
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// conn is the guarded socket that the client reads and writes.
type conn struct {
	net.Conn
	guard *Guard
}

// Write looks at what the client says and sends it.
func (c *conn) Write(b []byte) (int, error) {
	if err := c.guard.sending(b); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	c.guard.note(err)
	return n, err
}

// Read returns the next datagram that is proven. It ends by the read deadline, like any read; a flood of datagrams cannot prolong that.
func (c *conn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if c.guard.isAborted() {
			return 0, errAborted
		}
		if err != nil {
			c.guard.note(err)
			return n, err
		}
		if c.guard.received(b[:n]) {
			return n, nil
		}
	}
}

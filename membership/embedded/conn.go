package embedded

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// conn is a connection that was let in. It belongs to the mux until it is closed.
type conn struct {
	net.Conn
	mux    *mux
	peer   fence.NodeID
	stream string
	lost   atomic.Bool // a test dropped bytes: nothing more arrives in either direction
}

func (m *mux) track(t net.Conn, peer fence.NodeID, stream string) (*conn, error) {
	c := &conn{Conn: t, mux: m, peer: peer, stream: stream}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, net.ErrClosed
	}
	if stream == streamRaft && m.blocked[peer] {
		return nil, errBlocked
	}
	m.open[c] = struct{}{}
	return c, nil
}

// Close closes the connection below without TLS's goodbye, which could wait for a peer that does not read.
func (c *conn) Close() error {
	c.mux.mu.Lock()
	delete(c.mux.open, c)
	c.mux.mu.Unlock()
	if t, ok := c.Conn.(*tls.Conn); ok {
		return t.NetConn().Close()
	}
	return c.Conn.Close()
}

func (c *conn) dropped() bool {
	if c.mux.faults == nil {
		return false
	}
	if c.mux.faults.dropped(c.mux.self, c.peer) || c.mux.faults.dropped(c.peer, c.mux.self) {
		c.lost.Store(true)
	}
	return c.lost.Load()
}

// Write swallows what a test drops, as a cut cable would.
func (c *conn) Write(b []byte) (int, error) {
	if c.dropped() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// Read waits out its deadline when a test drops what would arrive.
func (c *conn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.dropped() {
			return n, err
		}
	}
}

// block stops answering a node's raft streams and asking it; unblock ends that.
func (m *mux) block(node fence.NodeID, on bool) {
	m.mu.Lock()
	was := m.blocked[node]
	if on {
		m.blocked[node] = true
	} else {
		delete(m.blocked, node)
	}
	m.mu.Unlock()
	if on && !was {
		m.closeWhere(func(c *conn) bool { return c.peer == node && c.stream == streamRaft })
	}
}

func (m *mux) isBlocked(node fence.NodeID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.blocked[node]
}

func (m *mux) closeWhere(which func(*conn) bool) {
	m.mu.Lock()
	var cs []*conn
	for c := range m.open {
		if which(c) {
			cs = append(cs, c)
		}
	}
	m.mu.Unlock()
	for _, c := range cs {
		_ = c.Close()
	}
}

// pass waits while a test drops what two nodes say to each other, as a dial into a cut cable does.
func (f *Faults) pass(ctx context.Context, a, b fence.NodeID) error {
	for f.dropped(a, b) || f.dropped(b, a) {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func isAlert(err error) bool {
	var alert tls.AlertError
	var op *net.OpError
	return errors.As(err, &alert) || errors.As(err, &op) && op.Op == "remote error"
}

// reasonOf turns an error of the TLS handshake into what a person can act on.
func reasonOf(err error) string {
	switch {
	case isAlert(err):
		return "it refuses this node's certificate: another authkey or another cluster name (" + err.Error() + ")"
	case errors.Is(err, io.EOF):
		return "it closed the connection in the handshake"
	}
	// Words without numbers: each reason is told once in ten seconds, and ports or lengths would make each a new one.
	var noTLS tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &noTLS):
		return "it does not speak TLS"
	case errors.As(err, &op):
		return "the connection broke in the handshake: " + op.Err.Error()
	}
	return strings.TrimPrefix(err.Error(), "tls: ")
}

package embedded

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
)

// maxHandshakes is how many connections may be in their handshake at once; more are closed at once.
const maxHandshakes = 64

var errBlocked = errors.New("peer is outside the connected set and is not answered")

// mux owns the port: it accepts and dials, says hello, refuses, and hands streams to Raft or to control. It is Raft's stream layer.
type mux struct {
	listener net.Listener
	keys     *keyring
	timeout  time.Duration
	faults   *Faults
	self     fence.NodeID

	us      func(stream, to string) us
	floors  *floors
	refused func(peer, reason string)
	control func(*conn, hello) // serves a control stream until it ends

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	slots  chan struct{}
	raft   chan net.Conn
	server raft.ServerID // of this store

	mu      sync.Mutex
	open    map[*conn]struct{}
	blocked map[fence.NodeID]bool
	closed  bool
}

// Accept hands the next raft stream to Raft.
func (m *mux) Accept() (net.Conn, error) {
	select {
	case c := <-m.raft:
		return c, nil
	case <-m.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Addr is this store's server id: Raft's addresses are server ids, the roster knows where they live.
func (m *mux) Addr() net.Addr { return serverAddr(m.server) }

type serverAddr string

func (serverAddr) Network() string  { return "fenced" }
func (a serverAddr) String() string { return string(a) }

// Dial connects Raft to a server. It fails unless that very store answers.
func (m *mux) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	node, _, err := parseServerID(string(address))
	if err != nil {
		return nil, err
	}
	c, _, err := m.dial(node, streamRaft, string(address), timeout)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Close ends the port and every connection; serving goroutines end with them.
func (m *mux) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.cancel()
	err := m.listener.Close()
	m.closeWhere(func(*conn) bool { return true })
	return err
}

func (m *mux) serve() {
	defer m.wg.Done()
	for {
		raw, err := m.listener.Accept()
		if err != nil {
			if m.ctx.Err() != nil {
				return
			}
			select { // out of descriptors, for example: not for ever
			case <-time.After(50 * time.Millisecond):
				continue
			case <-m.ctx.Done():
				return
			}
		}
		select {
		case m.slots <- struct{}{}:
		default:
			m.refused(raw.RemoteAddr().String(), fmt.Sprintf("more than %d handshakes at once", maxHandshakes))
			_ = raw.Close()
			continue
		}
		m.wg.Add(1)
		go func() {
			defer m.wg.Done()
			m.accept(raw)
		}()
	}
}

// accept does the acceptor's half of the handshake and serves the stream.
func (m *mux) accept(raw net.Conn) {
	c, h, err := m.answer(raw)
	<-m.slots
	if err != nil {
		_ = raw.Close()
		return
	}
	switch h.Stream {
	case streamRaft:
		select {
		case m.raft <- c:
		case <-m.ctx.Done():
			_ = c.Close()
		}
	default:
		m.control(c, h)
		_ = c.Close()
	}
}

func (m *mux) answer(raw net.Conn) (*conn, hello, error) {
	peer := raw.RemoteAddr().String()
	if host, _, err := net.SplitHostPort(peer); err == nil {
		peer = host // a new port for each try is the same peer
	}
	defer context.AfterFunc(m.ctx, func() { _ = raw.Close() })()
	_ = raw.SetDeadline(time.Now().Add(m.timeout))
	t := tls.Server(raw, m.keys.tls(0))
	if err := t.HandshakeContext(m.ctx); err != nil {
		if m.ctx.Err() == nil {
			m.refused(peer, reasonOf(err))
		}
		return nil, hello{}, err
	}
	cert, err := m.keys.verify(t.ConnectionState(), 0)
	if err != nil {
		return nil, hello{}, err
	}
	var h hello
	if err := readFrame(t, &h, maxHello); err != nil {
		return nil, hello{}, err
	}
	name := fmt.Sprintf("node %d", cert)
	if m.faults.dropped(cert, m.self) || m.faults.dropped(m.self, cert) {
		return nil, hello{}, errors.New("dropped by the test")
	}
	we := m.us(h.Stream, "")
	reason := judge(we, h, cert, m.floors, time.Now())
	switch {
	case reason == "" && h.Stream != streamRaft && h.Stream != streamControl:
		reason = fmt.Sprintf("unknown stream %q", h.Stream)
	case reason == "" && h.Stream == streamRaft && h.To != string(m.server):
		reason = fmt.Sprintf("the stream is for store %s, this is %s", h.To, m.server)
	}
	if err := writeFrame(t, verdict{OK: reason == "", Reason: reason, Hello: &we.hello}, maxHello); err != nil {
		return nil, hello{}, err
	}
	if reason != "" {
		m.say(name, reason)
		return nil, hello{}, errors.New(reason)
	}
	var v verdict
	if err := readFrame(t, &v, maxHello); err != nil {
		return nil, hello{}, err
	}
	if !v.OK {
		m.refused(name, "it refuses this node: "+v.Reason)
		return nil, hello{}, errors.New(v.Reason)
	}
	_ = t.SetDeadline(time.Time{})
	c, err := m.track(t, cert, h.Stream)
	return c, h, err
}

func (m *mux) say(peer, reason string) {
	if reason != notYet {
		m.refused(peer, reason)
	}
}

// dial does the dialer's half of the handshake.
func (m *mux) dial(node fence.NodeID, stream, to string, timeout time.Duration) (*conn, hello, error) {
	we := m.us(stream, to)
	n, ok := nodeOf(we.nodes, node)
	if !ok {
		return nil, hello{}, fmt.Errorf("node %d is not configured", node)
	}
	if stream == streamRaft && m.isBlocked(node) {
		return nil, hello{}, errBlocked
	}
	ctx, cancel := context.WithTimeout(m.ctx, timeout)
	defer cancel()
	if err := m.faults.pass(ctx, m.self, node); err != nil {
		return nil, hello{}, err
	}
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", n.Address)
	if err != nil {
		return nil, hello{}, err
	}
	defer context.AfterFunc(m.ctx, func() { _ = raw.Close() })()
	_ = raw.SetDeadline(time.Now().Add(timeout))
	t := tls.Client(raw, m.keys.tls(node))
	c, h, err := m.introduce(ctx, t, node, n.Name, we)
	if err != nil {
		_ = raw.Close()
		return nil, hello{}, fmt.Errorf("cannot connect to %s (node %d, %s): %w", n.Name, node, n.Address, err)
	}
	return c, h, nil
}

func (m *mux) introduce(ctx context.Context, t *tls.Conn, node fence.NodeID, name string, we us) (*conn, hello, error) {
	if err := t.HandshakeContext(ctx); err != nil {
		if ctx.Err() == nil {
			m.refused(name, reasonOf(err))
		}
		return nil, hello{}, err
	}
	if err := writeFrame(t, we.hello, maxHello); err != nil {
		return nil, hello{}, err
	}
	var v verdict
	if err := readFrame(t, &v, maxHello); err != nil {
		if isAlert(err) {
			m.refused(name, reasonOf(err))
		}
		return nil, hello{}, err
	}
	if !v.OK || v.Hello == nil {
		if v.Reason != notYet {
			m.say(name, "it refuses this node: "+v.Reason)
		}
		return nil, hello{}, fmt.Errorf("refused: %s", v.Reason)
	}
	h := *v.Hello
	h.Stream = we.Stream
	reason := judge(we, h, node, m.floors, time.Now())
	if reason == "" && we.Stream == streamRaft && string(serverID(h.Node, h.Store)) != we.To {
		reason = fmt.Sprintf("store %s was expected, store %s answers", we.To, h.Store)
	}
	if err := writeFrame(t, verdict{OK: reason == "", Reason: reason}, maxHello); err != nil {
		return nil, hello{}, err
	}
	if reason != "" {
		m.refused(name, reason)
		return nil, hello{}, errors.New(reason)
	}
	_ = t.SetDeadline(time.Time{})
	c, err := m.track(t, node, we.Stream)
	return c, h, err
}

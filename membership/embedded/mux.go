package embedded

import (
	"context"
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
	network  Network
	listener net.Listener
	keys     *keyring
	timeout  time.Duration
	faults   *Faults
	self     fence.NodeID

	us      func(stream, to string) us
	floors  *floors
	refused func(peer, reason string)
	reached func(node fence.NodeID, address string) // it answered there, authenticated
	name    func(fence.NodeID) string
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
	l := m.listener
	m.mu.Unlock()
	m.cancel()
	err := l.Close()
	m.closeWhere(func(*conn) bool { return true })
	return err
}

func (m *mux) serve(l net.Listener) {
	defer m.wg.Done()
	for {
		raw, err := l.Accept()
		if err != nil {
			if m.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
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
			m.refused(hostOf(raw), fmt.Sprintf("more than %d handshakes at once", maxHandshakes))
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

package embedded

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// mesh is the UDP side of the port: one socket that hears, and one for each peer that sends, so that a refused port is told to the right one.
type mesh struct {
	in      Packets
	network Network
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu      sync.Mutex
	senders map[target]*sender
}

type sender struct {
	id      fence.NodeID
	address string
	frames  chan []byte // the newest only
	cancel  context.CancelFunc
	conn    atomic.Pointer[net.Conn] // the one that it sends on
}

func newMesh(network Network, listen string) (*mesh, error) {
	in, err := network.ListenPackets(listen)
	if err != nil {
		return nil, err
	}
	m := &mesh{in: in, network: network, senders: make(map[target]*sender)}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m, nil
}

// setPeers starts and ends senders. refused is called when a peer's machine says that nobody listens there.
func (m *mesh) setPeers(self fence.NodeID, nodes []NodeConfig, refused func(fence.NodeID)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		return
	}
	want := map[target]func(fence.NodeID){}
	for _, n := range nodes {
		if n.ID == self {
			continue
		}
		want[target{n.ID, n.Address}] = refused
		if n.former != "" {
			want[target{n.ID, n.former}] = func(fence.NodeID) {} // it may have left there: that says nothing of its daemon
		}
	}
	for t, s := range m.senders {
		if want[t] == nil {
			s.cancel()
			delete(m.senders, t)
		}
	}
	for t, told := range want {
		if m.senders[t] != nil {
			continue
		}
		s := &sender{id: t.id, address: t.address, frames: make(chan []byte, 1)}
		ctx, cancel := context.WithCancel(m.ctx)
		s.cancel = cancel
		m.senders[t] = s
		m.wg.Add(1)
		go func() {
			defer m.wg.Done()
			s.run(ctx, m.network, told)
		}()
	}
}

// target is one address of a node; one that moves has two for a while.
type target struct {
	id      fence.NodeID
	address string
}

// send hands a frame to every sender; one that is behind gets the newest. skip is asked for tests.
func (m *mesh) send(frame []byte, skip func(fence.NodeID) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for t, s := range m.senders {
		if skip(t.id) {
			continue
		}
		select {
		case <-s.frames:
		default:
		}
		s.frames <- frame
	}
}

// last sends one more frame to everybody that anything was sent to, at once.
func (m *mesh) last(frame []byte, skip func(fence.NodeID) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for t, s := range m.senders {
		if c := s.conn.Load(); c != nil && !skip(t.id) {
			_, _ = (*c).Write(frame) // who does not hear it sees silence
		}
	}
}

func (m *mesh) close() {
	m.cancel()
	m.mu.Lock()
	_ = m.in.Close()
	m.mu.Unlock()
	m.wg.Wait()
}

// run sends; it looks its peer's name up itself, so that DNS delays nobody else, and again after errors.
func (s *sender) run(ctx context.Context, network Network, refused func(fence.NodeID)) {
	var c net.Conn
	defer func() {
		if c != nil {
			_ = c.Close()
		}
	}()
	for {
		var frame []byte
		select {
		case frame = <-s.frames:
		case <-ctx.Done():
			return
		}
		if c == nil {
			dialCtx, cancel := context.WithTimeout(ctx, 5*time.Second)
			n, err := network.DialPackets(dialCtx, s.address)
			cancel()
			if err != nil {
				continue
			}
			c = n
			s.conn.Store(&n)
		}
		_, err := c.Write(frame)
		if errors.Is(err, syscall.ECONNREFUSED) {
			refused(s.id)
			_, err = c.Write(frame) // the error was about the frame before
		}
		if err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			_ = c.Close()
			c = nil
			s.conn.Store(nil)
		}
	}
}

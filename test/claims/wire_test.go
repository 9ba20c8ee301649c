package claims

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/membership/embedded"
)

// wires connect the nodes of one bubble. Real sockets would keep its clock from going on; what waits here waits on channels. Whatever is sent
// arrives between a tenth of a millisecond and three later: streams in order, packets in any. A cut is the provider's own seam (embedded.Faults).
type wires struct {
	mu        sync.Mutex
	rnd       *rand.Rand
	listeners map[string]*listener
	ears      map[string]*pipe
}

func newWires(rnd *rand.Rand) *wires {
	return &wires{rnd: rnd, listeners: map[string]*listener{}, ears: map[string]*pipe{}}
}

func (w *wires) delay() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return 100*time.Microsecond + time.Duration(w.rnd.Int64N(int64(3*time.Millisecond)))
}

// port is one node's end of the wires.
type port struct {
	w       *wires
	address string
}

var _ embedded.Network = port{}

// Listen accepts streams.
func (p port) Listen(address string) (net.Listener, error) {
	l := &listener{w: p.w, address: address, waiting: make(chan net.Conn, 64), closed: make(chan struct{})}
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.listeners[address] = l
	return l, nil
}

// ListenPackets hears packets.
func (p port) ListenPackets(address string) (embedded.Packets, error) {
	e := newPipe(p.w, false)
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.ears[address] = e
	return ear{e, address}, nil
}

// Dial opens a stream.
func (p port) Dial(ctx context.Context, address string) (net.Conn, error) {
	p.w.mu.Lock()
	l := p.w.listeners[address]
	p.w.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "wire", Err: syscall.ECONNREFUSED}
	}
	there, back := newPipe(p.w, true), newPipe(p.w, true)
	theirs := &stream{in: there, out: back, local: wireAddr(address), remote: wireAddr(p.address)}
	select {
	case l.waiting <- theirs:
		return &stream{in: back, out: there, local: wireAddr(p.address), remote: wireAddr(address)}, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: "wire", Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// DialPackets sends packets.
func (p port) DialPackets(_ context.Context, address string) (net.Conn, error) {
	return &packets{p: p, to: address, stream: stream{in: newPipe(p.w, false), out: newPipe(p.w, false)}}, nil
}

type wireAddr string

func (wireAddr) Network() string  { return "wire" }
func (a wireAddr) String() string { return string(a) }

type listener struct {
	w       *wires
	address string
	waiting chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.waiting:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		l.w.mu.Lock()
		delete(l.w.listeners, l.address)
		l.w.mu.Unlock()
		close(l.closed)
	})
	return nil
}

func (l *listener) Addr() net.Addr { return wireAddr(l.address) }

// pipe is one direction: what was written and when it arrives. A write never waits, for who writes holds locks of TLS, and what waits for a lock
// keeps the clock of a bubble from going on.
type pipe struct {
	w       *wires
	ordered bool

	mu       sync.Mutex
	parts    []part
	last     time.Time
	ended    error // for the reader, once everything has been read
	deadline time.Time
	changed  chan struct{} // closed and replaced
}

type part struct {
	at   time.Time
	from netip.AddrPort
	b    []byte
}

func newPipe(w *wires, ordered bool) *pipe {
	return &pipe{w: w, ordered: ordered, changed: make(chan struct{})}
}

// tell wakes the reader; the caller holds the lock.
func (p *pipe) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pipe) put(b []byte, from netip.AddrPort) error {
	at := time.Now().Add(p.w.delay())
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended != nil {
		return syscall.EPIPE
	}
	if p.ordered && at.Before(p.last) {
		at = p.last
	}
	p.last = at
	p.parts = append(p.parts, part{at: at, from: from, b: append([]byte(nil), b...)})
	p.tell()
	return nil
}

// end lets the reader see an error: at once, or after what is on its way.
func (p *pipe) end(err error, now bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now {
		p.parts = nil
	}
	if p.ended == nil || now {
		p.ended = err
	}
	p.tell()
}

func (p *pipe) until(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = t
	p.tell()
}

// first is the part that arrives next, -1 for none.
func (p *pipe) first() int {
	best := -1
	for i := range p.parts {
		if best < 0 || p.parts[i].at.Before(p.parts[best].at) {
			best = i
		}
	}
	return best
}

// get waits for what arrives next.
func (p *pipe) get(b []byte) (int, netip.AddrPort, error) {
	for {
		p.mu.Lock()
		now, changed, next := time.Now(), p.changed, p.deadline
		i := p.first()
		switch {
		case !p.deadline.IsZero() && !now.Before(p.deadline):
			p.mu.Unlock()
			return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
		case i >= 0 && !now.Before(p.parts[i].at):
			n, from := copy(b, p.parts[i].b), p.parts[i].from
			if rest := p.parts[i].b[n:]; p.ordered && len(rest) > 0 {
				p.parts[i].b = rest
			} else {
				p.parts = append(p.parts[:i], p.parts[i+1:]...)
			}
			p.mu.Unlock()
			return n, from, nil
		case i < 0 && p.ended != nil:
			err := p.ended
			p.mu.Unlock()
			return 0, netip.AddrPort{}, err
		case i >= 0 && (next.IsZero() || p.parts[i].at.Before(next)):
			next = p.parts[i].at
		}
		p.mu.Unlock()
		await(changed, next)
	}
}

// await returns when something has changed, or at an instant if there is one.
func await(changed chan struct{}, at time.Time) {
	if at.IsZero() {
		<-changed
		return
	}
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	}
}

// stream is one end of a connection.
type stream struct {
	in, out       *pipe
	local, remote wireAddr
}

func (s *stream) Read(b []byte) (int, error) {
	n, _, err := s.in.get(b)
	return n, err
}

func (s *stream) Write(b []byte) (int, error) {
	if err := s.out.put(b, netip.AddrPort{}); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (s *stream) Close() error {
	s.in.end(net.ErrClosed, true)
	s.out.end(io.EOF, false)
	return nil
}

func (s *stream) LocalAddr() net.Addr               { return s.local }
func (s *stream) RemoteAddr() net.Addr              { return s.remote }
func (s *stream) SetDeadline(t time.Time) error     { return s.SetReadDeadline(t) }
func (*stream) SetWriteDeadline(time.Time) error    { return nil } // no write waits
func (s *stream) SetReadDeadline(t time.Time) error { s.in.until(t); return nil }

// packets sends to one address; where nobody listens the port is refused, as on one's own machine.
type packets struct {
	stream
	p  port
	to string
}

func (c *packets) Write(b []byte) (int, error) {
	c.p.w.mu.Lock()
	e := c.p.w.ears[c.to]
	c.p.w.mu.Unlock()
	if e == nil || e.put(b, netip.MustParseAddrPort(c.p.address)) != nil {
		return 0, syscall.ECONNREFUSED
	}
	return len(b), nil
}

type ear struct {
	*pipe
	address string
}

func (e ear) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) { return e.get(b) }

func (e ear) Close() error {
	e.w.mu.Lock()
	if e.w.ears[e.address] == e.pipe {
		delete(e.w.ears, e.address)
	}
	e.w.mu.Unlock()
	e.end(net.ErrClosed, true)
	return nil
}

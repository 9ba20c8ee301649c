package rmcp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Relay puts the guard between a BMC and a client that is another program (ipmitool takes an unauthenticated "power is off" for the truth,
// too): that program is pointed at the relay's port on 127.0.0.1, and hears only what is proven.
//
// It is good for one session of one client. Other senders on this host are not heard.
type Relay struct {
	guard *Guard
	front *net.UDPConn
	back  net.Conn
	wg    sync.WaitGroup

	mu     sync.Mutex
	client netip.AddrPort
	fatal  chan struct{} // closed when the BMC will not answer this session any more
	once   sync.Once
}

// patience is how long a refusal, which anybody can forge, is given to be overtaken by the truth.
const patience = 250 * time.Millisecond

// NewRelay begins to relay to address. ctx bounds the name look-up only; end the relay with Close.
func NewRelay(ctx context.Context, g *Guard, address string) (*Relay, error) {
	back, err := g.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		back.Close()
		return nil, fmt.Errorf("cannot relay to %s: %w", address, err)
	}
	r := &Relay{guard: g, front: front, back: back, fatal: make(chan struct{})}
	r.wg.Go(r.outward)
	r.wg.Go(r.inward)
	return r, nil
}

// Port is the port on 127.0.0.1 that stands for the BMC.
func (r *Relay) Port() int { return r.front.LocalAddr().(*net.UDPAddr).Port }

// Bind returns a context that ends with ctx, and early when waiting is useless: the BMC's host says that nobody listens, or the BMC refused
// and nothing better came within a quarter of a second.
func (r *Relay) Bind(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	r.wg.Go(func() {
		select {
		case <-ctx.Done():
		case <-r.fatal:
			cancel()
		}
	})
	return ctx, cancel
}

// Close ends the relay; contexts of Bind must have been cancelled.
func (r *Relay) Close() {
	_ = r.front.Close()
	_ = r.back.Close()
	r.fail()
	r.wg.Wait()
}

func (r *Relay) fail() { r.once.Do(func() { close(r.fatal) }) }

// outward carries what the client says; what the guard does not let out is dropped.
func (r *Relay) outward() {
	buf := make([]byte, 4096)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return // closed
		}
		r.mu.Lock()
		if !r.client.IsValid() {
			r.client = from
		}
		ours := r.client == from
		r.mu.Unlock()
		if ours {
			_, _ = r.back.Write(buf[:n]) // what fails is like what is lost; the guard remembers why
		}
	}
}

// inward carries what the BMC has proven to have said.
func (r *Relay) inward() {
	buf := make([]byte, 4096)
	for {
		_ = r.back.SetReadDeadline(time.Now().Add(patience))
		n, err := r.back.Read(buf)
		switch {
		case err == nil:
			r.mu.Lock()
			client := r.client
			r.mu.Unlock()
			_, _ = r.front.WriteToUDPAddrPort(buf[:n], client)
			continue
		case r.guard.IOError() != nil:
			r.fail()
			return
		case r.guard.Refusal() != nil:
			r.fail() // patience is over
			return
		case isTimeout(err):
			continue
		}
		return // closed
	}
}

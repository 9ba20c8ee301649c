package embedded

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/fenced-project/fenced/membership"
)

// Network is what a provider listens on and dials: streams for the log, packets for the mesh. Its errors are those of package net.
type Network interface {
	Listen(address string) (net.Listener, error)
	ListenPackets(address string) (Packets, error)
	Dial(ctx context.Context, address string) (net.Conn, error)
	DialPackets(ctx context.Context, address string) (net.Conn, error)
}

// Packets hears packets until it is closed.
type Packets interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	Close() error
}

// sockets are this machine's own TCP and UDP.
type sockets struct{}

func (sockets) Listen(address string) (net.Listener, error) { return net.Listen("tcp", address) }

func (sockets) ListenPackets(address string) (Packets, error) {
	addr, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	in, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s by UDP: %w", address, err)
	}
	return in, nil
}

func (sockets) Dial(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

func (sockets) DialPackets(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "udp", address)
}

// now is the clock of leases and silences, in milliseconds.
func (p *Provider) now() int64 {
	if p.cfg.Clock != nil {
		return p.cfg.Clock()
	}
	return membership.BootMS()
}

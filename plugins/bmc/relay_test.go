package main

import (
	"net"
	"sync"
	"testing"
)

// relay stands between the plugin and a BMC and may change, lose or add datagrams: the attacker and the bad network of the tests.
type relay struct {
	front *net.UDPConn
	mu    sync.Mutex
	to    func([]byte) [][]byte
	from  func([]byte) [][]byte
	backs map[string]*net.UDPConn
	wg    sync.WaitGroup
}

func startRelay(t *testing.T, bmc net.Addr) *relay {
	t.Helper()
	pass := func(p []byte) [][]byte { return [][]byte{p} }
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{front: front, to: pass, from: pass, backs: map[string]*net.UDPConn{}}
	r.wg.Go(func() { r.forward(bmc.(*net.UDPAddr)) })
	t.Cleanup(r.close)
	return r
}

func (r *relay) addr() net.Addr { return r.front.LocalAddr() }

// toBMC and fromBMC say what becomes of a datagram in that direction. f is called with the relay's lock held.
func (r *relay) toBMC(f func([]byte) [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = f
}

func (r *relay) fromBMC(f func([]byte) [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.from = f
}

// forward gives every client a socket of its own to the BMC.
func (r *relay) forward(bmc *net.UDPAddr) {
	buf := make([]byte, 4096)
	for {
		n, client, err := r.front.ReadFromUDP(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		back := r.backs[client.String()]
		if back == nil {
			if back, err = net.DialUDP("udp", nil, bmc); err != nil {
				r.mu.Unlock()
				return
			}
			r.backs[client.String()] = back
			r.wg.Go(func() { r.backward(back, client) })
		}
		out := r.to(append([]byte(nil), buf[:n]...))
		r.mu.Unlock()
		for _, p := range out {
			_, _ = back.Write(p)
		}
	}
}

func (r *relay) backward(back *net.UDPConn, client *net.UDPAddr) {
	buf := make([]byte, 4096)
	for {
		n, err := back.Read(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		out := r.from(append([]byte(nil), buf[:n]...))
		r.mu.Unlock()
		for _, p := range out {
			_, _ = r.front.WriteToUDP(p, client)
		}
	}
}

func (r *relay) close() {
	r.mu.Lock()
	_ = r.front.Close()
	for _, b := range r.backs {
		_ = b.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

// inSession reports whether a datagram is an RMCP+ one with a session id.
func inSession(p []byte) bool {
	return len(p) > 16 && p[4] == 6 && (p[6]|p[7]|p[8]|p[9]) != 0
}

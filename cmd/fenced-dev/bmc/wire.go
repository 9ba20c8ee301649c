package bmc

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// wire is the BMC's socket, where hang and slow live, and where logins are counted.
type wire struct {
	*net.UDPConn
	chassis *Chassis
	closing context.Context
	login   string // the newest, of the reader alone
}

// What a RAKP message 1 looks like (IPMI 2.0, 13.6 and 13.20): where a login names its account. Every handshake has another session and random number.
const (
	rmcpPlus      = 6
	typeAt        = 5
	payloadRAKP1  = 0x12
	handshakeFrom = 20
	handshakeTo   = 40
)

// count notices the beginning of a login.
func (w *wire) count(b []byte) {
	if len(b) < handshakeTo || b[typeAt-1] != rmcpPlus || b[typeAt] != payloadRAKP1 {
		return
	}
	if l := string(b[handshakeFrom:handshakeTo]); l != w.login {
		w.login = l
		w.chassis.count(&w.chassis.counts.Logins)
	}
}

// ReadFrom gives the server the next datagram, unless the device hangs: then it waits for better times.
func (w *wire) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := w.UDPConn.ReadFromUDP(b)
		if errors.Is(err, net.ErrClosed) || (err == nil && !w.chassis.Knobs().Hang) {
			w.count(b[:n])
			return n, addr, err
		}
		if err == nil {
			w.chassis.count(&w.chassis.counts.Unheard)
		}
	}
}

// WriteTo sends an answer, late if the device is slow.
func (w *wire) WriteTo(b []byte, addr net.Addr) (int, error) {
	k := w.chassis.Knobs()
	if k.Hang {
		return len(b), nil
	}
	if k.Slow > 0 {
		t := time.NewTimer(k.Slow)
		defer t.Stop()
		select {
		case <-w.closing.Done():
			return 0, net.ErrClosed
		case <-t.C:
		}
	}
	return w.UDPConn.WriteTo(b, addr)
}

// Wire turns a UUID into the 16 bytes that a vendor with this byte order sends: smbios, rfc4122 or ipmi.
func Wire(uuid, order string) ([16]byte, error) {
	var g [16]byte
	b, err := hex.DecodeString(strings.ReplaceAll(uuid, "-", ""))
	if err != nil || len(b) != 16 {
		return g, fmt.Errorf("cannot read GUID %q", uuid)
	}
	copy(g[:], b)
	switch order {
	case "rfc4122":
	case "smbios":
		g[0], g[1], g[2], g[3] = g[3], g[2], g[1], g[0]
		g[4], g[5], g[6], g[7] = g[5], g[4], g[7], g[6]
	case "ipmi":
		for i := range 8 {
			g[i], g[15-i] = g[15-i], g[i]
		}
	default:
		return g, fmt.Errorf("no GUID byte order %q: smbios, rfc4122, ipmi", order)
	}
	return g, nil
}

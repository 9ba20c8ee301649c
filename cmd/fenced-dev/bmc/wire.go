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

// wire is the BMC's socket, where hang and slow live.
type wire struct {
	*net.UDPConn
	chassis *Chassis
	closing context.Context
}

// ReadFrom gives the server the next datagram, unless the device hangs: then it waits for better times.
func (w *wire) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := w.UDPConn.ReadFromUDP(b)
		if errors.Is(err, net.ErrClosed) || (err == nil && !w.chassis.Knobs().Hang) {
			return n, addr, err
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

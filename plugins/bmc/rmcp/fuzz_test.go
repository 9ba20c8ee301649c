package rmcp

import (
	"bytes"
	"testing"
)

// seeds are good packets of both suites.
func seeds(f *testing.F) {
	for _, s := range []Suite{Suite3, Suite17} {
		p := newPeer(s)
		for _, b := range [][]byte{p.capRes, p.openRes, p.rakp2, p.rakp4, p.statusRes, p.request, {}, {6, 0, 0xff, 7}} {
			f.Add(b)
		}
	}
}

// FuzzParse: no datagram breaks the parser, and what it takes apart lies within the datagram.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parse(b)
		if err != nil {
			return
		}
		if n := len(p.payload) + len(p.trailer); n > len(b)-header15 {
			t.Fatalf("%d bytes of payload and trailer in a datagram of %d", n, len(b))
		}
		if p.authenticated && len(p.trailer) == 0 {
			t.Fatal("authenticated without a code")
		}
	})
}

// FuzzGuard: in a session, only what the key's holder sealed gets through, whatever the datagram. A fuzzer cannot know the key, so the one
// packet that may pass is the good one it was seeded with.
func FuzzGuard(f *testing.F) {
	seeds(f)
	peers := []*peer{newPeer(Suite3), newPeer(Suite17)}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, p := range peers {
			g := p.shake(t, expectSession)
			if g.received(b) {
				// The RMCP header's reserved byte and sequence number are not covered by the code and mean nothing.
				if len(b) != len(p.statusRes) || !bytes.Equal(b[3:], p.statusRes[3:]) {
					t.Fatalf("let through: %x", b)
				}
			}
			for _, at := range []expectation{expectNothing, expectCapabilities, expectOpen, expectRAKP2, expectRAKP4} {
				g := must(New(p.suite, user, password))
				if at != expectNothing {
					g = p.shake(t, at)
				}
				if g.received(b); g.Active() && at != expectRAKP4 {
					t.Fatalf("a session out of nothing at %d: %x", at, b)
				}
			}
		}
	})
}

// FuzzSending: no packet of the client's breaks the guard.
func FuzzSending(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, at := range []expectation{expectCapabilities, expectOpen, expectRAKP2, expectRAKP4, expectSession} {
			g := newPeer(Suite3).shake(t, at)
			if err := g.sending(b); err == nil && at != expectSession && g.Active() {
				t.Fatalf("a session by sending at %d: %x", at, b)
			}
		}
	})
}

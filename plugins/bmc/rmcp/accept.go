package rmcp

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
)

// Refusal is how a BMC said no in the handshake.
type Refusal struct {
	// Status is the RMCP+ status code (v2.0 table 13-15); 0 when the code that should prove the BMC's knowledge of the password is wrong.
	Status byte
	// Downgrade says that the BMC, or somebody in its place, answered with another cipher suite than the one asked for.
	Downgrade bool
}

func (r *Refusal) Error() string {
	switch {
	case r.Downgrade:
		return "the BMC answered with another cipher suite than asked for"
	case r.Status == 0:
		return "the BMC does not know this password"
	case r.Full():
		return "the BMC has no session free"
	}
	return fmt.Sprintf("the BMC refused the session with status %#02x", r.Status)
}

// Credentials reports whether user, password or the user's privilege are what was refused.
func (r *Refusal) Credentials() bool {
	if r.Downgrade {
		return false
	}
	switch r.Status {
	case 0x00, 0x09, 0x0a, 0x0c, 0x0d, 0x0f: // wrong code, role, privilege, name length, name, integrity check value
		return true
	}
	return false
}

// Full reports whether the BMC had no session free: others hold all of its few.
func (r *Refusal) Full() bool { return r.Status == 0x01 && !r.Downgrade }

// Cipher reports whether the cipher suite is what was refused.
func (r *Refusal) Cipher() bool {
	switch r.Status {
	case 0x04, 0x05, 0x10, 0x11: // authentication, integrity, confidentiality algorithm, no matching suite
		return true
	}
	return r.Downgrade
}

// errSending is what the guard answers to a client that leaves the protocol: a bug on our side, never sent.
var errSending = errors.New("the client left the protocol")

// sending learns from a packet of ours what may be answered. It refuses to send what would weaken the session.
func (g *Guard) sending(b []byte) error {
	p, err := parse(b)
	if err != nil {
		return errSending
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.expect == expectSession {
		// Retries of the handshake would open it again; everything else goes out as the session's own.
		if p.auth != authPlus || p.session != g.hs.bmcID || !p.encrypted || !p.authenticated {
			return errSending
		}
		return nil
	}
	switch {
	case p.session != 0 || p.encrypted || p.authenticated:
		return errSending // nothing is said in a session that is not there
	case p.auth == authNone:
		g.expect = expectCapabilities
		return nil
	}
	return g.sendingHandshake(p)
}

func (g *Guard) sendingHandshake(p packet) error {
	m := p.payload
	switch {
	case p.kind == payloadOpenRequest && len(m) == 32:
		if m[12] != g.suite.auth || m[20] != g.suite.integrity || m[28] != g.suite.crypt {
			return errSending
		}
		g.hs = handshake{consoleID: binary.LittleEndian.Uint32(m[4:8]), user: g.user}
		g.expect = expectOpen
	case p.kind == payloadRAKP1 && len(m) >= 28 && g.expect >= expectOpen:
		if !bytes.Equal(m[28:], g.user) || int(m[27]) != len(g.user) || g.hs.bmcID == 0 || binary.LittleEndian.Uint32(m[4:8]) != g.hs.bmcID {
			return errSending
		}
		copy(g.hs.consoleRand[:], m[8:24])
		g.hs.role = m[24]
		g.expect = expectRAKP2
	case p.kind == payloadRAKP3 && len(m) >= 8 && g.keys.k1 != nil:
		g.expect = expectRAKP4
	default:
		return errSending
	}
	g.tag = m[0]
	return nil
}

// received says whether a datagram may be seen by the client, and moves the handshake on.
func (g *Guard) received(b []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	ok := false
	if p, err := parse(b); err == nil {
		ok = g.accept(b, p)
	}
	if !ok {
		g.dropped++
	}
	return ok
}

func (g *Guard) accept(b []byte, p packet) bool {
	switch g.expect {
	case expectCapabilities:
		return capabilities(p)
	case expectOpen:
		m, ok := g.answer(p, payloadOpenResponse, 36)
		return ok && g.acceptOpen(m)
	case expectRAKP2:
		m, ok := g.answer(p, payloadRAKP2, 40+g.suite.hash().Size())
		return ok && g.acceptRAKP2(m)
	case expectRAKP4:
		m, ok := g.answer(p, payloadRAKP4, 8+g.suite.check)
		return ok && g.acceptRAKP4(m)
	case expectSession:
		return g.acceptSession(b, p)
	}
	return false
}

// capabilities is a good answer to Get Channel Authentication Capabilities, the one command outside of a session. Nothing is believed from it.
func capabilities(p packet) bool {
	m := p.payload
	return p.auth == authNone && p.session == 0 && len(m) >= 8 && m[1]>>2 == 0x07 && m[5] == 0x38 && m[6] == 0
}

// answer returns the handshake message in p if it is of the kind awaited, at least size bytes long, and answers our last one. Some BMCs
// send more than the specification wants. A refusal is remembered and dropped.
func (g *Guard) answer(p packet, kind byte, size int) ([]byte, bool) {
	m := p.payload
	if p.auth != authPlus || p.encrypted || p.authenticated || p.session != 0 || p.kind != kind || len(m) < 2 || m[0] != g.tag {
		return nil, false
	}
	if m[1] != 0 {
		// Not every BMC gives more than tag and status with an error (ipmi_sim does not); it is a hint only, and may be had cheaply.
		g.refusal = &Refusal{Status: m[1]}
		return nil, false
	}
	return m, len(m) >= size && binary.LittleEndian.Uint32(m[4:8]) == g.hs.consoleID
}

func (g *Guard) acceptOpen(m []byte) bool {
	bmcID := binary.LittleEndian.Uint32(m[8:12])
	if m[16] != g.suite.auth || m[24] != g.suite.integrity || m[32] != g.suite.crypt {
		g.refusal = &Refusal{Downgrade: true}
		return false
	}
	if bmcID == 0 {
		return false
	}
	g.hs.bmcID = bmcID
	return true
}

func (g *Guard) acceptRAKP2(m []byte) bool {
	h := g.hs
	copy(h.bmcRand[:], m[8:24])
	copy(h.bmcGUID[:], m[24:40])
	if !hmac.Equal(m[40:40+g.suite.hash().Size()], g.suite.code2(h, g.password)) {
		g.refusal = &Refusal{}
		return false
	}
	g.hs, g.keys = h, g.suite.keys(h, g.password)
	return true
}

func (g *Guard) acceptRAKP4(m []byte) bool {
	if !hmac.Equal(m[8:8+g.suite.check], g.suite.code4(g.hs, g.keys)) {
		g.refusal = &Refusal{}
		return false
	}
	g.expect, g.refusal = expectSession, nil
	return true
}

// acceptSession lets through only what the holder of the keys said in this session, once, and after what it said before.
func (g *Guard) acceptSession(b []byte, p packet) bool {
	if p.auth != authPlus || p.kind != payloadIPMI || !p.encrypted || !p.authenticated || p.session != g.hs.consoleID {
		return false
	}
	if len(p.trailer) < 2+g.suite.check || p.sequence <= g.last {
		return false
	}
	end := len(b) - g.suite.check
	if !hmac.Equal(b[end:], g.suite.mac(g.keys.k1, b[4:end])[:g.suite.check]) {
		return false
	}
	// The trailer must be whole: pad bytes, their number, next header, code. The code has proven who said it, this that it was said well.
	if pad := int(b[end-2]); len(p.trailer) != pad+2+g.suite.check {
		return false
	}
	if !g.keys.decrypts(p.payload) {
		return false
	}
	g.last = p.sequence
	return true
}

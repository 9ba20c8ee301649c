package rmcp

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/bougou/go-ipmi/pkg/crypto"
	"github.com/bougou/go-ipmi/pkg/types"
)

const (
	user, password = "fenced", "secret"
	consoleID      = 0xa0a1a2a3
	bmcID          = 0x11223344
)

// peer is the BMC's side of a handshake, computed with go-ipmi's cryptography: another hand than the guard's.
type peer struct {
	suite              Suite
	consoleRand, rand  [16]byte
	guid               [16]byte
	role               byte
	auth               types.AuthAlg
	integrity          types.IntegrityAlg
	sik, k1, k2        []byte
	openReq, openRes   []byte
	rakp1, rakp2       []byte
	rakp3, rakp4       []byte
	capReq, capRes     []byte
	request, statusRes []byte
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func plus(kind byte, session, sequence uint32, payload []byte) []byte {
	p := []byte{0x06, 0, 0xff, 0x07, 0x06, kind}
	p = binary.LittleEndian.AppendUint32(p, session)
	p = binary.LittleEndian.AppendUint32(p, sequence)
	p = binary.LittleEndian.AppendUint16(p, uint16(len(payload)))
	return append(p, payload...)
}

func newPeer(s Suite) *peer {
	p := &peer{suite: s, role: 0x14, auth: types.AuthAlg(s.auth), integrity: types.IntegrityAlg(s.integrity)}
	for i := range 16 {
		p.consoleRand[i], p.rand[i], p.guid[i] = byte(i), byte(0x40+i), byte(0x80+i)
	}
	key := crypto.PadPassword20([]byte(password))
	p.sik, p.k1, p.k2 = func() (a, b, c []byte) {
		a, b, c, err := crypto.DeriveSessionKeys(p.auth, p.consoleRand[:], p.rand[:], p.role, user, key)
		if err != nil {
			panic(err)
		}
		return a, b, c
	}()
	p.capReq = append([]byte{0x06, 0, 0xff, 0x07, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, 0x20, 0x18, 0xc8, 0x81, 4, 0x38, 0x8e, 4, 0xb5)
	p.capRes = append([]byte{0x06, 0, 0xff, 0x07, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16}, 0x81, 0x1c, 0x63, 0x20, 4, 0x38, 0, 1, 0x80, 4, 2, 0, 0, 0, 0, 0)
	algorithms := []byte{0, 0, 0, 8, s.auth, 0, 0, 0, 1, 0, 0, 8, s.integrity, 0, 0, 0, 2, 0, 0, 8, s.crypt, 0, 0, 0}
	p.openReq = plus(payloadOpenRequest, 0, 0, bytes.Join([][]byte{{7, 0, 0, 0}, id(consoleID), algorithms}, nil))
	p.openRes = plus(payloadOpenResponse, 0, 0, bytes.Join([][]byte{{7, 0, 4, 0}, id(consoleID), id(bmcID), algorithms}, nil))
	p.rakp1 = plus(payloadRAKP1, 0, 0, bytes.Join([][]byte{{7, 0, 0, 0}, id(bmcID), p.consoleRand[:], {p.role, 0, 0, byte(len(user))}, []byte(user)}, nil))
	code2 := must(crypto.RAKP2AuthCode(p.auth, consoleID, bmcID, p.consoleRand[:], p.rand[:], p.guid[:], p.role, user, key))
	p.rakp2 = plus(payloadRAKP2, 0, 0, bytes.Join([][]byte{{7, 0, 0, 0}, id(consoleID), p.rand[:], p.guid[:], code2}, nil))
	code3 := must(crypto.RAKP3AuthCode(p.auth, p.rand[:], consoleID, p.role, user, key))
	p.rakp3 = plus(payloadRAKP3, 0, 0, bytes.Join([][]byte{{7, 0, 0, 0}, id(bmcID), code3}, nil))
	code4 := must(crypto.RAKP4ICV(p.auth, p.consoleRand[:], bmcID, p.guid[:], p.sik))
	p.rakp4 = plus(payloadRAKP4, 0, 0, bytes.Join([][]byte{{7, 0, 0, 0}, id(consoleID), code4}, nil))
	p.request = p.seal(bmcID, 1, []byte{0x20, 0, 0xe0, 0x81, 4, 1, 0x7a}, p.k1)
	p.statusRes = p.answer(1)
	return p
}

// seal encrypts and authenticates a message.
func (p *peer) seal(session, sequence uint32, message, k1 []byte) []byte {
	payload := must(crypto.EncryptAESPayload(message, p.k2, make([]byte, 16)))
	return p.sign(plus(flagEncrypted|flagAuthenticated, session, sequence, payload), k1)
}

func (p *peer) sign(b, k1 []byte) []byte {
	pad := types.IntegrityPadLen(12, len(b)-16)
	b = append(b, bytes.Repeat([]byte{0xff}, pad)...)
	b = append(b, byte(pad), 0x07)
	return append(b, must(crypto.SessionIntegrityAuthCode(p.integrity, b[4:], k1, ""))...)
}

func (p *peer) answer(sequence uint32) []byte {
	return p.seal(consoleID, sequence, []byte{0x81, 4, 0x7b, 0x20, 4, 1, 0, 1, 0, 0, 0, 0xda}, p.k1)
}

// shake brings a guard to the point where it awaits what follows `until`.
func (p *peer) shake(t testing.TB, until expectation) *Guard {
	t.Helper()
	g := must(New(p.suite, user, password))
	for _, step := range []struct {
		to   expectation
		sent []byte
		back []byte
	}{{expectCapabilities, p.capReq, p.capRes}, {expectOpen, p.openReq, p.openRes}, {expectRAKP2, p.rakp1, p.rakp2}, {expectRAKP4, p.rakp3, p.rakp4}} {
		if err := g.sending(step.sent); err != nil {
			t.Fatalf("sending before %d: %v", step.to, err)
		}
		if until == step.to {
			return g
		}
		if !g.received(step.back) {
			t.Fatalf("the good answer %d was dropped", step.to)
		}
	}
	if !g.Active() || g.Refusal() != nil || g.Dropped() != 0 {
		t.Fatalf("after the handshake: active %t, refusal %v, dropped %d", g.Active(), g.Refusal(), g.Dropped())
	}
	return g
}

func suites(t *testing.T, f func(t *testing.T, p *peer)) {
	for _, s := range []Suite{Suite3, Suite17} {
		t.Run(map[int]string{3: "suite 3", 17: "suite 17"}[s.ID], func(t *testing.T) { f(t, newPeer(s)) })
	}
}

func TestSession(t *testing.T) {
	suites(t, func(t *testing.T, p *peer) {
		g := p.shake(t, expectSession)
		if err := g.sending(p.request); err != nil {
			t.Fatal(err)
		}
		for n := uint32(1); n < 5; n++ {
			if !g.received(p.answer(n)) {
				t.Fatalf("answer %d was dropped", n)
			}
			if g.received(p.answer(n)) {
				t.Fatalf("answer %d was taken twice", n)
			}
		}
		if !g.received(p.answer(100)) || g.received(p.answer(99)) {
			t.Fatal("order")
		}
	})
}

// TestDropped: everything that is not this session's next word is dropped.
func TestDropped(t *testing.T) {
	suites(t, func(t *testing.T, p *peer) {
		message := []byte{0x81, 4, 0x7b, 0x20, 4, 1, 0, 0, 0, 0, 0, 0xdb}
		otherKey := append([]byte(nil), p.k1...)
		otherKey[0] ^= 1
		cases := map[string][]byte{
			"plaintext":                         plus(0, consoleID, 5, message),
			"plaintext without session":         plus(0, 0, 0, message),
			"authenticated, not encrypted":      p.sign(plus(flagAuthenticated, consoleID, 5, message), p.k1),
			"encrypted, but not flagged so":     p.sign(plus(flagAuthenticated, consoleID, 5, must(crypto.EncryptAESPayload(message, p.k2, make([]byte, 16)))), p.k1),
			"encrypted, not authenticated":      plus(flagEncrypted, consoleID, 5, must(crypto.EncryptAESPayload(message, p.k2, make([]byte, 16)))),
			"other key":                         p.seal(consoleID, 5, message, otherKey),
			"our own session id":                p.seal(bmcID, 5, message, p.k1),
			"sequence number 0":                 p.answer(0),
			"handshake again":                   p.openRes,
			"RAKP 4 again":                      p.rakp4,
			"capabilities again":                p.capRes,
			"SOL payload":                       p.sign(plus(flagEncrypted|flagAuthenticated|1, consoleID, 5, must(crypto.EncryptAESPayload(message, p.k2, make([]byte, 16)))), p.k1),
			"empty payload":                     p.sign(plus(flagEncrypted|flagAuthenticated, consoleID, 5, nil), p.k1),
			"payload of half a block":           p.sign(plus(flagEncrypted|flagAuthenticated, consoleID, 5, make([]byte, 24)), p.k1),
			"payload with an impossible pad":    p.sign(plus(flagEncrypted|flagAuthenticated, consoleID, 5, impossiblePad(p)), p.k1),
			"nothing":                           {},
			"bytes behind its end":              append(p.answer(5), 0),
			"IPMI 1.5":                          append([]byte{0x06, 0, 0xff, 0x07, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(message))}, message...),
			"ASF":                               {0x06, 0, 0xff, 0x06, 0, 0, 0x11, 0xbe, 0x40, 0, 0, 0},
			"acknowledgement of an RMCP packet": {0x06, 0, 0xff, 0x87},
		}
		for name, b := range cases {
			g := p.shake(t, expectSession)
			if g.received(b) {
				t.Errorf("%s was let through", name)
			}
			if g.Dropped() != 1 || !g.received(p.answer(6)) {
				t.Errorf("%s: the true answer after it was dropped", name)
			}
		}
		good := p.answer(5)
		for n := range good {
			if g := p.shake(t, expectSession); g.received(good[:n]) {
				t.Errorf("the first %d bytes of %d were let through", n, len(good))
			}
		}
		for bit := range len(good) * 8 {
			b := append([]byte(nil), good...)
			b[bit/8] ^= 1 << (bit % 8)
			if bit/8 == 1 || bit/8 == 2 {
				continue // reserved byte and RMCP sequence number mean nothing and are not authenticated
			}
			if g := p.shake(t, expectSession); g.received(b) {
				t.Errorf("a flipped bit %d of byte %d was let through", bit%8, bit/8)
			}
		}
	})
}

// impossiblePad is a payload whose last decrypted byte says that more was padded than there is.
func impossiblePad(p *peer) []byte {
	plain := make([]byte, 16)
	plain[15] = 0xfe
	return append(make([]byte, 16), must(crypto.EncryptAES(plain, p.k2[:16], make([]byte, 16)))...)
}

// TestHandshakeRefusals: what refuses is remembered and dropped, and the true answer is taken afterwards.
func TestHandshakeRefusals(t *testing.T) {
	suites(t, func(t *testing.T, p *peer) {
		for name, c := range map[string]struct {
			at     expectation
			good   []byte
			change func(m []byte) // of the payload
			want   *Refusal       // nil: dropped without a word
		}{
			"no resources":         {expectOpen, p.openRes, func(m []byte) { m[1] = 0x01 }, &Refusal{Status: 1}},
			"no such cipher":       {expectOpen, p.openRes, func(m []byte) { m[1] = 0x11 }, &Refusal{Status: 0x11}},
			"weaker login":         {expectOpen, p.openRes, func(m []byte) { m[16] = 0 }, &Refusal{Downgrade: true}},
			"no integrity":         {expectOpen, p.openRes, func(m []byte) { m[24] = 0 }, &Refusal{Downgrade: true}},
			"no encryption":        {expectOpen, p.openRes, func(m []byte) { m[32] = 0 }, &Refusal{Downgrade: true}},
			"session 0":            {expectOpen, p.openRes, func(m []byte) { copy(m[8:12], id(0)) }, nil},
			"other tag":            {expectOpen, p.openRes, func(m []byte) { m[0]++ }, nil},
			"other console":        {expectOpen, p.openRes, func(m []byte) { m[4]++ }, nil},
			"unknown user":         {expectRAKP2, p.rakp2, func(m []byte) { m[1] = 0x0d }, &Refusal{Status: 0x0d}},
			"other random number":  {expectRAKP2, p.rakp2, func(m []byte) { m[8]++ }, &Refusal{}},
			"other GUID":           {expectRAKP2, p.rakp2, func(m []byte) { m[24]++ }, &Refusal{}},
			"wrong code of RAKP 2": {expectRAKP2, p.rakp2, func(m []byte) { m[40]++ }, &Refusal{}},
			"refused at the end":   {expectRAKP4, p.rakp4, func(m []byte) { m[1] = 0x0f }, &Refusal{Status: 0x0f}},
			"wrong code of RAKP 4": {expectRAKP4, p.rakp4, func(m []byte) { m[8]++ }, &Refusal{}},
		} {
			g := p.shake(t, c.at)
			b := append([]byte(nil), c.good...)
			c.change(b[header20:])
			if g.received(b) || g.Active() {
				t.Errorf("%s was let through", name)
			}
			got := g.Refusal()
			if (got == nil) != (c.want == nil) || (got != nil && *got != *c.want) {
				t.Errorf("%s is remembered as %v, want %v", name, got, c.want)
			}
			if !g.received(c.good) {
				t.Errorf("%s: the true answer after it was dropped", name)
			}
			for n := range c.good {
				if p.shake(t, c.at).received(c.good[:n]) {
					t.Errorf("%s: the first %d bytes were let through", name, n)
				}
			}
		}
	})
}

// TestSending: the guard does not let the client weaken the session or speak out of turn.
func TestSending(t *testing.T) {
	p, weak := newPeer(Suite3), newPeer(Suite17)
	for name, c := range map[string]struct {
		at expectation
		b  []byte
	}{
		"another suite":           {expectCapabilities, weak.openReq},
		"RAKP 1 before a session": {expectCapabilities, p.rakp1},
		"RAKP 3 before RAKP 2":    {expectRAKP2, p.rakp3},
		"a command too early":     {expectRAKP4, p.request},
		"plaintext in a session":  {expectSession, plus(0, bmcID, 1, []byte{1})},
		"other session":           {expectSession, p.seal(bmcID+1, 1, make([]byte, 8), p.k1)},
		"opening again":           {expectSession, p.openReq},
		"no packet":               {expectSession, []byte("hello")},
	} {
		if err := p.shake(t, c.at).sending(c.b); err == nil {
			t.Errorf("%s was sent", name)
		}
	}
}

func TestBounds(t *testing.T) {
	for name, err := range map[string]error{
		"long user":     func() error { _, err := New(Suite3, "12345678901234567", "p"); return err }(),
		"long password": func() error { _, err := New(Suite3, "u", "123456789012345678901"); return err }(),
		"no suite":      func() error { _, err := New(Suite{}, "u", "p"); return err }(),
		"suite 0":       func() error { _, err := SuiteByID(0); return err }(),
	} {
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// TestReadEnds: a flood of forgeries does not keep a read beyond its deadline, and Abort ends it at once.
func TestReadEnds(t *testing.T) {
	server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	p := newPeer(Suite3)
	g := p.shake(t, expectSession)
	c, err := g.Dial(t.Context(), server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := g.Dial(t.Context(), server.LocalAddr().String()); err == nil {
		t.Fatal("a guard dialled twice")
	}
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = server.WriteTo(plus(0, consoleID, 9, make([]byte, 12)), c.LocalAddr())
			}
		}
	}()
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	n, err := c.Read(make([]byte, 4096))
	if err == nil || n != 0 || time.Since(begin) > 5*time.Second {
		t.Fatalf("read under a flood: %d bytes, %v, after %v", n, err, time.Since(begin))
	}
	close(stop)
	<-stopped
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, g.Abort)
	if _, err := c.Read(make([]byte, 4096)); err == nil || time.Since(begin) > 30*time.Second {
		t.Fatalf("read after Abort: %v", err)
	}
}

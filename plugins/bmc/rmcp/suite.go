package rmcp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
)

// Suite is an IPMI 2.0 cipher suite (v2.0 table 22-20). Only those with an integrity algorithm that is still worth its name are here.
type Suite struct {
	ID                     int
	auth, integrity, crypt byte // algorithm numbers on the wire
	hash                   func() hash.Hash
	check                  int // bytes of an integrity code, in RAKP 4 and in session packets
}

// The suites: 3 is RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128; 17 is RAKP-HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128.
var (
	Suite3  = Suite{ID: 3, auth: 1, integrity: 1, crypt: 1, hash: sha1.New, check: 12}
	Suite17 = Suite{ID: 17, auth: 3, integrity: 4, crypt: 1, hash: sha256.New, check: 16}
)

// SuiteByID returns suite 3 or 17.
func SuiteByID(id int) (Suite, error) {
	switch id {
	case 3:
		return Suite3, nil
	case 17:
		return Suite17, nil
	}
	return Suite{}, fmt.Errorf("no cipher suite %d: 3 or 17", id)
}

// Limits of IPMI 2.0.
const (
	MaxUser     = 16
	MaxPassword = 20
)

func (s Suite) mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(s.hash, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// handshake is what both sides exchanged before the session, as v2.0 §13.31 names it.
type handshake struct {
	consoleID, bmcID     uint32
	consoleRand, bmcRand [16]byte
	bmcGUID              [16]byte
	role                 byte // whole byte of RAKP 1
	user                 []byte
}

func id(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

func (h handshake) who() []byte { return append([]byte{h.role, byte(len(h.user))}, h.user...) }

// code2 is the key exchange authentication code of RAKP message 2, under the user's password.
func (s Suite) code2(h handshake, password []byte) []byte {
	return s.mac(password, id(h.consoleID), id(h.bmcID), h.consoleRand[:], h.bmcRand[:], h.bmcGUID[:], h.who())
}

// keys are what a session is protected with.
type keys struct {
	sik, k1, k2 []byte
}

// keys derives the session's keys (v2.0 §13.31, §13.32).
func (s Suite) keys(h handshake, password []byte) keys {
	sik := s.mac(password, h.consoleRand[:], h.bmcRand[:], h.who())
	constant := func(b byte) []byte {
		c := make([]byte, 20)
		for i := range c {
			c[i] = b
		}
		return c
	}
	return keys{sik: sik, k1: s.mac(sik, constant(1)), k2: s.mac(sik, constant(2))}
}

// code4 is the integrity check value of RAKP message 4.
func (s Suite) code4(h handshake, k keys) []byte {
	return s.mac(k.sik, h.consoleRand[:], id(h.bmcID), h.bmcGUID[:])[:s.check]
}

// decrypts reports whether an encrypted payload has the form that the client will expect when it decrypts it (v2.0 §13.29): go-ipmi
// panics on others, outside of any goroutine that could recover.
func (k keys) decrypts(payload []byte) bool {
	if len(payload) < 2*aes.BlockSize || len(payload)%aes.BlockSize != 0 {
		return false
	}
	block, err := aes.NewCipher(k.k2[:16])
	if err != nil {
		return false
	}
	last := payload[len(payload)-aes.BlockSize:]
	plain := make([]byte, aes.BlockSize)
	cipher.NewCBCDecrypter(block, payload[len(payload)-2*aes.BlockSize:len(payload)-aes.BlockSize]).CryptBlocks(plain, last)
	return int(plain[aes.BlockSize-1]) < aes.BlockSize // the pad never exceeds its block
}

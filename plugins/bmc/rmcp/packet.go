package rmcp

import (
	"encoding/binary"
	"errors"
)

// Payload types of RMCP+ (v2.0 table 13-16).
const (
	payloadIPMI         = 0x00
	payloadOpenRequest  = 0x10
	payloadOpenResponse = 0x11
	payloadRAKP1        = 0x12
	payloadRAKP2        = 0x13
	payloadRAKP3        = 0x14
	payloadRAKP4        = 0x15
)

const (
	authNone = 0x00 // IPMI 1.5 without authentication
	authPlus = 0x06 // RMCP+, IPMI 2.0

	flagEncrypted     = 0x80
	flagAuthenticated = 0x40

	header15 = 14 // RMCP header and session header of a 1.5 packet without authentication code
	header20 = 16 // the same of a 2.0 packet
)

// packet is one datagram taken apart. Slices point into it.
type packet struct {
	auth          byte
	encrypted     bool
	authenticated bool
	kind          byte // payload type; payloadIPMI for 1.5
	session       uint32
	sequence      uint32
	payload       []byte
	trailer       []byte // what follows the payload: pad, its length, next header, integrity code
}

// errPacket is what a datagram is that is no well-formed IPMI packet. There is one error for all: nobody is told which byte was wrong.
var errPacket = errors.New("not an IPMI packet")

// parse takes a datagram apart without judging it. Lengths are exact: bytes that belong nowhere make it no packet.
func parse(b []byte) (packet, error) {
	if len(b) < 5 || b[0] != 0x06 || b[3] != 0x07 {
		return packet{}, errPacket
	}
	switch b[4] {
	case authNone:
		return parse15(b)
	case authPlus:
		return parse20(b)
	}
	return packet{}, errPacket
}

func parse15(b []byte) (packet, error) {
	if len(b) < header15 {
		return packet{}, errPacket
	}
	rest := b[header15:]
	n := int(b[13])
	// One legacy pad byte may follow, where 1.5 needed it for the sizes that Ethernet controllers could not take.
	if len(rest) != n && len(rest) != n+1 {
		return packet{}, errPacket
	}
	return packet{
		auth:     authNone,
		sequence: binary.LittleEndian.Uint32(b[5:9]),
		session:  binary.LittleEndian.Uint32(b[9:13]),
		payload:  rest[:n],
	}, nil
}

func parse20(b []byte) (packet, error) {
	if len(b) < header20 {
		return packet{}, errPacket
	}
	p := packet{
		auth:          authPlus,
		encrypted:     b[5]&flagEncrypted != 0,
		authenticated: b[5]&flagAuthenticated != 0,
		kind:          b[5] & 0x3f,
		session:       binary.LittleEndian.Uint32(b[6:10]),
		sequence:      binary.LittleEndian.Uint32(b[10:14]),
	}
	rest := b[header20:]
	n := int(binary.LittleEndian.Uint16(b[14:16]))
	if len(rest) < n {
		return packet{}, errPacket
	}
	p.payload, p.trailer = rest[:n], rest[n:]
	if p.authenticated != (len(p.trailer) > 0) {
		return packet{}, errPacket
	}
	return p, nil
}

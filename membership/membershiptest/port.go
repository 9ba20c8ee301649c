package membershiptest

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"testing"
)

// FreePort finds a port that is free for TCP and UDP on the loopback, as host:port. It is none of those that the kernel gives to whoever asks for
// any port: a node that is stopped and started again in a test would find its own port taken, by the socket of a sender for example.
func FreePort(t testing.TB) string {
	t.Helper()
	const first, end = 15000, 32000 // Linux gives those from 32768 on
	for range 200 {
		b := make([]byte, 2)
		_, _ = rand.Read(b) // never fails
		addr := fmt.Sprintf("127.0.0.1:%d", first+int(binary.BigEndian.Uint16(b))%(end-first))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		u, err := net.ListenPacket("udp", addr)
		_ = l.Close()
		if err == nil {
			_ = u.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

package embedded

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// shake does a handshake between two keyrings; the errors are those of the dialer and of the acceptor.
func shake(t *testing.T, dialer, acceptor *keyring, want fence.NodeID) (d, a error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // not a pipe: an alert must not wait for a reader
	if err != nil {
		t.Fatal(err)
	}
	x, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	y, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _, _ = x.Close(), y.Close(), l.Close() }()
	deadline := time.Now().Add(10 * time.Second)
	_, _ = x.SetDeadline(deadline), y.SetDeadline(deadline)
	done := make(chan error, 1)
	go func() {
		s := tls.Server(y, acceptor.tls(0))
		err := s.Handshake()
		if err == nil {
			_, err = s.Write([]byte("."))
		}
		_ = y.Close()
		done <- err
	}()
	c := tls.Client(x, dialer.tls(want))
	if d = c.Handshake(); d == nil {
		_, d = c.Read(make([]byte, 1))
	}
	_ = x.Close()
	return d, <-done
}

func ring(t *testing.T, key, cluster string, id fence.NodeID) *keyring {
	t.Helper()
	k, err := newKeyring(Key(key), cluster, id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyring(t *testing.T) {
	const key, other = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
	one, two := ring(t, key, "c", 1), ring(t, key, "c", 2)
	if d, a := shake(t, one, two, 2); d != nil || a != nil {
		t.Errorf("two of one cluster: %v, %v", d, a)
	}
	if d, _ := shake(t, one, two, 3); d == nil || !strings.Contains(d.Error(), "node 3 was expected") {
		t.Errorf("another node at the address: %v", d)
	}
	if d, _ := shake(t, one, ring(t, other, "c", 2), 2); d == nil || !strings.Contains(d.Error(), "authkey") {
		t.Errorf("another key: %v", d)
	}
	if d, _ := shake(t, one, ring(t, key, "x", 2), 2); d == nil || !strings.Contains(d.Error(), `cluster "x"`) {
		t.Errorf("another cluster: %v", d)
	}
	forged := ring(t, other, "c", 2) // trusts us, so that it is our verdict on its certificate as an acceptor
	forged.ca = one.ca
	if _, a := shake(t, forged, one, 1); a == nil || !strings.Contains(a.Error(), "authkey") {
		t.Errorf("another key, dialing: %v", a)
	}
}

// R28: certificates are judged at a constant time. Here every certificate has run out by the machine's clock.
func TestClockDoesNotMatter(t *testing.T) {
	from, to := validFrom, validTo
	defer func() { validFrom, validTo = from, to }()
	validFrom, validTo = verifyAt.Add(-time.Hour), verifyAt.Add(time.Hour)
	const key = "0123456789abcdef0123456789abcdef"
	if d, a := shake(t, ring(t, key, "c", 1), ring(t, key, "c", 2), 2); d != nil || a != nil {
		t.Errorf("%v, %v", d, a)
	}
}

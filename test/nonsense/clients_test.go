package nonsense

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// registrations: a mebibyte of noise as a registration, or behind one, ends that connection and nothing else; four hundred programs register,
// of which none reads, and go without a word: those beyond the bound are refused, the rest come and go.
func (r *rig) registrations(ctx context.Context, t *testing.T) {
	const many, most = 400, 256
	pid := r.daemon(t, 1)
	memory := resident(t, pid)
	log := r.calm(ctx, t, func() {
		for _, body := range []string{string(noise()), `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, `{"name":"` + strings.Repeat("\x1b", 60) + `"}`} {
			conn, status := r.registers(ctx, t, body)
			if status != http.StatusBadRequest {
				t.Errorf("%.20q has status %d", body, status)
			}
			_ = conn.Close()
		}
		conn, status := r.registers(ctx, t, `{"name":"talks"}`)
		if status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		must(t, conn.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
		_, _ = conn.Write(noise()) // nobody takes it, so it does not come to an end
		_ = conn.Close()
		r.nobody(ctx, t)
		began := time.Now()
		conns, accepted := make([]net.Conn, 0, many), 0
		for i := range many {
			conn, status := r.registers(ctx, t, fmt.Sprintf(`{"name":"p%d","after":%d}`, i, i))
			switch conns = append(conns, conn); status {
			case http.StatusOK:
				accepted++
			case http.StatusServiceUnavailable:
			default:
				t.Errorf("program %d has status %d", i, status)
			}
		}
		t.Logf("%d registrations in %s", many, time.Since(began).Round(time.Millisecond))
		if accepted != most {
			t.Errorf("%d programs were accepted, the bound is %d", accepted, most)
		}
		if _, err := r.Node(1).Client().Status(ctx); err != nil {
			t.Errorf("a question beside them: %v", err)
		}
		for _, c := range conns {
			_ = c.Close()
		}
		r.nobody(ctx, t)
	})
	refusals(t, log, 0, 1)
	if now := resident(t, pid); now > memory+64<<10 {
		t.Errorf("the daemon has %d KiB, before it had %d", now, memory)
	}
}

// nobody waits until no program is registered.
func (r *rig) nobody(ctx context.Context, t *testing.T) {
	t.Helper()
	must(t, r.Await(ctx, "all programs to be gone", func() bool {
		s, err := r.Node(1).Client().Status(ctx)
		return err == nil && len(s.Clients) == 0
	}))
}

// registers sends a registration and reads the head of the answer.
func (r *rig) registers(ctx context.Context, t *testing.T, body string) (net.Conn, int) {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", r.Node(1).Socket())
	must(t, err)
	must(t, conn.SetDeadline(time.Now().Add(patience(10*time.Second))))
	fmt.Fprintf(conn, "POST /v1/clients HTTP/1.0\r\nContent-Length: %d\r\n\r\n", len(body))
	_, _ = io.WriteString(conn, body) // it may be refused before it is through
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	_ = resp.Body // the connection is closed by whoever asked
	return conn, resp.StatusCode
}

package api

import (
	"bytes"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// logLines is a log that a test may read while it is written.
type logLines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logLines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func dial(t *testing.T, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(slow(10 * time.Second))); err != nil {
		t.Fatal(err)
	}
	return c
}

// A mebibyte of noise closes its connection and gives one line, however often it comes; so does a question that is never finished. What is
// asked properly, and a connection that says nothing, give none.
func TestNoiseIsRefusedOnce(t *testing.T) {
	log := &logLines{}
	r := start(t, Config{Log: slog.New(slog.NewTextHandler(log, nil))}, 0, func(s *Server) { s.times.head = 300 * time.Millisecond })
	if status, _ := r.raw(t, http.MethodGet, "/v1/status", ""); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	_, _ = io.ReadAll(dial(t, r.path)) // until the server has had enough
	if n := log.count("msg=refused"); n != 0 {
		t.Fatalf("%d refusals before anybody did wrong: %s", n, log.b.String())
	}
	noise := make([]byte, 1<<20)
	_, _ = rand.Read(noise) // never fails
	for range 5 {
		c := dial(t, r.path)
		_, _ = c.Write(noise)         // it may be closed meanwhile
		_, _ = io.Copy(io.Discard, c) // ends when it is closed
		_ = c.Close()
	}
	slowly := dial(t, r.path)
	_, _ = slowly.Write([]byte("GET /v1/status HTTP/1.1\r\nHost:"))
	_, _ = io.Copy(io.Discard, slowly)
	if r.stop() != nil { // the last connection's end is told by then
		t.Error("Serve failed")
	}
	if n := log.count("msg=refused"); n != 1 || log.count(whyNoise) != 1 {
		t.Errorf("%d refusals: %s", n, log.b.String())
	}
	if len(r.node.last()) != 1 {
		t.Error("noise reached the node")
	}
}

// Beyond the bound a caller is refused, with one line for all.
func TestFullIsToldOnce(t *testing.T) {
	log := &logLines{}
	r := start(t, Config{Log: slog.New(slog.NewTextHandler(log, nil))}, 0, nil)
	for range maxConns {
		dial(t, r.path)
	}
	for range 20 {
		if b, _ := io.ReadAll(dial(t, r.path)); !strings.Contains(string(b), "503 ") {
			t.Fatalf("one too many is told %q", b)
		}
	}
	if n := log.count("msg=refused"); n != 1 || log.count(whyFull) != 1 {
		t.Errorf("%d refusals: %s", n, log.b.String())
	}
}

// One line in ten seconds for each user and reason, with how many were not told; many users cannot fill the log either.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logLines{}
		r := refusals{log: slog.New(slog.NewTextHandler(log, nil)), last: map[refusal]told{}}
		for range 1000 {
			r.say(Caller{UID: 7}, whyNoise, "")
			r.say(Caller{UID: 7}, whyFull, "")
		}
		if n := log.count("msg=refused"); n != 2 {
			t.Errorf("%d lines, want 2", n)
		}
		time.Sleep(refusalEvery + time.Second)
		r.say(Caller{UID: 7}, whyNoise, "")
		if log.count("unsaid=999") != 1 {
			t.Errorf("what was not told is not counted: %s", log.b.String())
		}
		for uid := range uint32(10_000) {
			r.say(Caller{UID: uid}, whyNoise, "")
		}
		if n := log.count("msg=refused"); n > maxRefusals+3 || len(r.last) > maxRefusals {
			t.Errorf("%d lines of ten thousand users, %d remembered", n, len(r.last))
		}
	})
}

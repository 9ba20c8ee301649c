package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
)

func TestEventsResumeAndTellGaps(t *testing.T) {
	r := start(t, Config{}, 4, nil)
	for range 10 {
		r.feed.Publish(client.Event{Event: client.EventView})
	}
	ctx, cancel := context.WithTimeout(t.Context(), slow(10*time.Second))
	defer cancel()
	read := func(from client.WatchFrom, enough int) string {
		var got []string
		for e, err := range r.client(t).Watch(ctx, from) {
			var gap *client.GapError
			switch {
			case errors.As(err, &gap):
				got = append(got, fmt.Sprintf("gap%d-%d", gap.After, gap.Next))
			case err != nil:
				t.Fatalf("%v after %v", err, got)
			default:
				got = append(got, fmt.Sprint(e.Seq))
			}
			if len(got) == enough {
				break
			}
		}
		return strings.Join(got, " ")
	}
	for _, x := range []struct {
		from client.WatchFrom
		want string
	}{
		{client.WatchFrom{Seq: 8, Stream: "run-1"}, "9 10"},
		{client.WatchFrom{Seq: 8}, "9 10"},
		{client.WatchFrom{Seq: 0}, "gap0-6 7 8 9 10"},
		{client.WatchFrom{Seq: 2, Stream: "run-1"}, "gap2-6 7 8 9 10"},
		{client.WatchFrom{Seq: 8, Stream: "run-0"}, "gap8-6 7 8 9 10"},
		{client.WatchFrom{Seq: 99, Stream: "run-1"}, "gap99-6 7 8 9 10"},
	} {
		if got := read(x.from, len(strings.Fields(x.want))); got != x.want {
			t.Errorf("from %+v: %s, want %s", x.from, got, x.want)
		}
	}
	// From now on: what comes after the stream began.
	next := r.stream(t, "")
	r.feed.Publish(client.Event{Event: client.EventArm})
	if line := next(); !strings.Contains(line, `"seq":11`) {
		t.Errorf("the first new event is %s", line)
	}
}

// stream opens an event stream and returns a function for its next line that is not empty.
func (r *rig) stream(t *testing.T, query string) func() string {
	t.Helper()
	conn, err := net.Dial("unix", r.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(slow(10 * time.Second)))
	fmt.Fprintf(conn, "GET /v1/events%s HTTP/1.0\r\n\r\n", query)
	in := bufio.NewScanner(conn)
	head := true
	next := func() string {
		for in.Scan() {
			if line := strings.TrimSpace(in.Text()); head && line == "" {
				head = false
			} else if !head && line != "" {
				return line
			}
			if !head && in.Text() == "" {
				continue
			}
		}
		return fmt.Sprintf("end of stream (%v)", in.Err())
	}
	for head && in.Scan() {
		head = in.Text() != ""
	}
	return next
}

func TestAnIdleStreamShowsThatTheDaemonLives(t *testing.T) {
	r := start(t, Config{}, 0, func(s *Server) { s.times.alive = 5 * time.Millisecond })
	conn, err := net.Dial("unix", r.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test's end
	_ = conn.SetDeadline(time.Now().Add(slow(10 * time.Second)))
	fmt.Fprint(conn, "GET /v1/events HTTP/1.0\r\n\r\n")
	in := bufio.NewReader(conn)
	for empty := 0; empty < 4; { // the head's end, the first line, two signs of life
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(line) == "" {
			empty++
		}
	}
}

// A reader who takes nothing costs the deciding loop nothing and is dropped at a bound, while another one sees everything to the end.
func TestASlowReaderIsDroppedAndDelaysNobody(t *testing.T) {
	t.Run("overtaken", func(t *testing.T) { slowReader(t, 64, ErrSlow.Error()) })
	t.Run("takes nothing", func(t *testing.T) { slowReader(t, 8192, "timeout") })
}

func slowReader(t *testing.T, keep int, why string) {
	dropped := make(chan string, 10_000)
	log := slog.New(slog.NewTextHandler(lines(dropped), nil))
	r := start(t, Config{Log: log}, keep, func(s *Server) { s.times.write = slow(time.Second) })
	conn, err := net.Dial("unix", r.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test's end
	fmt.Fprint(conn, "GET /v1/events?from=0 HTTP/1.0\r\nUser-Agent: sleeper\r\n\r\n")
	_ = conn.SetReadDeadline(time.Now().Add(slow(30 * time.Second)))
	if _, err := conn.Read(make([]byte, 1)); err != nil { // the stream is open; from here on nothing is read
		t.Fatal(err)
	}
	other := make(chan uint64, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), slow(time.Minute))
		defer cancel()
		c := client.New(r.path, "reader")
		defer c.Close()
		last := uint64(0)
		for e := range c.Watch(ctx, client.WatchFrom{}) {
			if last = max(last, e.Seq); e.Event == client.EventSummary {
				break
			}
		}
		other <- last
	}()
	text := strings.Repeat("x", maxEventText)
	for range 2000 { // 8 MB, far more than a socket holds
		r.feed.Publish(client.Event{Event: client.EventView, Text: text})
	}
	for limit := time.After(slow(30 * time.Second)); ; {
		select {
		case line := <-dropped:
			if !strings.Contains(line, "event reader dropped") || !strings.Contains(line, "sleeper") {
				continue // the other one may be overtaken too; it comes back
			}
			if keep > 2000 && !strings.Contains(line, why) { // with little kept, whichever bound is met first
				t.Errorf("dropped for another reason than %q: %s", why, line)
			}
		case <-limit:
			t.Fatal("the sleeping reader was not dropped")
		}
		break
	}
	r.feed.Publish(client.Event{Event: client.EventSummary})
	if last := <-other; last != 2001 {
		t.Errorf("the other reader came to %d", last)
	}
}

// lines is a log that a test can wait for.
type lines chan string

func (l lines) Write(p []byte) (int, error) { l <- string(p); return len(p), nil }

func TestStreamsAreBounded(t *testing.T) {
	r := start(t, Config{}, 0, func(s *Server) { s.streams = make(chan struct{}, 1) })
	r.feed.Publish(client.Event{})
	if line := r.stream(t, "?from=0")(); !strings.Contains(line, `"seq":1`) {
		t.Fatalf("first stream: %s", line)
	}
	status, doc := r.raw(t, "GET", "/v1/events", "")
	if status != 503 || doc["code"] != float64(client.CodeTryAgain) {
		t.Errorf("second stream: %d %v", status, doc)
	}
}

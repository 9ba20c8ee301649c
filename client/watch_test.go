package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// script is one connection of a scripted daemon: the query it must see, then what it answers.
type script struct {
	query  string
	stream string
	seq    uint64
	events []uint64
	hang   bool // say nothing more instead of ending
	code   Code // refuse instead
}

func scripted(t *testing.T, scripts ...script) *Client {
	t.Helper()
	next := make(chan script, len(scripts))
	for _, s := range scripts {
		next <- s
	}
	path := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var s script
		select {
		case s = <-next:
		default:
			<-r.Context().Done()
			return
		}
		if got := r.URL.RawQuery; got != s.query {
			t.Errorf("asked %q, want %q", got, s.query)
		}
		if s.code != 0 {
			w.WriteHeader(http.StatusForbidden)
			_ = json.NewEncoder(w).Encode(Errorf(s.code, "refused"))
			return
		}
		w.Header().Set(HeaderStream, s.stream)
		w.Header().Set(HeaderSeq, strconv.FormatUint(s.seq, 10))
		fmt.Fprintln(w)
		for _, n := range s.events {
			_ = json.NewEncoder(w).Encode(Event{API: API, Seq: n, Event: EventView, Stream: s.stream})
		}
		_ = http.NewResponseController(w).Flush()
		if s.hang {
			<-r.Context().Done()
		}
	}))
	return testClient(t, path)
}

// seen watches until enough events or errors came, and writes them down in short.
func seen(t *testing.T, c *Client, from WatchFrom, enough int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), slow(10*time.Second))
	defer cancel()
	var got []string
	for e, err := range c.Watch(ctx, from) {
		var gap *GapError
		switch {
		case errors.As(err, &gap):
			got = append(got, fmt.Sprintf("gap %d-%d %t", gap.After, gap.Next, gap.Restarted))
		case ctx.Err() != nil:
			t.Fatalf("only %v", got)
		case err != nil:
			got = append(got, fmt.Sprintf("code %d", CodeOf(err)))
		default:
			got = append(got, fmt.Sprintf("%s%d", e.Stream, e.Seq))
		}
		if len(got) == enough {
			break
		}
	}
	return got
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestWatchGoesOnWhereItWas(t *testing.T) {
	c := scripted(t,
		script{query: "", stream: "a", seq: 4, events: []uint64{5, 6}},
		script{query: "from=6&stream=a", stream: "a", seq: 6, events: []uint64{6, 7}}, // what was seen is not shown twice
	)
	same(t, seen(t, c, WatchFrom{New: true}, 4), "a5", "a6", "code 102", "a7")
}

func TestWatchTellsGaps(t *testing.T) {
	c := scripted(t,
		script{query: "from=2&stream=a", stream: "a", seq: 5, events: []uint64{6, 9}},          // lost 3 to 5, then 7 and 8
		script{query: "from=9&stream=a", stream: "b", seq: 0, events: []uint64{1}},             // another run
		script{query: "from=1&stream=b", stream: "b", seq: 1, events: []uint64{2}, hang: true}, // the same run
	)
	same(t, seen(t, c, WatchFrom{Seq: 2, Stream: "a"}, 9),
		"gap 2-5 false", "a6", "gap 6-8 false", "a9", "code 102", "gap 9-0 true", "b1", "code 102", "b2")
}

func TestWatchNoticesSilence(t *testing.T) {
	c := scripted(t,
		script{query: "from=0", stream: "a", events: []uint64{1}, hang: true},
		script{query: "from=1&stream=a", stream: "a", seq: 1, events: []uint64{2}, hang: true},
	)
	c.silence = 50 * time.Millisecond
	same(t, seen(t, c, WatchFrom{}, 3), "a1", "code 102", "a2")
}

func TestWatchEndsWhereAskingAgainCannotHelp(t *testing.T) {
	for _, code := range []Code{CodeNotPermitted, CodeUsage} {
		c := scripted(t, script{code: code})
		n := 0
		for _, err := range c.Watch(t.Context(), WatchFrom{New: true}) {
			if n++; CodeOf(err) != code {
				t.Errorf("%v", err)
			}
		}
		if n != 1 {
			t.Errorf("%d results after code %d", n, code)
		}
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	c := scripted(t, script{query: "", stream: "a", hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	var last error
	for _, err := range c.Watch(ctx, WatchFrom{New: true}) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("ended with %v", last)
	}
}

func TestWatchRefusesWhatDoesNotStream(t *testing.T) {
	path := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "{}") }))
	for _, err := range testClient(t, path).Watch(t.Context(), WatchFrom{New: true}) {
		if CodeOf(err) != CodeUsage {
			t.Fatalf("%v", err)
		}
	}
}

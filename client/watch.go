package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The heads of an event stream's answer: which run of the daemon, and after which number the answer begins.
const (
	HeaderStream = "Fenced-Stream"
	HeaderSeq    = "Fenced-Seq"
)

// Bounds of a watch.
const (
	maxLine        = 1 << 20          // bytes of one event
	defaultSilence = 15 * time.Second // the daemon sends at least an empty line every five seconds
	firstBackoff   = 100 * time.Millisecond
	lastBackoff    = 2 * time.Second
)

// WatchFrom says where a watch begins.
type WatchFrom struct {
	// Seq: after this number of Stream; 0 is everything that the daemon still has. Stream "" means the daemon's present run.
	Seq    uint64
	Stream string
	// New: only what happens from now on; Seq and Stream are ignored.
	New bool
}

// GapError says that events were missed and cannot be had any more. The watch goes on; whoever derived a state from events should ask for
// Status or Show again.
type GapError struct {
	// After is the number of the last event seen, Next that after which the watch goes on; Restarted says that they belong to different runs.
	After, Next uint64
	Restarted   bool
}

// Error says how many are missing, as far as that can be known.
func (e *GapError) Error() string {
	if e.Restarted {
		return "the daemon was restarted: events may be missing"
	}
	return fmt.Sprintf("%d events are missing after number %d", e.Next-e.After, e.After)
}

// Watch yields events in order, each once, until ctx ends or the caller breaks. It connects again by itself: an error that is yielded is
// told for information and the watch goes on (*GapError: events were missed; CodeUnreachable, CodeTryAgain: connecting again), but for the
// last one: a context's error, or an *Error that repeating cannot heal (not permitted, usage).
func (c *Client) Watch(ctx context.Context, from WatchFrom) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		w := &watch{client: c, from: from, yield: yield}
		backoff := firstBackoff
		for {
			got, err := w.once(ctx)
			switch {
			case w.stopped:
				return
			case ctx.Err() != nil:
				yield(Event{}, ctx.Err())
				return
			case fatal(err):
				yield(Event{}, err)
				return
			}
			if got {
				backoff = firstBackoff
			}
			if !yield(Event{}, err) {
				return
			}
			select {
			case <-time.After(backoff):
			case <-ctx.Done():
				yield(Event{}, ctx.Err())
				return
			}
			backoff = min(2*backoff, lastBackoff)
		}
	}
}

// fatal tells the errors that asking again cannot heal.
func fatal(err error) bool {
	switch CodeOf(err) {
	case CodeNotPermitted, CodeUsage:
		return true
	}
	return false
}

// watch is the place of one reader.
type watch struct {
	client  *Client
	from    WatchFrom
	yield   func(Event, error) bool
	stopped bool // the caller has had enough
}

// once reads one connection to its end. It reports whether any event came, and why the connection ended.
func (w *watch) once(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	alive := time.AfterFunc(w.client.silence, cancel)
	defer alive.Stop()

	v := url.Values{}
	if !w.from.New {
		v.Set("from", strconv.FormatUint(w.from.Seq, 10))
		if w.from.Stream != "" {
			v.Set("stream", w.from.Stream)
		}
	}
	resp, err := w.client.send(ctx, http.MethodGet, "/v1/events?"+v.Encode(), nil)
	if err != nil {
		return false, quiet(err, w.client.socket)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, maxLine)) // what came of the reason is all there is
		return false, answered(resp.StatusCode, b)
	}
	if err := w.begin(resp.Header); err != nil || w.stopped {
		return false, err
	}
	return w.lines(ctx, resp.Body, alive)
}

// begin compares where the daemon begins with where this reader is.
func (w *watch) begin(h http.Header) error {
	stream := h.Get(HeaderStream)
	seq, err := strconv.ParseUint(h.Get(HeaderSeq), 10, 64)
	if err != nil || stream == "" {
		return Errorf(CodeUsage, "what answers at %s does not stream events", w.client.socket)
	}
	restarted := w.from.Stream != "" && w.from.Stream != stream
	if !w.from.New && (restarted || seq != w.from.Seq) {
		w.stopped = !w.yield(Event{}, &GapError{After: w.from.Seq, Next: seq, Restarted: restarted || seq < w.from.Seq})
	}
	w.from = WatchFrom{Seq: seq, Stream: stream}
	return nil
}

// lines reads events until the stream ends. Every line, also an empty one, shows that the daemon lives.
func (w *watch) lines(ctx context.Context, r io.Reader, alive *time.Timer) (bool, error) {
	got := false
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	for in.Scan() {
		alive.Reset(w.client.silence)
		line := bytes.TrimSpace(in.Bytes())
		if len(line) == 0 {
			continue
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return got, Errorf(CodeUnreachable, "cannot read an event from %s: %v", w.client.socket, err)
		}
		if e.Seq <= w.from.Seq {
			continue // seen before
		}
		if e.Seq != w.from.Seq+1 && !w.yield(Event{}, &GapError{After: w.from.Seq, Next: e.Seq - 1}) {
			w.stopped = true
			return got, nil
		}
		got, w.from.Seq = true, e.Seq
		if !w.yield(e, nil) {
			w.stopped = true
			return got, nil
		}
	}
	err := in.Err()
	switch {
	case err == nil:
		err = errors.New("the daemon ended the stream")
	case ctx.Err() != nil:
		err = fmt.Errorf("silent for %s", w.client.silence)
	}
	return got, wrap(CodeUnreachable, err, "lost the event stream of fenced at %s: %v", w.client.socket, err)
}

// quiet turns the cancellation by this package's own timer into what it means; the caller's own context is looked at before.
func quiet(err error, socket string) error {
	if errors.Is(err, context.Canceled) {
		return Errorf(CodeUnreachable, "fenced at %s is silent", socket)
	}
	return err
}

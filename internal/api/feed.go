package api

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/fenced-project/fenced/client"
)

// FeedKeep is how many events a feed keeps by default: what a reader may lag behind or be away for without a gap.
const FeedKeep = 8192

// ErrSlow ends a reader that the feed has overtaken.
var ErrSlow = errors.New("reader did not keep up with the events")

// Feed numbers the daemon's events and keeps the newest of them. Readers hold a place in it and fetch: nobody who publishes ever waits
// for somebody who reads, and a reader that falls behind by more than the feed keeps has lost its place.
type Feed struct {
	node   string
	stream string

	mu   sync.Mutex
	ring []client.Event
	last uint64        // number of the newest event, 0 before the first
	more chan struct{} // closed and replaced when an event is published
}

// NewFeed makes the feed of one run of one daemon: node is its name, stream its instance id, keep how many events are kept (FeedKeep if 0).
func NewFeed(node, stream string, keep int) *Feed {
	if keep <= 0 {
		keep = FeedKeep
	}
	return &Feed{node: node, stream: stream, ring: make([]client.Event, keep), more: make(chan struct{})}
}

// Rename changes the name under which events are recorded from now on.
func (f *Feed) Rename(node string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.node = node
}

// Publish gives an event its number, its stream and its time where it has none, keeps it and returns the number. It never waits: the
// deciding loop may call it. The event must not be changed afterwards.
func (f *Feed) Publish(e client.Event) uint64 {
	e.API, e.Stream = client.API, f.stream
	if e.At.IsZero() {
		e.At = client.At(time.Now())
	}
	if len(e.Text) > maxEventText {
		e.Text = strings.ToValidUTF8(e.Text[:maxEventText], "")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	e.By = f.node
	f.last++
	e.Seq = f.last
	f.ring[e.Seq%uint64(len(f.ring))] = e
	close(f.more)
	f.more = make(chan struct{})
	return e.Seq
}

// Last is the number of the newest event, 0 before the first.
func (f *Feed) Last() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// Stream is the name of the run that the numbers belong to.
func (f *Feed) Stream() string { return f.stream }

// oldest is the number of the oldest event that is still kept, or of the next one when there is none. Called with the lock held.
func (f *Feed) oldest() uint64 {
	if n := uint64(len(f.ring)); f.last > n {
		return f.last - n + 1
	}
	return 1
}

// start returns the number after which a reader that has seen `from` of `stream` reads on: another stream, or a place that is not kept
// any more or does not exist yet, starts at the oldest event kept, and the reader sees the gap in the numbers.
func (f *Feed) start(stream string, from uint64) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if stream != "" && stream != f.stream || from > f.last || from+1 < f.oldest() {
		return f.oldest() - 1
	}
	return from
}

// next returns at most limit events after number `after`, waiting for one until ctx ends. ErrSlow when the next one is not kept any more.
func (f *Feed) next(ctx context.Context, after uint64, limit int) ([]client.Event, error) {
	for {
		f.mu.Lock()
		if after+1 < f.oldest() {
			f.mu.Unlock()
			return nil, ErrSlow
		}
		var out []client.Event
		for n := after + 1; n <= f.last && len(out) < limit; n++ {
			out = append(out, f.ring[n%uint64(len(f.ring))])
		}
		more := f.more
		f.mu.Unlock()
		if len(out) > 0 {
			return out, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

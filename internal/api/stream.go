package api

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/fenced-project/fenced/client"
)

// StreamKeep is how many notices may wait for a client's connection by default. It is more than one turn of the deciding loop can bring.
const StreamKeep = 2048

// Why a stream brings no more although it is not at its end.
var (
	errCut  = errors.New("it did not keep up with what it was told")
	errLate = errors.New("what it was to be told was not true any more: this node stood still, or the client did not read")
)

// Tale is one notice on its way.
type Tale struct {
	client.Notice
	// UntilMS is when it is not true any more, by the clock of the stream; 0 for never. It is not brought then, and nothing after it: this process
	// may have been stopped since somebody decided it (S5.16).
	UntilMS int64
}

// Stream is the way from the deciding loop to the connection of one registered client. Who tells never waits: the loop may call Tell, End and
// Cut. One goroutine takes.
type Stream struct {
	id   uint64
	keep int
	now  func() int64

	mu    sync.Mutex
	queue []Tale
	seq   uint64
	ended bool          // nothing is added any more
	wake  chan struct{} // has room for one: there is something new to look at
	cut   chan struct{} // closed by Cut
}

// NewStream makes the stream of client id, which keeps at most keep notices (StreamKeep if 0) that were not taken. now is the node's clock in
// milliseconds.
func NewStream(id uint64, keep int, now func() int64) *Stream {
	if keep <= 0 {
		keep = StreamKeep
	}
	return &Stream{id: id, keep: keep, now: now, wake: make(chan struct{}, 1), cut: make(chan struct{})}
}

// Tell adds a notice and gives it its number. It reports false when it cannot: the stream is over or its bound is reached. There is no way to go
// on after that, for a notice would be missing: Cut it.
func (s *Stream) Tell(n Tale) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || len(s.queue) >= s.keep {
		return false
	}
	s.seq++
	n.API, n.Client, n.Seq = client.API, s.id, s.seq
	s.queue = append(s.queue, n)
	s.look()
	return true
}

// End ends the stream after what was told before.
func (s *Stream) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.look()
}

// Cut ends the stream at once; what was not taken is lost, and a connection that takes nothing is closed.
func (s *Stream) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended, s.queue = true, nil
	select {
	case <-s.cut:
	default:
		close(s.cut)
	}
}

func (s *Stream) look() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// next takes at most limit notices, waiting for one until ctx ends. io.EOF after the last one, errCut after Cut.
func (s *Stream) next(ctx context.Context, limit int) ([]Tale, error) {
	for {
		out, err := s.take(limit)
		if len(out) > 0 || err != nil {
			return out, err
		}
		select {
		case <-s.wake:
		case <-s.cut:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *Stream) take(limit int) ([]Tale, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.cut:
		return nil, errCut
	default:
	}
	if len(s.queue) == 0 && s.ended {
		return nil, io.EOF
	}
	n := min(limit, len(s.queue))
	out := s.queue[:n:n]
	if s.queue = s.queue[n:]; len(s.queue) == 0 {
		s.queue = nil
	}
	return out, nil
}

// late reports whether one of them is not true any more. It is asked as the last thing before they are brought.
func (s *Stream) late(tales []Tale) bool {
	now := s.now()
	return slices.ContainsFunc(tales, func(t Tale) bool { return t.UntilMS != 0 && now >= t.UntilMS })
}

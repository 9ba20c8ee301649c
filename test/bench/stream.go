package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fenced-project/fenced/client"
)

// heard is an event and when it reached this program: the clock of all figures is this program's own.
type heard struct {
	client.Event
	at time.Time
}

// stream is what one node says, over all its lives.
type stream struct {
	cancel context.CancelFunc
	ended  sync.WaitGroup

	mu     sync.Mutex
	events []heard
	lost   error
	more   chan struct{} // closed and replaced at every change
}

// follow begins to read the node's events; they are all kept.
func (n *node) follow() {
	ctx, cancel := context.WithCancel(context.Background())
	s := &stream{cancel: cancel, more: make(chan struct{})}
	n.stream = s
	s.ended.Go(func() { // ends with unfollow
		for e, err := range n.client.Watch(ctx, client.WatchFrom{}) {
			var gap *client.GapError
			switch {
			case ctx.Err() != nil:
				return
			case errors.As(err, &gap) && !gap.Restarted:
				s.add(heard{}, fmt.Errorf("%s: %w", n.name, err))
			case err == nil:
				s.add(heard{Event: e, at: time.Now()}, nil)
			}
		}
	})
}

func (n *node) unfollow() {
	if n.stream == nil {
		return
	}
	n.cancel()
	n.stream.ended.Wait()
}

func (s *stream) add(h heard, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.lost = err
	} else {
		s.events = append(s.events, h)
	}
	close(s.more)
	s.more = make(chan struct{})
}

// mark is how many events there are now; what comes later is searched from there.
func (s *stream) mark() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events)
}

// await returns the first event behind a mark that is wanted.
func (s *stream) await(ctx context.Context, mark int, what string, want func(client.Event) bool) (heard, error) {
	for {
		s.mu.Lock()
		events, lost, more := s.events[mark:], s.lost, s.more
		s.mu.Unlock()
		for _, e := range events {
			if want(e.Event) {
				return e, nil
			}
		}
		mark += len(events)
		if lost != nil {
			return heard{}, lost
		}
		select {
		case <-more:
		case <-ctx.Done():
			return heard{}, fmt.Errorf("waited in vain for %s: %w", what, ctx.Err())
		}
	}
}

// of matches the events of one word in one operation.
func of(word string, operation uint64) func(client.Event) bool {
	return func(e client.Event) bool { return e.Event == word && e.Operation == operation }
}

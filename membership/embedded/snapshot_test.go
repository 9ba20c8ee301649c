package embedded

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/membership"
)

// An empty answer of the reader makes no snapshot: it would take the place of the log, and what the log remembers would be forgotten.
func TestSnapshotWithoutTheReadersStateIsRefused(t *testing.T) {
	b := newBook()
	b.push = func(e membership.Event) {
		if w, ok := e.(membership.SnapshotWanted); ok {
			w.Reply <- nil
		}
	}
	snap, err := b.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	sink := &cancelledSink{}
	if err := snap.Persist(sink); err == nil || !strings.Contains(err.Error(), "no state") {
		t.Errorf("a snapshot without the reader's state: %v", err)
	}
	if !sink.cancelled || sink.closed || sink.Len() != 0 {
		t.Errorf("cancelled %v, closed %v, %d bytes", sink.cancelled, sink.closed, sink.Len())
	}
}

type cancelledSink struct {
	bytes.Buffer
	cancelled, closed bool
}

func (s *cancelledSink) ID() string    { return "test" }
func (s *cancelledSink) Cancel() error { s.cancelled = true; return nil }
func (s *cancelledSink) Close() error  { s.closed = true; return nil }

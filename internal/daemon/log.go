package daemon

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Logger returns a logger whose writes never block the loop, and a function that ends it after what is queued was written (or its queue
// could not be). Format is text or json. Beyond logQueue lines that wait for a slow writer, lines are dropped and their number is told (S4.10).
func Logger(w io.Writer, format string, level slog.Leveler) (*slog.Logger, func()) {
	q := &logQueue{lines: make(chan []byte, logLines), done: make(chan struct{}), w: w}
	var h slog.Handler
	opts := &slog.HandlerOptions{Level: level}
	if format == "json" {
		h = slog.NewJSONHandler(q, opts)
	} else {
		h = slog.NewTextHandler(q, opts)
	}
	go q.write()
	return slog.New(quiet{h}), q.close
}

// logLines bounds how many lines wait for a slow writer.
const logLines = 4096

// logQueue is an io.Writer that never waits.
type logQueue struct {
	w       io.Writer
	lines   chan []byte
	done    chan struct{}
	dropped atomic.Uint64
	mu      sync.RWMutex
	closed  bool
}

// Write queues one line; slog calls it with whole lines.
func (q *logQueue) Write(b []byte) (int, error) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return len(b), nil
	}
	select {
	case q.lines <- append([]byte(nil), b...):
	default:
		q.dropped.Add(1)
	}
	return len(b), nil
}

func (q *logQueue) write() {
	defer close(q.done)
	for line := range q.lines {
		_, _ = q.w.Write(line) // nobody could be told
		if n := q.dropped.Swap(0); n > 0 {
			slog.New(slog.NewTextHandler(q.w, nil)).Warn("log lines dropped: the writer did not keep up", "lines", n)
		}
	}
}

func (q *logQueue) close() {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.lines)
	}
	q.mu.Unlock()
	select {
	case <-q.done:
	case <-time.After(logRest): // the writer hangs: what it has not taken is lost, and the daemon ends all the same
	}
}

// logRest is how long the end of a daemon waits for its last lines.
const logRest = 2 * time.Second

// quiet never tells of a failed write: there is nobody to tell.
type quiet struct{ slog.Handler }

func (h quiet) Handle(ctx context.Context, r slog.Record) error {
	_ = h.Handler.Handle(ctx, r)
	return nil
}

// WithAttrs and WithGroup keep the wrapping.
func (h quiet) WithAttrs(as []slog.Attr) slog.Handler { return quiet{h.Handler.WithAttrs(as)} }

// WithGroup keeps the wrapping.
func (h quiet) WithGroup(name string) slog.Handler { return quiet{h.Handler.WithGroup(name)} }

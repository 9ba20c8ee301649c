package residual

import (
	"context"
	"sync"
	"time"
)

// Waiting keeps one process that has been started and waits to be asked, so that a scan costs its probes and not the start of a program. Each scan uses the
// process up, and another is started behind it. A process that has ended meanwhile, hangs or fails is no loss but of that time: the scan
// starts one as it would without (job). It is the program's own: what it looks at comes with the question.
//
// A nil Waiting keeps none.
type Waiting struct {
	program []string
	mu      sync.Mutex
	spare   *helper
	filling bool
	filled  chan struct{} // closed, and another made, when spare was
	closed  bool
	wg      sync.WaitGroup // processes that were started and have not been waited for, and whoever is starting one
}

// Keep returns a Waiting that starts the program (Options.Helper) as it is needed, the first one now, and returns without waiting for it.
func Keep(program []string) *Waiting {
	w := &Waiting{program: program, filled: make(chan struct{})}
	w.fill()
	return w
}

// fill starts a process behind the caller's back, where none waits.
func (w *Waiting) fill() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.filling || w.spare != nil && !w.spare.hasEnded() {
		return
	}
	w.filling = true
	w.wg.Go(func() {
		h, err := startHelper(w.program)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.filling = false; err != nil {
			return // the next scan starts one itself, and says what keeps it
		}
		w.follow(h)
		if w.spare = h; w.closed {
			w.spare = nil
			h.abandon()
		}
		close(w.filled)
		w.filled = make(chan struct{})
	})
}

// start starts a process for a scan that has none.
func (w *Waiting) start(program []string) (*helper, error) {
	h, err := startHelper(program)
	if err == nil && w != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.closed {
			w.follow(h)
		}
	}
	return h, err
}

// follow has Close wait for a process.
func (w *Waiting) follow(h *helper) { w.wg.Go(func() { <-h.gone }) }

// take hands over the process that waits; nil where there is none.
func (w *Waiting) take() *helper {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.spare
	w.spare = nil
	return h
}

// Ready returns when a process waits, or ctx ends. Nobody has to ask: it is for who measures.
func (w *Waiting) Ready(ctx context.Context) error {
	for {
		w.mu.Lock()
		h, filled := w.spare, w.filled
		w.mu.Unlock()
		if h != nil {
			select {
			case <-h.waits:
			case <-ctx.Done():
				return ctx.Err()
			}
			if !h.hasEnded() {
				return nil
			}
		}
		select {
		case <-filled:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// maxReap bounds how long Close waits for processes that were killed: one that hangs in the kernel is left behind.
const maxReap = time.Second

// Close ends the process that waits, and waits a second at most until it and all that were started for a scan are gone, so that neither a process
// nor a zombie is left to a program that takes this one's place (exec). No scan runs any more.
func (w *Waiting) Close() {
	w.mu.Lock()
	w.closed = true
	h := w.spare
	w.spare = nil
	w.mu.Unlock()
	if h != nil {
		h.abandon()
	}
	gone := make(chan struct{})
	go func() { w.wg.Wait(); close(gone) }()
	timer := time.NewTimer(maxReap)
	defer timer.Stop()
	select {
	case <-gone:
	case <-timer.C:
	}
}

package store

import (
	"fmt"
	"sync/atomic"
	"time"
)

// lane lets one write at a time through and gives up waiting for it at a deadline. The write itself cannot be called back: a process in a
// disk's D state ends when the disk answers. Until then the lane is poisoned and refuses at once, so at most one goroutine hangs for each
// lane, however long the disk does.
type lane struct {
	busy atomic.Bool
}

// do runs fn in a goroutine of its own and waits for it at most limit.
func (l *lane) do(what string, limit time.Duration, fn func() error) error {
	if !l.busy.CompareAndSwap(false, true) {
		return fmt.Errorf("cannot write %s: %w: an earlier write has not returned", what, ErrSlow)
	}
	done := make(chan error, 1)
	go func() {
		err := fn()
		l.busy.Store(false) // before the answer: who has the answer may write again at once
		done <- err
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("cannot write %s: %w: no answer within %s", what, ErrSlow, limit)
	}
}

// poisoned reports whether a write is under way that may have passed its deadline.
func (l *lane) poisoned() bool { return l.busy.Load() }

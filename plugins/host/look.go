package host

import (
	"context"
	"errors"
	"sync"
)

// manner is how a call is made.
type manner int

const (
	reads manner = iota
	acts         // it may switch: where it overruns, the process is killed at once
	looks        // it gives way to every other
)

// ErrGaveWay is what a Look comes to that was ended for something real, or never began; it says nothing about the device.
var ErrGaveWay = &CallError{Class: ClassTimeout, Text: "it gave way to something real"}

// crossing lets looks at one device give way to everything else.
type crossing struct {
	mu    sync.Mutex
	calls int // others that are at the device
	looks map[*look]bool
}

type look struct {
	cancel context.CancelCauseFunc
	gone   chan struct{}
}

// enter lets a call go to its device; leave must follow when it has returned. A look is refused while others are there. Anything else ends the
// looks first and waits until the plugin was told so, which takes no time of the device's.
func (c *crossing) enter(ctx context.Context, how manner) (_ context.Context, leave func(), err error) {
	c.mu.Lock()
	if how != looks {
		c.calls++
		var ending []*look
		for l := range c.looks {
			l.cancel(ErrGaveWay)
			ending = append(ending, l)
		}
		c.mu.Unlock()
		for _, l := range ending {
			select {
			case <-l.gone:
			case <-ctx.Done():
			}
		}
		return ctx, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.calls--
		}, nil
	}
	defer c.mu.Unlock()
	if c.calls > 0 {
		return ctx, nil, ErrGaveWay
	}
	l := &look{gone: make(chan struct{})}
	ctx, l.cancel = context.WithCancelCause(ctx)
	if c.looks == nil {
		c.looks = map[*look]bool{}
	}
	c.looks[l] = true
	return ctx, func() {
		c.mu.Lock()
		delete(c.looks, l)
		c.mu.Unlock()
		close(l.gone) // and no cancel here: it would look as if it had given way; the caller's own ends ctx
	}, nil
}

// yields reports whether a look was ended before its deadline.
func yields(ctx context.Context, how manner) bool {
	return how == looks && errors.Is(ctx.Err(), context.Canceled)
}

package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// slot holds one opened device: at most limit calls at once, and the device is closed only after its last call has returned.
type slot struct {
	dev   Device
	limit chan struct{}

	mu      sync.Mutex
	users   int
	retired bool
}

// enter waits for a free place until ctx ends; then the request is dropped and the device never sees it.
func (s *slot) enter(ctx context.Context) error {
	s.mu.Lock()
	if s.retired {
		s.mu.Unlock()
		return Refused(errors.New("the device was closed"))
	}
	s.users++
	s.mu.Unlock()
	select {
	case s.limit <- struct{}{}:
		if ctx.Err() == nil {
			return nil
		}
		<-s.limit // both were ready: the deadline wins
	case <-ctx.Done():
	}
	s.done()
	return Timeout(errors.New("the deadline passed while earlier calls to this device went on"))
}

func (s *slot) leave() {
	<-s.limit
	s.done()
}

func (s *slot) done() {
	s.mu.Lock()
	s.users--
	last := s.retired && s.users == 0
	s.mu.Unlock()
	if last {
		closeDevice(s.dev)
	}
}

// retire closes the device now, or when its last call returns.
func (s *slot) retire() {
	s.mu.Lock()
	last := !s.retired && s.users == 0
	s.retired = true
	s.mu.Unlock()
	if last {
		closeDevice(s.dev)
	}
}

func closeDevice(d Device) {
	c, ok := d.(io.Closer)
	if !ok {
		return
	}
	if err := guard(c.Close); err != nil {
		fmt.Fprintf(os.Stderr, "cannot close device: %v\n", err)
	}
}

// guard runs the vendor's code; a panic becomes an error of class unknown and a stack on stderr, and the process lives.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(os.Stderr, "panic in plugin: %v\n%s", r, debug.Stack())
			err = classify(ClassUnknown, fmt.Errorf("panic in plugin: %v", r))
		}
	}()
	return f()
}

// longest bounds a call whose host sent no deadline.
const longest = 60 * time.Second

// bound gives ctx the request's own deadline, an instant of CLOCK_BOOTTIME: a request that was read too late is dropped (R9).
func bound(ctx context.Context, deadlineMS int64) (context.Context, context.CancelFunc, error) {
	left := longest
	if deadlineMS != 0 {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
			return nil, nil, fmt.Errorf("cannot read CLOCK_BOOTTIME: %w", err)
		}
		left = min(longest, time.Duration(deadlineMS)*time.Millisecond-time.Duration(now.Nano()))
	}
	if left <= 0 || ctx.Err() != nil {
		return nil, nil, Timeout(errors.New("the request was read after its deadline and dropped"))
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	return ctx, cancel, nil
}

package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

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

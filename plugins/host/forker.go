package host

import (
	"context"
	"errors"
	"runtime"
)

// forker runs jobs on one OS thread that lives as long as the host. Pdeathsig follows the thread that forked: started from any goroutine, a
// plugin would be killed whenever Go retires that goroutine's thread; started from here, exactly when this process dies.
type forker struct {
	jobs chan func()
	done chan struct{}
}

func newForker() *forker { return &forker{jobs: make(chan func()), done: make(chan struct{})} }

// run is the goroutine; it returns when the host closes, after its plugins are dead. It never unlocks: the thread ends with it.
func (f *forker) run() {
	runtime.LockOSThread()
	for {
		select {
		case job := <-f.jobs:
			job()
		case <-f.done:
			return
		}
	}
}

var errClosed = errors.New("the plugin host is closed")

// do runs job on the thread and waits for it; jobs are short (one fork).
func (f *forker) do(ctx context.Context, job func() error) error {
	result := make(chan error, 1)
	select {
	case f.jobs <- func() { result <- job() }:
		return <-result
	case <-ctx.Done():
		return ctx.Err()
	case <-f.done:
		return errClosed
	}
}

package corosync

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

// Watcher is a client of one node's corosync that joins a group and keeps everything it is told, in order.
type Watcher struct {
	Node *Node

	mu      sync.Mutex
	changed chan struct{}
	group   []libcorosync.GroupEvent
	quorum  []libcorosync.QuorumEvent
	err     error // why it ended

	calls chan func(*libcorosync.Group)
	stop  chan struct{}
	done  chan struct{}
}

// Watch joins a group on a node as soon as its corosync lets it, and watches until the test or the corosync ends.
func (n *Node) Watch(group string) *Watcher {
	n.c.t.Helper()
	w := &Watcher{Node: n, changed: make(chan struct{}), calls: make(chan func(*libcorosync.Group)), stop: make(chan struct{}), done: make(chan struct{})}
	joined := make(chan error, 1)
	go func() {
		defer close(w.done)
		if err := n.Enter(); err != nil {
			joined <- err
			return
		}
		w.run(group, joined)
	}()
	must(n.c.t, <-joined)
	n.c.t.Cleanup(w.Close)
	return w
}

// Retry calls until a call succeeds or fails for another reason than that corosync is not ready.
func Retry(f func() error) error {
	deadline := time.Now().Add(Slow(20 * time.Second))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		var s libcorosync.Status
		if err == nil || !errors.As(err, &s) || s != libcorosync.TryAgain && s != libcorosync.Library || time.Now().After(deadline) {
			return err
		}
		<-tick.C
	}
}

func (w *Watcher) run(group string, joined chan<- error) {
	var g *libcorosync.Group
	var q *libcorosync.Quorum
	err := Retry(func() (err error) { g, err = libcorosync.OpenGroup(); return err })
	if err != nil {
		joined <- err
		return
	}
	defer g.Close()
	if err = Retry(func() (err error) { q, err = libcorosync.OpenQuorum(); return err }); err != nil {
		joined <- err
		return
	}
	defer q.Close()
	err = Retry(func() error { return g.Join(group) })
	gfd, gerr := g.FD()
	qfd, qerr := q.FD()
	if err = errors.Join(err, gerr, qerr); err != nil {
		joined <- err
		return
	}
	joined <- nil
	w.end(w.loop(g, q, gfd, qfd))
}

// loop dispatches until it is closed or the connection breaks.
func (w *Watcher) loop(g *libcorosync.Group, q *libcorosync.Quorum, gfd, qfd int) error {
	for {
		fds := []unix.PollFd{{Fd: int32(gfd), Events: unix.POLLIN}, {Fd: int32(qfd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, 20); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		ge, _, gerr := g.Dispatch()
		qe, _, qerr := q.Dispatch()
		if len(ge)+len(qe) > 0 {
			w.add(ge, qe)
		}
		if err := errors.Join(gerr, qerr); err != nil {
			return err
		}
		select {
		case call := <-w.calls:
			call(g)
		case <-w.stop:
			return nil
		default:
		}
	}
}

func (w *Watcher) add(g []libcorosync.GroupEvent, q []libcorosync.QuorumEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.group, w.quorum = append(w.group, g...), append(w.quorum, q...)
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *Watcher) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	close(w.changed)
	w.changed = make(chan struct{})
}

// Call runs a function with the connection, between two dispatches.
func (w *Watcher) Call(f func(*libcorosync.Group) error) error {
	r := make(chan error, 1)
	select {
	case w.calls <- func(g *libcorosync.Group) { r <- f(g) }:
		return <-r
	case <-w.done:
		return errors.New("the watcher has ended")
	}
}

// Close ends the connection without a leave. It may be called twice.
func (w *Watcher) Close() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	<-w.done
}

// Log is what a watcher has seen.
type Log struct {
	Group  []libcorosync.GroupEvent
	Quorum []libcorosync.QuorumEvent
	Err    error
}

// Mark is the number of events so far, for Since.
func (w *Watcher) Mark() (group, quorum int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.group), len(w.quorum)
}

// Await waits until what was seen satisfies a condition; it fails the test with what was seen instead.
func (w *Watcher) Await(what string, ok func(Log) bool) {
	w.Node.c.t.Helper()
	deadline := time.After(Slow(30 * time.Second))
	for {
		w.mu.Lock()
		l, changed := Log{w.group, w.quorum, w.err}, w.changed
		w.mu.Unlock()
		if ok(l) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			w.Node.c.t.Fatalf("%s: no %s in time; the group's events: %s; the quorum service's: %s; error: %v", w.Node.Name(), what, tail(l.Group), tail(l.Quorum), l.Err)
		}
	}
}

func tail[T any](events []T) string {
	s := ""
	for _, e := range events[max(0, len(events)-6):] {
		s += fmt.Sprintf("\n  %T%+v", e, e)
	}
	return s
}

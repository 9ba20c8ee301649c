package engine

import (
	"sync"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

// Event is one of the types below.
type Event interface{ event() }

// Ref says which operation an event is about.
type Ref struct {
	Victim fence.Incarnation
	Claim  uint64
}

// Progress tells where an operation is. It may be lost (Dropped).
type Progress struct {
	Ref
	operation.Progress
}

// Tried tells of an attempt that has ended. It may be lost (Dropped); the result has it too.
type Tried struct {
	Ref
	operation.Attempt
}

// Finished is told once for every operation that was started.
type Finished struct {
	Ref
	Result operation.Result
	// Quiet says that no call of this operation is in flight. Otherwise InFlight are, each until its deadline and what the device needs to
	// notice it, and Returned follows when they are not. A verdict does not wait for them; power-on and admission do (R9), and also until
	// Result.EffectUntilMS.
	Quiet    bool
	InFlight int
}

// Returned follows a Finished that was not quiet: now every call has returned.
type Returned struct{ Ref }

func (Progress) event() {}
func (Tried) event()    {}
func (Finished) event() {}
func (Returned) event() {}

// outbox keeps events between the operations, which never wait, and Report, which may.
type outbox struct {
	bound int
	wake  chan struct{}

	mu      sync.Mutex
	queue   []Event
	light   int // events in queue that may be lost
	dropped uint64
	closed  bool
}

func newOutbox(bound int) *outbox { return &outbox{bound: bound, wake: make(chan struct{}, 1)} }

// add puts an event in the queue. It never blocks. What must not be lost is bounded by the number of operations: two for each.
func (b *outbox) add(ev Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch ev.(type) {
	case Progress, Tried:
		if b.light >= b.bound {
			b.dropped++
			return
		}
		b.light++
	}
	b.queue = append(b.queue, ev)
	b.signal()
}

// close lets deliver end when the queue is empty.
func (b *outbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.signal()
}

func (b *outbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *outbox) droppedCount() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

// deliver reports events in order until the outbox is closed and empty.
func (b *outbox) deliver(report func(Event)) {
	for {
		ev, closed := b.pop()
		if ev != nil {
			report(ev)
			continue
		}
		if closed {
			return
		}
		<-b.wake
	}
}

func (b *outbox) pop() (Event, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		return nil, b.closed
	}
	ev := b.queue[0]
	b.queue[0] = nil
	b.queue = b.queue[1:]
	switch ev.(type) {
	case Progress, Tried:
		b.light--
	}
	return ev, false
}

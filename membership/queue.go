package membership

import "sync"

// QueueLimit is how many events a provider keeps for a reader that does not read (each is small; entries dominate). Beyond it the sequence
// cannot be kept: Push says false, and the provider must take this node, and only this node, out of service.
const QueueLimit = 1 << 16

// Queue is the ordered way from a provider to its reader. Push never blocks, so that a stalled reader stalls nobody else.
// Presence is folded while it waits: one Heard for each member and one LeaseRenewed, the newest; nothing else is ever dropped or reordered.
type Queue struct {
	mu     sync.Mutex
	items  []Event
	heard  map[Member]bool
	lease  *LeaseRenewed
	closed bool
	broken bool

	out  chan Event
	wake chan struct{}
	stop chan struct{}
	done chan struct{}
}

// leaseSlot stands in the queue for the newest lease, which is read when its turn comes.
type leaseSlot struct{}

func (leaseSlot) event() {}

// NewQueue starts a queue; Close ends its goroutine.
func NewQueue() *Queue {
	q := &Queue{
		heard: make(map[Member]bool),
		out:   make(chan Event),
		wake:  make(chan struct{}, 1),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
	}
	go q.run()
	return q
}

// Out is what Provider.Events returns; it is closed after Close.
func (q *Queue) Out() <-chan Event { return q.out }

// Push appends an event. It says false when the limit is passed: from then on nothing more is accepted, because a sequence with a hole is no
// sequence; what was queued before is still delivered.
func (q *Queue) Push(e Event) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.broken {
		return false
	}
	switch e := e.(type) {
	case Heard:
		if q.heard[e.Member] {
			return true
		}
		q.heard[e.Member] = true
	case LeaseRenewed:
		if q.lease != nil {
			if e.SentMS > q.lease.SentMS {
				q.lease.SentMS = e.SentMS
			}
			return true
		}
		q.lease = &e
		return q.append(leaseSlot{})
	}
	return q.append(e)
}

func (q *Queue) append(e Event) bool {
	if len(q.items) >= QueueLimit {
		q.broken = true
		return false
	}
	q.items = append(q.items, e)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// Len is the number of events that wait.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// Close drops what waits, closes Out and returns when the goroutine has ended. It may be called twice.
func (q *Queue) Close() {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.stop)
	}
	q.mu.Unlock()
	<-q.done
}

func (q *Queue) pop() (Event, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil, false
	}
	e := q.items[0]
	q.items[0] = nil
	q.items = q.items[1:]
	switch ev := e.(type) {
	case Heard:
		delete(q.heard, ev.Member)
	case leaseSlot:
		e = *q.lease
		q.lease = nil
	}
	return e, true
}

func (q *Queue) run() {
	defer close(q.done)
	defer close(q.out)
	for {
		e, ok := q.pop()
		if !ok {
			select {
			case <-q.wake:
				continue
			case <-q.stop:
				return
			}
		}
		select {
		case q.out <- e:
		case <-q.stop:
			return
		}
	}
}

package engine

import (
	"context"
	"slices"
	"sync"
)

// queues holds a queue for each device that is in use. Where more calls come than a device takes, the oldest operation goes first: a crowd
// at one device then finishes one after the other, where taking turns would let all of them run into their deadlines together.
type queues struct {
	limit func(device string) int

	mu       sync.Mutex
	byDevice map[string]*queue
}

type queue struct {
	inUse   int
	waiting []*ticket // by age of the operation, then by arrival
}

// ticket is one waiting call. granted is closed when it has a slot.
type ticket struct {
	serial  uint64
	granted chan struct{}
}

func (q *queues) limitOf(device string) int { return max(q.limit(device), 1) }

// acquire waits for a slot until ctx ends or over is closed, and reports whether it got one; then release must follow.
func (q *queues) acquire(ctx context.Context, over <-chan struct{}, device string, serial uint64) bool {
	limit := q.limitOf(device)
	q.mu.Lock()
	if q.byDevice == nil {
		q.byDevice = map[string]*queue{}
	}
	d := q.byDevice[device]
	if d == nil {
		d = &queue{}
		q.byDevice[device] = d
	}
	if d.inUse < limit && len(d.waiting) == 0 {
		d.inUse++
		q.mu.Unlock()
		return true
	}
	t := &ticket{serial: serial, granted: make(chan struct{})}
	at, _ := slices.BinarySearchFunc(d.waiting, serial+1, func(w *ticket, s uint64) int {
		if w.serial < s {
			return -1
		}
		return 1
	})
	d.waiting = slices.Insert(d.waiting, at, t)
	q.mu.Unlock()
	select {
	case <-t.granted:
		return true
	case <-ctx.Done():
	case <-over:
	}
	q.mu.Lock()
	at = slices.Index(d.waiting, t)
	if at >= 0 {
		d.waiting = slices.Delete(d.waiting, at, at+1)
	}
	q.mu.Unlock()
	if at < 0 { // it was granted in the same moment: pass it on
		q.release(device)
	}
	return false
}

// release gives a slot back, to the oldest operation that waits.
func (q *queues) release(device string) {
	limit := q.limitOf(device)
	q.mu.Lock()
	defer q.mu.Unlock()
	d := q.byDevice[device]
	d.inUse--
	for d.inUse < limit && len(d.waiting) > 0 {
		t := d.waiting[0]
		d.waiting = slices.Delete(d.waiting, 0, 1)
		d.inUse++
		close(t.granted)
	}
	if d.inUse == 0 {
		delete(q.byDevice, device)
	}
}

package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// slot holds one opened device: at most limit calls at once, and the device is closed only after its last call has returned.
type slot struct {
	dev   Device
	limit chan struct{}

	mu      sync.Mutex
	users   int
	retired bool
	looks   map[*visit]bool // reads that are at the device
}

// stopTime is how long a read that the host gave up keeps others from its device: by then it has closed what it opened, or never will.
const stopTime = 500 * time.Millisecond

// visit is one call that is at the device.
type visit struct {
	slot *slot
	rpc  context.Context // nil where it may switch
	over chan struct{}   // closed when its place is free
	once sync.Once
}

// enter waits for a free place, and for reads that the host gave up before their deadline, until ctx ends; then the request is dropped and the
// device never sees it. rpc ends when the host gives this call up; nil where it may switch.
func (s *slot) enter(ctx, rpc context.Context) (*visit, error) {
	s.mu.Lock()
	if s.retired {
		s.mu.Unlock()
		return nil, Refused(errors.New("the device was closed"))
	}
	s.users++
	given := s.givenUp()
	s.mu.Unlock()
	for _, v := range given {
		go v.expire() // those that wait for nobody are in no one's way
	}
	select {
	case s.limit <- struct{}{}:
		if s.quiet(ctx, given) {
			return s.admit(rpc), nil
		}
		<-s.limit // both were ready, or somebody does not stop: the deadline wins
	case <-ctx.Done():
	}
	s.done()
	return nil, Timeout(errors.New("the deadline passed while earlier calls to this device went on"))
}

// givenUp are the reads that the host gave up. It did so before it sent what comes after them, and the transport keeps that order: nothing is
// missed. s.mu is held.
func (s *slot) givenUp() []*visit {
	var out []*visit
	for v := range s.looks {
		if v.rpc.Err() != nil {
			out = append(out, v)
		}
	}
	return out
}

func (s *slot) quiet(ctx context.Context, given []*visit) bool {
	for _, v := range given {
		select {
		case <-v.over:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

func (s *slot) admit(rpc context.Context) *visit {
	v := &visit{slot: s, rpc: rpc, over: make(chan struct{})}
	if rpc != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.looks == nil {
			s.looks = map[*visit]bool{}
		}
		s.looks[v] = true
	}
	return v
}

// expire gives the place of a read that was given up to others, soon.
func (v *visit) expire() {
	t := time.NewTimer(stopTime)
	defer t.Stop()
	select {
	case <-v.over:
	case <-t.C:
		v.free()
	}
}

// free gives the place back.
func (v *visit) free() {
	v.once.Do(func() {
		v.slot.mu.Lock()
		delete(v.slot.looks, v)
		v.slot.mu.Unlock()
		<-v.slot.limit
		close(v.over)
	})
}

func (v *visit) leave() {
	v.free()
	v.slot.done()
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

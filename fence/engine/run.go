package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/fenced-project/fenced/fence/operation"
)

// run is one operation being performed. Its loop alone touches op, timers and pending; mu guards what calls and callers bring.
type run struct {
	engine *Engine
	key    key
	serial uint64 // age: older operations go first at a device
	op     *operation.Operation
	timers []operation.WaitUntil
	// pending is how many call goroutines have not brought their result yet.
	pending int
	// over is closed when the operation has finished: calls that still wait for a slot give up.
	over chan struct{}
	wake chan struct{}

	mu       sync.Mutex
	inbox    []operation.Input
	finished bool
	atDevice int // calls that a device is performing now
}

func newRun(e *Engine, k key, serial uint64, spec operation.Spec) *run {
	return &run{
		engine: e, key: k, serial: serial, op: operation.New(spec, e.cfg.Now()),
		over: make(chan struct{}), wake: make(chan struct{}, 1),
	}
}

// post hands an input to the loop; it never blocks. The inbox is bounded by the calls in flight and by what the domain sends.
func (r *run) post(in operation.Input) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, result := in.(operation.CallResult); r.finished && !result {
		return
	}
	r.inbox = append(r.inbox, in)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *run) take() []operation.Input {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := r.inbox
	r.inbox = nil
	return in
}

// loop steps the operation until it has finished and its last call has returned.
func (r *run) loop() {
	defer r.engine.gone(r)
	timer := time.NewTimer(0)
	defer timer.Stop()
	quiet := r.step(operation.Started{})
	for {
		finished := r.isOver()
		if finished && r.pending == 0 {
			break
		}
		var due <-chan time.Time
		if at, ok := r.nextTimer(); ok && !finished {
			timer.Reset(time.Duration(max(at-r.engine.cfg.Now(), 0)) * time.Millisecond)
			due = timer.C
		}
		select {
		case <-r.wake:
		case <-due:
		}
		for _, in := range r.take() {
			if _, ok := in.(operation.CallResult); ok {
				r.pending--
			}
			quiet = r.step(in) || quiet
		}
		for _, t := range r.dueTimers() {
			quiet = r.step(operation.Timer{ID: t.ID}) || quiet
		}
	}
	if !quiet {
		r.engine.events.add(Returned{r.ref()})
	}
}

// step gives the operation one input and performs what it answers. It reports whether the operation finished in this step with nothing in flight.
func (r *run) step(in operation.Input) (quiet bool) {
	for _, c := range r.op.Step(r.engine.cfg.Now(), in) {
		switch c := c.(type) {
		case operation.Status:
			r.begin(call{id: c.ID, device: c.Device, target: c.Target, deadlineMS: c.DeadlineMS})
		case operation.Do:
			r.begin(call{id: c.ID, device: c.Device, target: c.Target, action: c.Action, deadlineMS: c.DeadlineMS})
		case operation.WaitUntil:
			r.timers = append(r.timers, c)
		case operation.Report:
			r.engine.events.add(Progress{r.ref(), c.Progress})
		case operation.Tried:
			r.engine.events.add(Tried{r.ref(), c.Attempt})
		case operation.Finished:
			n := r.finish()
			r.engine.events.add(Finished{Ref: r.ref(), Result: c.Result, Quiet: n == 0, InFlight: n})
			quiet = n == 0
		default:
			panic(fmt.Sprintf("engine: operation asked for %T", c))
		}
	}
	return quiet
}

// finish stops calls that have not begun and returns how many a device is performing.
func (r *run) finish() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finished = true
	close(r.over)
	return r.atDevice
}

func (r *run) isOver() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.finished
}

func (r *run) nextTimer() (atMS int64, ok bool) {
	for _, t := range r.timers {
		if !ok || t.AtMS < atMS {
			atMS, ok = t.AtMS, true
		}
	}
	return atMS, ok
}

// dueTimers removes and returns the timers whose instant has come, in the order in which they were asked for.
func (r *run) dueTimers() []operation.WaitUntil {
	now := r.engine.cfg.Now()
	var due, rest []operation.WaitUntil
	for _, t := range r.timers {
		if t.AtMS <= now {
			due = append(due, t)
		} else {
			rest = append(rest, t)
		}
	}
	r.timers = rest
	return due
}

func (r *run) ref() Ref { return Ref{Victim: r.key.victim, Claim: r.key.claim} }

// enter reports whether a call may go to its device: not once its operation is over.
func (r *run) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.finished {
		return false
	}
	r.atDevice++
	return true
}

func (r *run) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.atDevice--
}

// begin starts the goroutine of a call; it ends when the device has returned, soon after the deadline at the latest.
func (r *run) begin(c call) {
	r.pending++
	r.engine.wg.Go(func() {
		left := time.Duration(max(c.deadlineMS-r.engine.cfg.Now(), 0)) * time.Millisecond
		ctx, cancel := context.WithTimeout(r.engine.ctx, left)
		defer cancel()
		r.post(r.perform(ctx, c))
	})
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

// Device performs calls at fence devices; the plugin host implements it. Both methods end soon after their context does, and when they
// return, nothing that they started is left running on this machine. Errors may tell their class (Classed).
type Device interface {
	// Do asks for ActionOff, ActionOn or ActionOnTarget and returns when the device has accepted it. It proves nothing (V2).
	Do(ctx context.Context, device, target string, action fence.Action) error
	// Status reads state and identity in one session, now, never from a cache (R16).
	Status(ctx context.Context, device, target string) (Reading, error)
}

// Reading is what a device says of a target. State is on, off or unknown.
type Reading struct {
	State    fence.PowerState
	Identity fence.Identity
	// Detail is what else the device says, for people: nothing is decided by it.
	Detail string
}

// Classed is an error that knows its class (INTERFACES.md, attempt class). Errors without one are timeouts where the deadline is over, else unknown.
type Classed interface {
	error
	Class() string
}

// What Config assumes where it says nothing.
const (
	DefaultMaxOperations = 1024
	DefaultEventQueue    = 4096
	DefaultCloseTimeout  = 5 * time.Second
)

// Config is what an engine depends on. Devices, Now and Report are required.
type Config struct {
	Devices Device
	// Limit is how many calls may be in flight at a device at once; nil, and values below one, mean one.
	Limit func(device string) int
	// Now is CLOCK_BOOTTIME in milliseconds: it counts suspend, and the timers of Go do not, so a timer may be late and never early.
	Now func() int64
	// Report gets every event, one after the other, from a goroutine of its own. It may block: then progress and attempts beyond
	// EventQueue are dropped (Dropped counts them) and everything else waits.
	Report        func(Event)
	MaxOperations int
	EventQueue    int
	CloseTimeout  time.Duration
}

// Errors of Start and Close.
var (
	ErrClosed    = errors.New("engine is closed")
	ErrFull      = errors.New("too many operations at once")
	ErrDuplicate = errors.New("this claim is being performed already")
	ErrBusy      = errors.New("device calls did not return")
)

// Engine performs operations. All its methods are safe for concurrent use, and none but Close blocks.
type Engine struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	queues queues
	events *outbox
	wg     sync.WaitGroup

	mu      sync.Mutex
	running map[key]*run
	serial  uint64
	closed  bool
}

// key names a run: a claim on a life.
type key struct {
	victim fence.Incarnation
	claim  uint64
}

// New starts an engine; Close ends it.
func New(cfg Config) *Engine {
	if cfg.MaxOperations <= 0 {
		cfg.MaxOperations = DefaultMaxOperations
	}
	if cfg.EventQueue <= 0 {
		cfg.EventQueue = DefaultEventQueue
	}
	if cfg.CloseTimeout <= 0 {
		cfg.CloseTimeout = DefaultCloseTimeout
	}
	if cfg.Limit == nil {
		cfg.Limit = func(string) int { return 1 }
	}
	e := &Engine{cfg: cfg, running: map[key]*run{}, events: newOutbox(cfg.EventQueue)}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.queues.limit = cfg.Limit
	e.wg.Go(func() { e.events.deliver(cfg.Report) })
	return e
}

// Start performs the operation of a claim that this node holds (R7). It returns at once; Finished tells the result. An operation counts as
// running until its last call has returned.
func (e *Engine) Start(spec operation.Spec) error {
	k := key{spec.Victim.Incarnation, spec.Claim}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return ErrClosed
	case e.running[k] != nil:
		return fmt.Errorf("cannot start claim %d on %s: %w", spec.Claim, spec.Victim.Incarnation, ErrDuplicate)
	case len(e.running) >= e.cfg.MaxOperations:
		return fmt.Errorf("cannot start claim %d on %s: %w (%d)", spec.Claim, spec.Victim.Incarnation, ErrFull, len(e.running))
	}
	e.serial++
	r := newRun(e, k, e.serial, spec)
	e.running[k] = r
	e.wg.Go(r.loop)
	return nil
}

// Cancel ends an operation without a verdict; its Finished follows. It reports whether such an operation runs.
func (e *Engine) Cancel(victim fence.Incarnation, claim uint64, why string) bool {
	return e.post(key{victim, claim}, operation.Cancelled{Why: why})
}

// Busy reports whether any operation runs, or any call of one has not returned.
func (e *Engine) Busy() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.running) > 0
}

// Acknowledge tells every operation on this life that the domain committed an acknowledgement of it (R19). It reports whether one runs.
func (e *Engine) Acknowledge(victim fence.Incarnation) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	found := false
	for k, r := range e.running {
		if k.victim == victim {
			r.post(operation.Acknowledged{})
			found = true
		}
	}
	return found
}

// Dropped is how many progress and attempt events were lost because Report was too slow.
func (e *Engine) Dropped() uint64 { return e.events.droppedCount() }

func (e *Engine) post(k key, in operation.Input) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.running[k]
	if r != nil {
		r.post(in)
	}
	return r != nil
}

func (e *Engine) gone(r *run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.running, r.key)
	if e.closed && len(e.running) == 0 {
		e.events.close()
	}
}

// Close cancels everything, calls in flight too, and waits for all goroutines, at most CloseTimeout; then it returns ErrBusy with what is
// left. Operations that were running report Finished with "the engine closes"; their devices may still act (R9). Report must not call it.
func (e *Engine) Close() error {
	e.mu.Lock()
	if !e.closed {
		e.closed = true
		for _, r := range e.running {
			r.post(operation.Cancelled{Why: "the engine closes"})
		}
		e.cancel()
		if len(e.running) == 0 {
			e.events.close()
		}
	}
	e.mu.Unlock()
	done := make(chan struct{})
	go func() { e.wg.Wait(); close(done) }()
	t := time.NewTimer(e.cfg.CloseTimeout)
	defer t.Stop()
	select {
	case <-done:
		return nil
	case <-t.C:
		e.mu.Lock()
		defer e.mu.Unlock()
		return fmt.Errorf("cannot close the engine within %s: %d operations: %w", e.cfg.CloseTimeout, len(e.running), ErrBusy)
	}
}

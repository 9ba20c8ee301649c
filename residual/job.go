package residual

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// job is what one scan asks of processes. The process that waits is asked first. Where it ends before it has answered, another is started at once; where it
// does not begin, another is started beside it, and the first of them that begins to look is listened to.
type job struct {
	s       *Scanner
	answers []chan answer
	up      chan struct{} // closed when one has begun to look, or all have ended
	once    sync.Once

	mu      sync.Mutex
	pending map[string]int // probes that have not answered, and where their answer goes
	running []*helper      // those that were asked and have not ended
	by      *helper        // whose answers count; nil: nobody has begun to look
	fresh   bool           // one was started for this job: there is no other after it
	begins  bool           // it is being started
	over    bool           // nobody waits for answers any more
}

// maxSpareSilence is how long a process that waited may take to begin before another is started beside it. One that is well takes less than a millisecond.
const maxSpareSilence = 100 * time.Millisecond

// ask has the probes run by a process, and returns when it has begun to look: what its start takes is no probe's fault.
func (s *Scanner) ask(ctx context.Context, which []int, answers []chan answer) *job {
	j := &job{s: s, pending: map[string]int{}, answers: answers, up: make(chan struct{})}
	for _, i := range which {
		j.pending[s.table[i].name] = i
	}
	var silence <-chan time.Time
	if j.give(s.o.Waiting.take()) {
		timer := time.NewTimer(min(maxSpareSilence, s.o.Total/8))
		defer timer.Stop()
		silence = timer.C
	} else {
		go j.start()
	}
	for {
		select {
		case <-j.up:
			return j
		case <-silence:
			silence = nil
			go j.start()
		case <-ctx.Done():
			return j
		}
	}
}

// give asks the process that waited; it reports false where there is none, or it has ended.
func (j *job) give(h *helper) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return h != nil && j.asks(h) == nil
}

// asks has a process run what is not answered yet. The caller holds the lock.
func (j *job) asks(h *helper) error {
	request, err := json.Marshal(request{j.s.o, slices.Sorted(maps.Keys(j.pending))})
	if err != nil {
		return fmt.Errorf("cannot ask it: %w", err)
	}
	if !h.ask(j, append(request, '\n')) {
		return errEnded
	}
	j.running = append(j.running, h)
	return nil
}

var errEnded = errors.New("it ended at once")

// start starts a process for this job, once. It may hang where the program's own disk does.
func (j *job) start() {
	j.mu.Lock()
	again := j.fresh || j.over
	if !again {
		j.fresh, j.begins = true, true
	}
	j.mu.Unlock()
	if again {
		return
	}
	h, err := j.s.o.Waiting.start(j.s.o.Helper)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.begins = false
	if err == nil {
		err = j.asks(h)
	}
	switch {
	case err == nil && j.over:
		h.abandon()
	case err != nil && len(j.running) == 0:
		j.fail(err)
	}
}

// take passes an answer on. An answer that nobody waits for, or a probe that found what it cannot find, is not from our helper; nor is anything that comes
// after another has begun.
func (j *job) take(h *helper, r reply) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.by == nil {
		j.by = h
		j.once.Do(func() { close(j.up) })
	}
	if j.by != h {
		return false
	}
	if r.Up {
		return true
	}
	i, ok := j.pending[r.Probe]
	if !ok || slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Probe != r.Probe }) {
		return false
	}
	delete(j.pending, r.Probe)
	j.s.done(r.Probe)
	j.answers[i] <- answer{found: r.Findings}
	return true
}

// ended goes on without a process. What it did not answer the one beside it does, or one that is started now if it had waited; where there is none, that
// is answered here: a helper that dies has found nothing good.
func (j *job) ended(h *helper, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running = slices.DeleteFunc(j.running, func(r *helper) bool { return r == h })
	if j.by == h {
		j.by = nil
	}
	switch {
	case len(j.running) > 0 || j.begins:
	case len(j.pending) > 0 && !j.fresh && !j.over:
		go j.start()
	default:
		j.fail(err)
	}
}

// fail answers for the probes that nobody answered for. The caller holds the lock, or has told nobody of the job.
func (j *job) fail(err error) {
	j.once.Do(func() { close(j.up) })
	why := "the process that looks ended before it answered"
	if err != nil {
		why += ": " + err.Error()
	}
	for name, i := range j.pending { // order: each has a channel of its own
		j.s.done(name)
		j.answers[i] <- answer{failed: why}
	}
	j.pending = nil
}

// end abandons every process that still runs: the scan has its answers, or waits for them no longer.
func (j *job) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.over = true
	for _, h := range j.running {
		h.abandon()
	}
}

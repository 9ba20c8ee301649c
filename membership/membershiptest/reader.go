package membershiptest

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// State is the toy state machine that the readers keep: what a joiner must have equal after a snapshot.
type State struct {
	Index uint64
	View  membership.View
	Texts []string // committed data in order
}

// Has says whether a text is committed.
func (s *State) Has(text string) bool {
	for _, t := range s.Texts {
		if t == text {
			return true
		}
	}
	return false
}

// Line is one entry as a reader saw it, for comparing sequences.
type Line struct {
	Index uint64
	What  string
}

// Reader reads the events of one daemon as the real daemon will: in order, answering snapshots.
type Reader struct {
	P    membership.Provider
	Self membership.Self

	t        testing.TB
	instance atomic.Value // string: of Self, until a NewInstance; Member is asked by conditions, which are judged with mu held
	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each event
	state    State
	lines    []Line
	outcomes map[uint64][]bool
	events   []membership.Event // all but Heard and LeaseRenewed
	leases   []int64
	gate     chan struct{} // nil: reading; else reading stops until it is closed
	done     chan struct{}
}

// NewReader starts to read a provider until its events end.
func NewReader(t testing.TB, self membership.Self, p membership.Provider) *Reader {
	r := &Reader{P: p, Self: self, t: t, changed: make(chan struct{}), outcomes: make(map[uint64][]bool), done: make(chan struct{})}
	r.instance.Store(self.Instance)
	go r.run()
	return r
}

// Member is this daemon as views name it now.
func (r *Reader) Member() membership.Member {
	return membership.Member{Incarnation: fence.Incarnation{Node: r.Self.Node, Boot: r.Self.Boot}, Instance: r.instance.Load().(string)}
}

// Stall stops reading until the returned function is called.
func (r *Reader) Stall() (resume func()) {
	gate := make(chan struct{})
	r.mu.Lock()
	r.gate = gate
	r.mu.Unlock()
	var once sync.Once
	return func() {
		once.Do(func() {
			r.mu.Lock()
			r.gate = nil
			r.mu.Unlock()
			close(gate)
		})
	}
}

// Wait returns when the events have ended.
func (r *Reader) Wait() {
	select {
	case <-r.done:
	case <-time.After(Slow(20 * time.Second)):
		r.t.Errorf("node %d: events did not end after Close", r.Self.Node)
	}
}

func (r *Reader) run() {
	defer close(r.done)
	for e := range r.P.Events() {
		r.mu.Lock()
		gate := r.gate
		r.mu.Unlock()
		if gate != nil {
			<-gate
		}
		r.mu.Lock()
		r.take(e)
		close(r.changed)
		r.changed = make(chan struct{})
		r.mu.Unlock()
	}
}

func (r *Reader) take(e membership.Event) {
	switch e := e.(type) {
	case membership.Heard:
		return
	case membership.LeaseRenewed:
		r.leases = append(r.leases, e.SentMS)
		return
	case membership.ViewInstalled:
		r.advance(e.Index)
		r.state.View = e.View
		r.lines = append(r.lines, Line{e.Index, fmt.Sprintf("view %v", e.View)})
	case membership.Committed:
		r.advance(e.Index)
		r.state.Texts = append(r.state.Texts, string(e.Data))
		r.lines = append(r.lines, Line{e.Index, fmt.Sprintf("%s/%d %s", e.Proposer.Instance, e.Number, e.Data)})
	case membership.Outcome:
		r.outcomes[e.Number] = append(r.outcomes[e.Number], e.Delivered)
	case membership.NewInstance:
		r.instance.Store(e.Instance)
	case membership.SnapshotWanted:
		b, err := json.Marshal(r.state)
		if err != nil {
			r.t.Errorf("snapshot: %v", err)
		}
		e.Reply <- b
	case membership.SnapshotInstalled:
		r.state = State{}
		if err := json.Unmarshal(e.Data, &r.state); err != nil {
			r.t.Errorf("node %d: snapshot does not decode: %v", r.Self.Node, err)
		}
		r.state.Index = max(r.state.Index, e.Index)
	}
	r.events = append(r.events, e)
}

// advance: indexes only grow, so that an epoch never repeats (R10).
func (r *Reader) advance(index uint64) {
	if index <= r.state.Index {
		r.t.Errorf("node %d: index %d after %d", r.Self.Node, index, r.state.Index)
	}
	r.state.Index = index
}

// Until waits until the state satisfies a condition.
func (r *Reader) Until(what string, ok func(*State) bool) {
	r.t.Helper()
	r.wait(what, func() bool { return ok(&r.state) })
}

// Outcome waits for the outcome of a proposal.
func (r *Reader) Outcome(number uint64) bool {
	r.t.Helper()
	var d bool
	r.wait(fmt.Sprintf("outcome of %d", number), func() bool {
		o := r.outcomes[number]
		if len(o) > 0 {
			d = o[0]
		}
		return len(o) > 0
	})
	return d
}

// again waits for the second outcome of a number that the test proposed twice, and takes it away so that the final check sees one for each.
func (r *Reader) again(number uint64) {
	r.t.Helper()
	r.wait(fmt.Sprintf("second outcome of %d", number), func() bool { return len(r.outcomes[number]) == 2 && r.outcomes[number][1] })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[number] = r.outcomes[number][:1]
}

// Event waits for an event after the first `from` ones that satisfies a condition.
func (r *Reader) Event(what string, from int, ok func(membership.Event) bool) {
	r.t.Helper()
	r.wait(what, func() bool {
		for _, e := range r.events[from:] {
			if ok(e) {
				return true
			}
		}
		return false
	})
}

// Any says whether such an event came after the first `from` ones.
func (r *Reader) Any(from int, ok func(membership.Event) bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events[from:] {
		if ok(e) {
			return true
		}
	}
	return false
}

// Mark is the number of events so far, for Event.
func (r *Reader) Mark() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}

// Leases are the renewals so far.
func (r *Reader) Leases() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int64(nil), r.leases...)
}

// Copy is the state now.
func (r *Reader) Copy() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state
	s.Texts = append([]string(nil), s.Texts...)
	return s
}

func (r *Reader) wait(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.After(Slow(30 * time.Second))
	for {
		r.mu.Lock()
		good, changed := ok(), r.changed
		r.mu.Unlock()
		if good {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			r.mu.Lock()
			defer r.mu.Unlock() //nolint:revive // Fatalf leaves the loop and the function
			r.t.Fatalf("node %d: no %s in time; view %+v, last index %d, last events %v", r.Self.Node, what, r.state.View, r.state.Index, tail(r.events, 8))
		}
	}
}

func tail(e []membership.Event, n int) []string {
	if len(e) > n {
		e = e[len(e)-n:]
	}
	var out []string
	for _, x := range e {
		out = append(out, fmt.Sprintf("%T%+v", x, x))
	}
	return out
}

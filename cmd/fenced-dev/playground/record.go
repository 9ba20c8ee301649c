package playground

import (
	"fmt"
	"sync"
	"time"
)

// maxRecorded bounds the events that are kept of one node; a playground that stays up for days forgets the oldest.
const maxRecorded = 100_000

// maxGaps bounds the gaps that are kept of one node: one is enough to spoil a judgement.
const maxGaps = 100

// record keeps the events of every node in the order in which each node sent them, and wakes whoever waits for more.
type record struct {
	mu      sync.Mutex
	streams map[int][]Event  // by node index
	gaps    map[int][]string // by node index
	watch   []func(Event)
	more    chan struct{} // closed and replaced with each event
}

func newRecord() *record {
	return &record{streams: map[int][]Event{}, gaps: map[int][]string{}, more: make(chan struct{})}
}

// add keeps an event and shows it to the watchers, one at a time.
func (r *record) add(e Event) {
	r.mu.Lock()
	s := append(r.streams[e.From], e)
	if len(s) > maxRecorded {
		s = append([]Event(nil), s[len(s)/2:]...)
	}
	r.streams[e.From] = s
	close(r.more)
	r.more = make(chan struct{})
	for _, w := range r.watch {
		w(e)
	}
	r.mu.Unlock()
}

// of returns what was kept of one node.
func (r *record) of(node int) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Event(nil), r.streams[node]...)
}

func (r *record) gap(node int, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.gaps[node]) < maxGaps {
		r.gaps[node] = append(r.gaps[node], text)
	}
}

func (r *record) gapsOf(node int) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.gaps[node]...)
}

// changed is closed at the next event.
func (r *record) changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.more
}

// onEvent calls f for every event from now on. f must not call the record.
func (r *record) onEvent(f func(Event)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watch = append(r.watch, f)
}

// echo suppresses what was told before: three nodes see the same committed entry, and a restarted daemon tells its log again.
type echo struct {
	seen map[string]Event
}

// echoTime is how long the same local event of another node is an echo, in the time of Event.Since.
const echoTime = 3 * time.Second

// maxEchoes bounds what an echo remembers; past it everything is new once more.
const maxEchoes = 10_000

func newEcho() *echo { return &echo{seen: map[string]Event{}} }

// first reports whether an event says something new. A committed entry is told once; what a node sees for itself is news again later.
func (x *echo) first(e Event) bool {
	key := echoKey(e)
	old, had := x.seen[key]
	if had && (e.Index != 0 || (old.From != e.From && e.Since-old.Since < echoTime)) {
		return false
	}
	if len(x.seen) >= maxEchoes {
		clear(x.seen)
	}
	x.seen[key] = e
	return true
}

func echoKey(e Event) string {
	return fmt.Sprint(e.Event.Event, "|", e.Index, "|", e.Node, "|", e.Incarnation, "|", e.Operation, "|", e.Claim, "|", e.Action, "|", e.Device, "|", e.Attempt, "|",
		e.Class, "|", e.Result, "|", e.Verdict, "|", e.Members, "|", e.Text)
}

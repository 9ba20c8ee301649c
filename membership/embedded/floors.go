package embedded

import (
	"fmt"
	"sync"
	"time"
)

// floors keeps the highest that was seen of every store, and refuses a store that shows less: it was restored from a copy (R3). Who shows more
// is the store's next run, or a copy of it that was started elsewhere while its log stood still: rival.go tells them apart.
type floors struct {
	settle time.Duration // how much older a hello may be than the newest ping of the same run
	long   uint64        // a failure timeout in ping intervals

	mu    sync.Mutex
	known map[string]*seen
	dirty map[string]bool
	turns uint64 // how many ping intervals this process has run through; it stands still while the process is stopped
	sent  uint64 // the number of this node's newest ping
}

// shown is what a daemon shows of its store, and from where.
type shown struct {
	Store    string
	Starts   uint64
	Instance string
	Position position
	From     string
}

type seen struct {
	floor
	older   position // the position as of settle ago, what the same run is measured by
	olderAt time.Time
	began   time.Time // when this run was first seen
	nextPos position

	tag    runTag // of the run's instance
	heard  uint64 // the turn in which the run was last heard, directly or by way of others
	near   uint64 // the turn in which it was last heard directly
	over   bool   // it said goodbye
	rivals []rival
}

func newFloors(known map[string]floor, settle time.Duration, long uint64) *floors {
	f := &floors{settle: settle, long: long, turns: long, known: make(map[string]*seen), dirty: make(map[string]bool)}
	for id, k := range known { // this process has not listened yet: each run may be there
		f.known[id] = &seen{floor: k, older: k.Position, nextPos: k.Position, tag: tag(k.Instance), heard: f.turns}
	}
	return f
}

// check says why a store is refused, "" if it is not; what is accepted raises the floor.
func (f *floors) check(h shown, now time.Time) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.known[h.Store]
	if s == nil {
		s = &seen{floor: floor{Starts: h.Starts, Instance: h.Instance, Position: h.Position}, nextPos: h.Position, olderAt: now}
		f.known[h.Store] = s
		f.dirty[h.Store] = true
		f.begin(s, now)
		return ""
	}
	if now.Sub(s.olderAt) > f.settle {
		s.older, s.nextPos, s.olderAt = s.nextPos, s.Position, now
	}
	beside := ""
	if h.Starts >= s.Starts && h.Instance != s.Instance {
		beside = f.rivalry(s, h, now)
	}
	switch {
	case h.Starts < s.Starts:
		return fmt.Sprintf("store %s was started %d times, now it says %d: it was restored from a copy; wipe it and join again", h.Store, s.Starts, h.Starts)
	case beside != "":
		return beside
	case h.Starts == s.Starts && h.Instance != s.Instance: // two starts of the same bytes
		return fmt.Sprintf("store %s is in use by another daemon or was restored from a copy; wipe it and join again", h.Store)
	case h.Starts == s.Starts && h.Position.less(s.older), h.Starts > s.Starts && h.Position.less(s.Position):
		return fmt.Sprintf("the log of store %s went to %d/%d and now ends at %d/%d: it was restored from a copy; wipe it and join again",
			h.Store, s.Position.Term, s.Position.Index, h.Position.Term, h.Position.Index)
	}
	f.raise(s, h, now)
	return ""
}

// raise takes what was accepted. The caller holds the lock.
func (f *floors) raise(s *seen, h shown, now time.Time) {
	if h.Starts > s.Starts || s.Position.less(h.Position) {
		f.dirty[h.Store] = true
	}
	if h.Starts > s.Starts {
		s.older, s.nextPos, s.olderAt = s.Position, s.Position, now
		s.Starts, s.Instance = h.Starts, h.Instance
		f.begin(s, now)
	}
	if s.Position.less(h.Position) {
		s.Position = h.Position
	}
}

// begin: this run has its store's place from now on. The caller holds the lock.
func (f *floors) begin(s *seen, now time.Time) {
	s.began, s.tag, s.heard, s.near, s.over = now, tag(s.Instance), f.turns, f.turns, false
}

// overtaken says whether a message may be one that its sender's next start has overtaken on the way.
func (f *floors) overtaken(store string, starts uint64, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.known[store]
	return s != nil && starts+1 == s.Starts && now.Sub(s.began) < f.settle
}

// take returns what is to be written.
func (f *floors) take() map[string]floor {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make(map[string]floor)
	for id := range f.dirty {
		out[id] = f.known[id].floor
	}
	clear(f.dirty)
	return out
}

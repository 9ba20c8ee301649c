package embedded

import (
	"fmt"
	"slices"
	"time"
)

// rival is another run of a store that showed itself while the one that has the store's place may still be there (R3). A start that follows a
// death has a silent predecessor; a copy that was started elsewhere has not. The log says nothing: it stood still between the copy and its start.
//
// So a rival waits until the run before it is silent for quietTurns, which it is at once where the restart took longer than that. If that run is
// heard instead, in a ping that acknowledges one of this node's that was sent after the rival had shown itself, then both live, and the rival is
// the copy, for as long as this process remembers. A packet that was late or sent twice acknowledges nothing so new. Where the run before is heard
// and does not hear this node, nothing is proven: the rival waits on, and is told.
type rival struct {
	instance string
	sent     uint64    // this node's newest ping when the rival showed itself
	since    time.Time // when that was
	copied   bool      // both are alive
}

// quietTurns is how many pings of this node go out without a word of a run until it counts as silent: two whole intervals at least, so that one
// lost ping is no silence. They are counted and not timed: a process that was stopped has packets waiting, and must not judge before it read them.
const quietTurns = 3

// maxRivals bounds how many rivals of one store are remembered, the newest.
const maxRivals = 8

// secondDaemon begins the refusal of a copy whose original lives.
const secondDaemon = "a second daemon shows this node's store"

func inUse(h shown) string {
	from := ""
	if h.From != "" {
		from = ", from " + h.From
	}
	return fmt.Sprintf("%s%s: store %s is in use by another daemon that is heard beside this one, and one of the two is a copy"+remedy, secondDaemon, from, h.Store)
}

// rivalry says why a later run than the present one is refused, "" if the place is free. The caller holds the lock.
func (f *floors) rivalry(s *seen, h shown, now time.Time) string {
	i := slices.IndexFunc(s.rivals, func(r rival) bool { return r.instance == h.Instance })
	if i < 0 {
		s.rivals = append(s.rivals, rival{instance: h.Instance, sent: f.sent, since: now})
		s.rivals = s.rivals[max(0, len(s.rivals)-maxRivals):]
		i = len(s.rivals) - 1
	}
	switch r := s.rivals[i]; {
	case r.copied:
		return inUse(h)
	case s.over || f.turns >= s.heard+quietTurns:
		return ""
	case now.Sub(r.since) < f.settle:
		return notQuiet
	}
	return fmt.Sprintf("store %s is still in use by the daemon that had it before: that is heard, and does not hear this node", h.Store)
}

// hears takes a ping that is news and acknowledges this node's pings up to a number, and what it relays of others.
func (f *floors) hears(m ping, acked uint64, interval time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.known[m.Store]; s != nil && s.Starts == m.Starts && s.Instance == m.Instance {
		s.heard, s.near = f.turns, f.turns
		for i, r := range s.rivals {
			s.rivals[i].copied = r.copied || acked > r.sent
		}
	}
	for _, s := range f.known {
		if f.turns-s.near < f.long {
			continue // who is heard directly is known better, and sooner silent
		}
		if slices.ContainsFunc(m.Rows, func(r row) bool {
			return r.Node != m.Node && r.Starts == s.Starts && r.Tag == s.tag && r.AgeMS < 2*interval.Milliseconds()
		}) {
			s.heard = f.turns
		}
	}
}

// leaves takes the goodbye of a run: nothing of it follows, and whatever of it still arrives was sent before.
func (f *floors) leaves(store, instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.known[store]; s != nil && s.Instance == instance {
		s.over = true
	}
}

// turn counts a ping interval of this process.
func (f *floors) turn() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turns++
}

// sends takes the number of the ping that is about to go out.
func (f *floors) sends(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = seq
}

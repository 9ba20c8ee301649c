package embedded

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hashicorp/raft"
)

// world is a small Raft with nudges, in one goroutine: elections, appends, answers and nudges are delivered late, twice, in any order or never.
// A follower does what raft v1.8.0 does in appendEntries, with its commit index min(leader's, own last) and not min(leader's, last of request).
type world struct {
	t       *testing.T
	rnd     *rand.Rand
	nodes   []*modelNode
	mail    []func()
	decided []uint64                 // term of each committed entry, from index 1 on
	acked   map[ackKey]uint64        // what a follower's answers said that reached the leader of a term
	voted   map[[2]uint64]*modelNode // by voter and term
	nudged  int
}

type ackKey struct {
	leader, follower, term uint64
}

type modelNode struct {
	w       *world
	id      uint64
	term    uint64
	log     []uint64 // terms
	commit  uint64
	leading bool
	next    map[uint64]uint64
	match   map[uint64]uint64
	nudges  *nudges
}

func newWorld(t *testing.T, seed uint64, n int) *world {
	w := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), acked: make(map[ackKey]uint64), voted: make(map[[2]uint64]*modelNode)}
	for i := range n {
		x := &modelNode{w: w, id: uint64(i + 1)}
		x.boot()
		w.nodes = append(w.nodes, x)
	}
	return w
}

// boot is a start of the daemon: log and term are on disk, everything else is forgotten.
func (x *modelNode) boot() {
	w := x.w
	x.leading, x.commit = false, 0
	if x.nudges != nil {
		x.nudges.stop()
	}
	x.nudges = newNudges(func(id raft.ServerID, _ raft.ServerAddress, a *raft.AppendEntriesRequest) error {
		w.nudged++
		to := w.node(id)
		if seen := w.acked[ackKey{x.id, to.id, a.Term}]; a.LeaderCommitIndex > seen || a.PrevLogEntry > seen {
			w.t.Fatalf("nudge to %d with commit %d, it acknowledged %d in term %d", to.id, a.LeaderCommitIndex, seen, a.Term)
		}
		w.post(func() { to.append(*a) })
		return nil
	}, func(term uint64) bool { return x.leading && x.term == term })
	x.nudges.spawn = func(f func()) { w.mail = append(w.mail, f) }
}

func (w *world) node(id raft.ServerID) *modelNode {
	var n uint64
	_, _ = fmt.Sscan(string(id), &n)
	return w.nodes[n-1]
}

func serverOf(id uint64) raft.ServerID { return raft.ServerID(fmt.Sprint(id)) }

// post loses some mail and doubles some.
func (w *world) post(f func()) {
	for range []int{0, 1, 1, 1, 1, 2}[w.rnd.IntN(6)] {
		w.mail = append(w.mail, f)
	}
}

func (x *modelNode) last() uint64 { return uint64(len(x.log)) }

func (x *modelNode) termAt(i uint64) uint64 {
	if i == 0 || i > x.last() {
		return 0
	}
	return x.log[i-1]
}

// append is what raft does with AppendEntries.
func (x *modelNode) append(a raft.AppendEntriesRequest) (term uint64, ok bool) {
	if a.Term < x.term {
		return x.term, false
	}
	if a.Term > x.term {
		x.term, x.leading = a.Term, false
	}
	if a.PrevLogEntry > 0 && (a.PrevLogEntry > x.last() || x.termAt(a.PrevLogEntry) != a.PrevLogTerm) {
		return x.term, false
	}
	for i, e := range a.Entries {
		if e.Index > x.last() || x.termAt(e.Index) != e.Term {
			x.log = x.log[:e.Index-1]
			for _, e := range a.Entries[i:] {
				x.log = append(x.log, e.Term)
			}
			break
		}
	}
	if a.LeaderCommitIndex > x.commit {
		x.commits(min(a.LeaderCommitIndex, x.last()))
	}
	return x.term, true
}

// commits is safety itself: no two nodes ever commit different entries at one place.
func (x *modelNode) commits(to uint64) {
	for i := x.commit + 1; i <= to; i++ {
		if i <= uint64(len(x.w.decided)) {
			if x.w.decided[i-1] != x.termAt(i) {
				x.w.t.Fatalf("node %d commits entry %d of term %d, another committed that of term %d", x.id, i, x.termAt(i), x.w.decided[i-1])
			}
			continue
		}
		x.w.decided = append(x.w.decided, x.termAt(i))
	}
	x.commit = max(x.commit, to)
	x.nudges.committed(x.commit)
}

// stand lets a node try to be elected.
func (x *modelNode) stand() {
	x.term++
	x.leading = false
	votes := 0
	for _, v := range x.w.nodes {
		key := [2]uint64{v.id, x.term}
		newer := x.termAt(x.last()) > v.termAt(v.last()) || x.termAt(x.last()) == v.termAt(v.last()) && x.last() >= v.last()
		if v != x && x.w.rnd.IntN(3) == 0 || v.term > x.term || x.w.voted[key] != nil || !newer {
			continue // not reached, or against it
		}
		if v.term < x.term {
			v.term, v.leading = x.term, false
		}
		x.w.voted[key] = x
		votes++
	}
	if votes <= len(x.w.nodes)/2 {
		return
	}
	x.leading = true
	x.log = append(x.log, x.term)
	x.next, x.match = map[uint64]uint64{}, map[uint64]uint64{x.id: x.last()}
	for _, o := range x.w.nodes {
		x.next[o.id] = x.last()
	}
}

// replicate sends one request to one follower, by way of what the transport does.
func (x *modelNode) replicate(to *modelNode) {
	prev := x.next[to.id] - 1
	a := &raft.AppendEntriesRequest{Term: x.term, PrevLogEntry: prev, PrevLogTerm: x.termAt(prev), LeaderCommitIndex: x.commit}
	for i := prev + 1; i <= min(x.last(), prev+2); i++ {
		a.Entries = append(a.Entries, &raft.Log{Index: i, Term: x.termAt(i)})
	}
	run := x.nudges
	x.w.post(func() {
		term, ok := to.append(*a)
		x.w.post(func() {
			if run != x.nudges {
				return // the answer comes to a daemon that is gone
			}
			x.answer(to, a, term, ok)
		})
	})
}

func (x *modelNode) answer(to *modelNode, a *raft.AppendEntriesRequest, term uint64, ok bool) {
	end := a.PrevLogEntry + uint64(len(a.Entries))
	if ok && term == a.Term {
		key := ackKey{x.id, to.id, a.Term}
		x.w.acked[key] = max(x.w.acked[key], end)
	}
	if !heartbeat(a) {
		x.nudges.answered(serverOf(to.id), "", a, &raft.AppendEntriesResponse{Term: term, Success: ok})
	}
	switch {
	case term > x.term:
		x.term, x.leading = term, false
		return
	case !x.leading || x.term != a.Term:
		return
	case !ok:
		x.next[to.id] = max(1, min(x.next[to.id], a.PrevLogEntry))
		return
	}
	x.match[to.id] = max(x.match[to.id], end)
	x.next[to.id] = max(x.next[to.id], end+1)
	var m []uint64
	for _, o := range x.w.nodes {
		m = append(m, x.match[o.id])
	}
	slices.Sort(m)
	if c := m[(len(m)-1)/2]; c > x.commit && x.termAt(c) == x.term {
		x.commits(c)
	}
}

func (w *world) step() {
	x := w.nodes[w.rnd.IntN(len(w.nodes))]
	switch d := w.rnd.IntN(1000); {
	case d < 6:
		x.stand()
	case d < 8:
		x.boot()
	case d < 80:
		if x.leading {
			x.log = append(x.log, x.term)
			x.match[x.id] = x.last()
		}
	case d < 330:
		if to := w.nodes[w.rnd.IntN(len(w.nodes))]; x.leading && to != x {
			x.replicate(to)
		}
	case len(w.mail) > 0:
		i := w.rnd.IntN(len(w.mail))
		f := w.mail[i]
		w.mail = slices.Delete(w.mail, i, i+1)
		f()
	}
}

// R6, over many histories: with nudges no two nodes commit different things, and no nudge goes beyond what was acknowledged to it.
func TestNudgesKeepLogsAlike(t *testing.T) {
	commits, nudged := 0, 0
	for seed := range uint64(400) {
		w := newWorld(t, seed, 3+2*int(seed%2))
		for range 5000 {
			w.step()
		}
		commits, nudged = commits+len(w.decided), nudged+w.nudged
	}
	if commits < 4000 || nudged < 2000 {
		t.Errorf("these histories show little: %d commits, %d nudges", commits, nudged)
	}
}

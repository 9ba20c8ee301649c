package world

import (
	"fmt"
	"math/rand/v2"

	"github.com/fenced-project/fenced/fence"
)

// Virtual time is in microseconds since the beginning of the world.
const (
	ms     int64 = 1000
	second       = 1000 * ms
	minute       = 60 * second
)

// World is one simulated cluster.
type World struct {
	opt   Options
	two   bool // corosync has two_node
	now   int64
	seq   uint64
	queue []event
	hash  uint64

	delays *rand.Rand // network, disk and process latencies
	chance *rand.Rand // everything else that is not a fault
	plan   plan

	roster fence.Roster
	nodes  []*node
	pdus   [2]*device
	// switches are those between the machines and the disk; paths is how many of them are a way to it, 0 where nothing can cut a machine off.
	switches [2]*device
	paths    int
	cut      [][]int8 // cut[from][to]: how many faults cut this direction
	loss     float64  // of pings
	slow     int64    // the longest extra delay of a message

	rings   *rings // corosync's, nil with the embedded membership
	canon   []*ent // the committed log
	check   *checker
	watch   Watcher // of a script, nil for a run from a seed
	live    bool    // the second phase has begun
	done    bool
	asker   int
	vouched int64 // when an operator last switched a machine off to vouch for it
	resume  resumes
	stuck   int // how long the operator has seen a deadlock
	count   [faultKinds]int64
	steps   uint64
}

// event is something that happens at an instant. One that belongs to a process is dropped with it, and waits while it is stopped.
type event struct {
	at  int64
	seq uint64
	p   *proc
	f   func()
}

func (e event) before(o event) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }

// at lets f happen at an instant.
func (w *World) at(at int64, f func()) { w.push(event{at: max(at, w.now), f: f}) }

// after lets f happen in a while.
func (w *World) after(d int64, f func()) { w.push(event{at: w.now + d, f: f}) }

func (w *World) push(e event) {
	w.seq++
	e.seq = w.seq
	q := append(w.queue, e)
	i := len(q) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !q[i].before(q[up]) {
			break
		}
		q[i], q[up] = q[up], q[i]
		i = up
	}
	w.queue = q
}

func (w *World) pop() event {
	q := w.queue
	top := q[0]
	n := len(q) - 1
	q[0] = q[n]
	q[n] = event{}
	q = q[:n]
	for i := 0; ; {
		least := i
		for c := 4*i + 1; c <= 4*i+4 && c < n; c++ {
			if q[c].before(q[least]) {
				least = c
			}
		}
		if least == i {
			break
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
	w.queue = q
	return top
}

// step lets the next event happen. It reports whether there was one.
func (w *World) step() bool {
	if len(w.queue) == 0 || w.done {
		return false
	}
	e := w.pop()
	w.now = e.at
	w.steps++
	w.mix(uint64(e.at))
	w.mix(e.seq)
	switch {
	case e.p == nil:
		e.f()
	case e.p.dead:
	case e.p.stopped || e.p.n.mach.paused:
		e.p.waiting = append(e.p.waiting, e.f)
	default:
		e.f()
	}
	return true
}

// mix folds a number into the hash of the run.
func (w *World) mix(x uint64) {
	w.hash = (w.hash ^ x) * 1099511628211
}

func (w *World) mixString(s string) {
	for i := range len(s) {
		w.hash = (w.hash ^ uint64(s[i])) * 1099511628211
	}
}

// say traces one line; the text is only made when somebody listens.
func (w *World) say(format string, args ...any) {
	if w.opt.Trace != nil {
		w.opt.Trace(fmt.Sprintf("%10.3f ", float64(w.now)/float64(second)) + fmt.Sprintf(format, args...))
	}
}

// span draws a duration between two bounds.
func span(r *rand.Rand, low, high int64) int64 {
	if high <= low {
		return low
	}
	return low + r.Int64N(high-low)
}

func (w *World) reach(from, to int) bool { return w.cut[from][to] == 0 }
func (w *World) both(a, b int) bool      { return w.reach(a, b) && w.reach(b, a) }

// hop is how long a message is on its way.
func (w *World) hop() int64 {
	d := span(w.delays, 100, 1500)
	if w.slow > 0 && w.delays.IntN(4) == 0 {
		d += span(w.delays, 0, w.slow)
	}
	return d
}

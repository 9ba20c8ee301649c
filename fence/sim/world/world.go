package world

import (
	"fmt"
	"math/rand/v2"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/sim"
	"github.com/fenced-project/fenced/fence/sim/embedded"
)

// Virtual time is in microseconds since the beginning of the world.
const (
	ms     = sim.MS
	second = sim.Second
	minute = sim.Minute
)

// World is one simulated cluster.
type World struct {
	opt  Options
	two  bool // corosync has two_node
	now  int64
	time sim.Queue[*proc]
	hash uint64

	delays *rand.Rand // network, disk and process latencies
	chance *rand.Rand // everything else that is not a fault
	plan   plan

	roster fence.Roster
	nodes  []*node
	pdus   [2]*device
	// switches are those between the machines and the disk; paths is how many of them are a way to it, 0 where nothing can cut a machine off.
	switches [2]*device
	paths    int
	net      *sim.Network

	rings   *rings            // corosync's, nil with the embedded membership
	log     *embedded.Cluster // the embedded membership; over corosync nobody runs in it
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
	at int64
	p  *proc
	f  func()
}

// at lets f happen at an instant.
func (w *World) at(at int64, f func()) { w.push(event{at: max(at, w.now), f: f}) }

// after lets f happen in a while.
func (w *World) after(d int64, f func()) { w.push(event{at: w.now + d, f: f}) }

func (w *World) push(e event) { w.time.Put(e.at, e.p, e.f) }

// step lets the next event happen. It reports whether there was one.
func (w *World) step() bool {
	if w.time.Len() == 0 || w.done {
		return false
	}
	e := w.time.Take()
	w.now = e.At
	w.steps++
	w.mix(uint64(e.At))
	w.mix(e.Seq)
	switch {
	case e.Of == nil:
		e.Do()
	case e.Of.dead:
	case e.Of.stopped || e.Of.n.mach.paused:
		e.Of.waiting = append(e.Of.waiting, e.Do)
	default:
		e.Do()
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

func span(r *rand.Rand, low, high int64) int64 { return sim.Span(r, low, high) }

func (w *World) both(a, b int) bool { return w.net.Both(a, b) }

// hop is how long a message is on its way.
func (w *World) hop() int64 { return w.net.Hop() }

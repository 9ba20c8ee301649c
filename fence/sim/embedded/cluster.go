package embedded

import (
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/sim"
)

const ms = sim.MS

// Happening is something that a world counts.
type Happening int

// What is counted: a leader handed over, a proposal was lost on its way, a snapshot replaced a log.
const (
	Handover Happening = iota
	Dropped
	Installed
)

// World is what is around all daemons of a cluster. Times are microseconds.
type World interface {
	Now() int64
	// After lets something happen in a while, whatever becomes of any daemon.
	After(d int64, f func())
	Say(format string, args ...any)
	Happened(what Happening)
	// Fail: an invariant of the log is broken.
	Fail(rule, format string, args ...any)
	// Committed is told of every entry once, in order, when it is committed.
	Committed(index int, e *Entry)
}

// Host is one daemon's process and machine, and its reader. What it is told it must take in that order, later.
type Host interface {
	Name() string
	// After and At let something happen in this process: never once it has ended, and late while it is stopped.
	After(d int64, f func())
	At(at int64, f func())
	// Local is the node's clock in milliseconds.
	Local() int64
	Dead() bool
	// Held: the process is stopped, or its machine. Silent: nothing comes from it, for this or another reason.
	Held() bool
	Silent() bool
	// WriteTakes is how long a durable write takes now; Stalled that none ends; DurableMS the age of the last one.
	WriteTakes() int64
	Stalled() bool
	DurableMS() int64
	// LagUntil is until when nothing is applied; Slowness how much longer proposals are on their way.
	LagUntil() int64
	Slowness() int64

	// Entry means something to the reader: a view, or data. before is the view that was.
	Entry(index int, e *Entry, before *View)
	Outcome(number uint64, delivered bool)
	Heard(r *Run)
	Suspect(r *Run, gone bool)
	Lease(sentMS int64)
	QuorumLost(why string)
	QuorumHeld()
	// Snapshot replaces all that the reader knows; Keep asks it for its state of this point of the sequence.
	Snapshot(s *Snapshot)
	Keep(done func(state []byte))
}

// Config of a cluster.
type Config struct {
	Timing    fence.Timing
	Quorum    int // votes of a quorate view; each node has one
	OutcomeMS int64
	// DropProposal is how often a proposal is lost on its way to the leader, and how often it comes twice.
	DropProposal float64
	// BelieveCopies is a bug on purpose: stores that were restored from a copy are not refused (R3).
	BelieveCopies bool
	// Choose picks the connected set (membership.Connected): a pure room may not know the membership.
	Choose func(up func(fence.NodeID) bool, mutual func(a, b fence.NodeID) bool) []fence.NodeID
}

// Cluster is a log and a mesh of nodes, which are known by their place; the node at place i has the id i+1.
type Cluster struct {
	cfg   Config
	world World
	net   *sim.Network
	seats []seat
	// Canon is what was committed, ever.
	Canon []*Entry
}

// seat is the place of a node: the daemon that runs there, nil for none.
type seat struct{ p *Daemon }

// New makes a cluster of n nodes in which nobody runs.
func New(n int, cfg Config, world World, net *sim.Network) *Cluster {
	return &Cluster{cfg: cfg, world: world, net: net, seats: make([]seat, n)}
}

// Found commits what the founding wrote: every store begins with it.
func (w *Cluster) Found(founding []*Entry) { w.committed(founding) }

// Daemon is one run of the provider.
type Daemon struct {
	w   *Cluster
	h   Host
	i   int
	run *Run
	st  *Store

	fsm                  *FSM
	raft                 raft
	pres                 presence
	Out                  bool // out of service until the daemon restarts
	proposals            []proposal
	announced, leaderAt  int64
	lost                 bool
	lostView             int
	applying             bool
	leadWoken, workWoken bool
	leading              *Entry
	leadUntil            int64
	leadingAt            int
	socket               []*ping
	ticked               func() // ticks, made once
}

// NewDaemon is a run that does nothing yet.
func (w *Cluster) NewDaemon(h Host, run *Run, st *Store) *Daemon {
	p := &Daemon{w: w, h: h, i: run.I, run: run, st: st, fsm: NewFSM(len(w.seats)), pres: w.newPresence()}
	p.ticked = p.ticks
	return p
}

// Begin starts it; whoever ran at its place has ended.
func (p *Daemon) Begin() {
	w := p.w
	w.seats[p.i].p = p
	p.beginRaft()
	p.h.After(sim.Span(w.net.Delays, 0, w.cfg.Timing.PingMS*ms), p.ticked)
}

// End ends it. Its host must be dead.
func (p *Daemon) End() {
	if p.w.seats[p.i].p == p {
		p.w.seats[p.i].p = nil
	}
}

// Fail takes it out of service for the rest of this run (R20).
func (p *Daemon) Fail() {
	p.Out, p.lost = true, true
	p.raft.leads = false
}

// Woken: its process goes on; what its socket held comes in any order.
func (p *Daemon) Woken() {
	for _, m := range p.socket {
		p.h.After(sim.Span(p.w.net.Delays, 0, 2*ms), func() { p.hearPing(m) })
	}
	p.socket = nil
}

// silent reports whether nothing comes from this provider now.
func (p *Daemon) silent() bool { return p.Out || p.h.Silent() }

package world

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
)

// Options of one run.
type Options struct {
	Seed    uint64
	Nodes   int // 3 to 64, or 2 over corosync
	Minutes int // of virtual time, at least; a run goes on until everything is resolved or its bound is over
	// Membership is Corosync, TwoNode, or "" for the embedded one.
	Membership string
	// Without are fault kinds that are switched off; everything else stays as the seed drew it.
	Without []string
	// Choose picks the connected set (membership.Connected): this room may not know the membership.
	Choose func(up func(fence.NodeID) bool, mutual func(a, b fence.NodeID) bool) []fence.NodeID
	// Trace gets one line for everything that is worth telling; nil for none.
	Trace func(string)
	// Broken switches a known bug on, for tests that prove that it is found. Nothing outside this room's tests sets it.
	broken string
	// guarded gives the machines watchdogs whatever the seed drew, for tests.
	guarded bool
	// resumed stops actors in the middle of their walks, and lets them go on when they have been waited out, for tests.
	resumed bool
}

// Violation is an invariant that did not hold.
type Violation struct {
	Invariant string `json:"invariant"`
	Text      string `json:"text"`
	AtMS      int64  `json:"at_ms"`
}

// Result is what one run came to.
type Result struct {
	Seed      uint64
	Hash      uint64 // equal for equal runs
	Events    uint64
	VirtualMS int64
	Faults    []Count
	Victims   int
	Verdicts  int
	Writes    int
	Elapsed   int    // verdicts by a watchdog
	Setup     string // what the seed drew, for people
	Violation *Violation
}

// Count is how often a kind of fault occurred.
type Count struct {
	Kind string
	N    int64
}

// Corosync is the membership over corosync's rings.
const Corosync = "corosync"

// TwoNode is corosync with two_node and wait_for_all: each of two nodes is quorate without the other (R23).
const TwoNode = "two_node"

// Check says why the options are impossible.
func (o Options) Check() error {
	switch {
	case o.Membership == TwoNode && o.Nodes != 2:
		return fmt.Errorf("two_node is simulated with 2 nodes, not with %d", o.Nodes)
	case o.Nodes < 2 || o.Nodes == 2 && o.Membership == "" || o.Nodes > 64:
		return fmt.Errorf("%d nodes: the embedded membership is simulated with 3 to 64, corosync's with 2 to 64", o.Nodes)
	case o.Minutes < 1 || o.Minutes > 24*60:
		return fmt.Errorf("%d minutes: between 1 and 1440", o.Minutes)
	case o.Membership != "" && o.Membership != Corosync && o.Membership != TwoNode:
		return fmt.Errorf("no membership %q is simulated; there are embedded, corosync and two_node", o.Membership)
	case o.Choose == nil && o.Membership == "":
		return fmt.Errorf("nothing chooses the connected set")
	}
	for _, name := range o.Without {
		if !slices.Contains(Kinds(), name) {
			return fmt.Errorf("no fault kind %q; there are %s", name, strings.Join(Kinds(), ", "))
		}
	}
	return nil
}

// Run simulates one seed. The options must have passed Check.
func Run(o Options) Result {
	w := newWorld(o)
	w.begin()
	for w.step() {
		if w.steps%auditEvery == 0 {
			w.check.audit(false)
		}
	}
	w.check.audit(true)
	r := Result{
		Seed: o.Seed, Hash: w.hash, Events: w.steps, VirtualMS: w.now / ms, Violation: w.check.violation, Setup: w.setup(),
		Victims: w.check.victims, Verdicts: w.check.verdictCount, Writes: w.check.writes, Elapsed: w.check.elapsedCount,
	}
	for k, n := range w.count {
		r.Faults = append(r.Faults, Count{Kind: faultKind(k).String(), N: n})
	}
	return r
}

// auditEvery is how many events lie between two full audits.
const auditEvery = 1000

func newWorld(o Options) *World {
	w := bare(o)
	if o.broken == brokenRollback { // it needs a copy, and a follower that lags behind it: too rare where the seed drew neither
		w.plan.every[faultRollback], w.plan.every[faultCut] = 10*second, 10*second
	}
	if o.guarded && w.plan.every[faultWatchdog] == 0 {
		w.plan.every[faultWatchdog] = minute
	}
	if o.resumed {
		w.resumable()
	}
	w.roster = w.drawRoster(rand.New(rand.NewPCG(o.Seed, 4)))
	dogs := w.drawWatchdogs()
	w.found()
	for i := range dogs {
		w.nodes[i].mach.dog = dogs[i]
	}
	return w
}

// begin switches everything on.
func (w *World) begin() {
	for _, n := range w.nodes {
		w.at(span(w.chance, 0, 3*second), func() { n.mach.powerUp() })
	}
	w.beginFaults()
	if w.rings != nil {
		w.rings.poll()
	}
	w.at(w.plan.calm, w.beginLiveness)
}

func (w *World) setup() string {
	var on []string
	for k := range faultKinds {
		if w.plan.every[k] > 0 {
			on = append(on, fmt.Sprintf("%s/%ds", k, w.plan.every[k]/second))
		}
	}
	t := w.roster.Timing
	return fmt.Sprintf("nodes %d, ping %d ms, failure_timeout %d ms, lease %d ms, post_join_delay %d ms, stagger %d ms, calm after %d s, faults %s",
		w.opt.Nodes, t.PingMS, t.FailureTimeoutMS, t.LeaseMS, t.PostJoinDelayMS, t.StaggerMS, w.plan.calm/second, strings.Join(on, " "))
}

package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/sim/world"
	"github.com/fenced-project/fenced/internal/cli"
	"github.com/fenced-project/fenced/membership"
)

// simSummary is the document of `fenced sim` (INTERFACES.md).
type simSummary struct {
	API            string           `json:"api"`
	Seeds          uint64           `json:"seeds"`
	Nodes          int              `json:"nodes"`
	SimulatedHours float64          `json:"simulated_hours"`
	CoreHours      float64          `json:"core_hours"`
	Events         uint64           `json:"events"`
	Violations     int              `json:"violations"`
	Faults         map[string]int64 `json:"faults"`
	// Missing are the fault kinds that never occurred: what was run proves nothing about them.
	Missing []string      `json:"missing"`
	Failing []failingSeed `json:"failing"`
	Hashes  []seedHash    `json:"hashes,omitempty"`
}

type failingSeed struct {
	Seed      uint64   `json:"seed"`
	Invariant string   `json:"invariant"`
	Text      string   `json:"text"`
	AtMS      int64    `json:"at_ms"`
	Needs     []string `json:"needs"`
	Replay    string   `json:"replay"`
}

type seedHash struct {
	Seed uint64 `json:"seed"`
	Hash string `json:"hash"`
}

// Bounds of what is told of failing seeds, and the number of seeds from which on every fault kind must have occurred.
const (
	shownFailures = 20
	shrunk        = 3
	tailLines     = 120
	allKinds      = 1000
	// simMemory is from where on the collector works harder, in bytes: clusters of 64 nodes need some hundred megabytes.
	simMemory = 2 << 30
)

func simOptions(o cli.SimRun, seed uint64) world.Options {
	voters := make([]membership.Voter, 0, o.Nodes)
	for i := range o.Nodes {
		voters = append(voters, membership.Voter{ID: fence.NodeID(i + 1), Votes: 1})
	}
	m := o.Membership
	if m == "embedded" {
		m = ""
	}
	return world.Options{
		Membership: m, Seed: seed, Nodes: o.Nodes, Minutes: o.Minutes, Without: o.Without,
		Choose: func(up func(fence.NodeID) bool, mutual func(a, b fence.NodeID) bool) []fence.NodeID {
			return membership.Connected(voters, up, mutual)
		},
	}
}

// simulate runs the seeds on all cores. Results are told in the order of the seeds, whichever core was faster.
func simulate(ctx context.Context, o cli.SimRun, tell func(string)) (cli.LogReport, error) {
	first := simOptions(o, o.From)
	if err := first.Check(); err != nil {
		return cli.LogReport{}, client.Errorf(client.CodeUsage, "%v", err)
	}
	if o.Verbose {
		first.Trace = tell
	}
	defer debug.SetGCPercent(debug.SetGCPercent(1600)) // little lives long here: a few megabytes for each core
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(simMemory))
	before := cpuHours()
	s := simSummary{API: client.API, Nodes: o.Nodes, Faults: map[string]int64{}, Missing: []string{}, Failing: []failingSeed{}}
	var mu sync.Mutex
	var failed []world.Result
	add := func(r world.Result) {
		mu.Lock()
		defer mu.Unlock()
		s.Seeds++
		s.SimulatedHours += float64(r.VirtualMS) / 3_600_000
		s.Events += r.Events
		for _, f := range r.Faults {
			s.Faults[f.Kind] += f.N
		}
		if o.Hash {
			s.Hashes = append(s.Hashes, seedHash{r.Seed, fmt.Sprintf("%016x", r.Hash)})
		}
		if r.Violation != nil {
			failed = append(failed, r)
		}
	}
	if o.From == o.To {
		add(world.Run(first))
	} else {
		runSeeds(ctx, o, add)
	}
	slices.SortFunc(failed, func(a, b world.Result) int { return compareSeeds(a.Seed, b.Seed) })
	slices.SortFunc(s.Hashes, func(a, b seedHash) int { return compareSeeds(a.Seed, b.Seed) })
	s.Violations = len(failed)
	for i, r := range failed[:min(len(failed), shownFailures)] {
		s.Failing = append(s.Failing, explain(o, r, i < shrunk, tell))
	}
	for _, k := range world.KindsOf(first.Membership) {
		if s.Faults[k] == 0 {
			s.Missing = append(s.Missing, k)
		}
	}
	s.CoreHours = cpuHours() - before
	holds := s.Violations == 0 && ctx.Err() == nil && (len(s.Missing) == 0 || s.Seeds < allKinds || len(o.Without) > 0)
	return cli.LogReport{Holds: holds, Text: simText(s), Document: s}, nil
}

func runSeeds(ctx context.Context, o cli.SimRun, add func(world.Result)) {
	var next atomic.Uint64
	next.Store(o.From)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for ctx.Err() == nil {
				seed := next.Add(1) - 1
				if seed > o.To {
					return
				}
				add(world.Run(simOptions(o, seed)))
			}
		})
	}
	wg.Wait()
}

// explain tells of a failing seed: the end of its event log, what it needs, and how to replay it.
func explain(o cli.SimRun, r world.Result, shrink bool, tell func(string)) failingSeed {
	f := failingSeed{
		Seed: r.Seed, Invariant: r.Violation.Invariant, Text: r.Violation.Text, AtMS: r.Violation.AtMS, Needs: []string{},
		Replay: fmt.Sprintf("fenced sim --seed %d --nodes %d --minutes %d --verbose", r.Seed, o.Nodes, o.Minutes),
	}
	if o.Membership == world.Corosync || o.Membership == world.TwoNode {
		f.Replay += " --membership " + o.Membership
	}
	if len(o.Without) > 0 {
		f.Replay += " --without " + strings.Join(o.Without, ",")
	}
	tell(fmt.Sprintf("seed %d breaks %s after %d ms: %s", r.Seed, f.Invariant, f.AtMS, f.Text))
	if shrink && !o.Verbose {
		var tail []string
		opt := simOptions(o, r.Seed)
		opt.Trace = func(line string) {
			if tail = append(tail, line); len(tail) > 2*tailLines {
				tail = slices.Clone(tail[tailLines:])
			}
		}
		world.Run(opt)
		for _, line := range tail[max(0, len(tail)-tailLines):] {
			tell(line)
		}
		f.Needs = append(f.Needs, world.Needed(simOptions(o, r.Seed), *r.Violation)...)
		tell("  it needs the faults: " + strings.Join(f.Needs, ", "))
	}
	tell("  drawn: " + r.Setup)
	tell("  replay: " + f.Replay)
	return f
}

func simText(s simSummary) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d seeds of %d nodes: %.1f simulated hours in %.4f core hours, %d events\n", s.Seeds, s.Nodes, s.SimulatedHours, s.CoreHours, s.Events)
	for _, k := range world.Kinds() {
		fmt.Fprintf(&b, "  %-12s %d\n", k, s.Faults[k])
	}
	for _, h := range s.Hashes {
		fmt.Fprintf(&b, "seed %d hash %s\n", h.Seed, h.Hash)
	}
	if len(s.Missing) > 0 {
		fmt.Fprintf(&b, "never occurred: %s\n", strings.Join(s.Missing, ", "))
	}
	if s.Violations == 0 {
		b.WriteString("no invariant is broken\n")
	} else {
		fmt.Fprintf(&b, "%d VIOLATIONS\n", s.Violations)
	}
	return b.String()
}

func compareSeeds(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// cpuHours is the processor time of this process.
func cpuHours() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 3.6e12
}

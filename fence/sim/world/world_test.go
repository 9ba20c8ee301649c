package world

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// options are those of a run that has nothing broken.
func options(seed uint64, nodes, minutes int) Options {
	voters := make([]membership.Voter, 0, nodes)
	for i := range nodes {
		voters = append(voters, membership.Voter{ID: fence.NodeID(i + 1), Votes: 1})
	}
	return Options{Seed: seed, Nodes: nodes, Minutes: minutes, Choose: func(up func(fence.NodeID) bool, mutual func(a, b fence.NodeID) bool) []fence.NodeID {
		return membership.Connected(voters, up, mutual)
	}}
}

// each runs f for the seeds from..to-1 on all cores.
func each(from, to uint64, f func(seed uint64)) {
	var next atomic.Uint64
	next.Store(from)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := next.Add(1) - 1; seed < to; seed = next.Add(1) - 1 {
				f(seed)
			}
		})
	}
	wg.Wait()
}

// sweep demands that no seed breaks an invariant.
func sweep(t *testing.T, from, to uint64, nodes, minutes int) {
	t.Helper()
	sweepWith(t, from, to, nodes, minutes, func(*Options) {})
}

// sweepBefore is sweep as it was before there were watchdogs: a run without the kind is the run of then, bit for bit.
func sweepBefore(t *testing.T, from, to uint64, nodes, minutes int) {
	t.Helper()
	sweepWith(t, from, to, nodes, minutes, func(o *Options) { o.Without = []string{faultWatchdog.String()} })
}

// sweepWith changes the options of each run, and counts the verdicts that watchdogs gave.
func sweepWith(t *testing.T, from, to uint64, nodes, minutes int, change func(*Options)) (elapsed int64) {
	t.Helper()
	var broken, dogs atomic.Int64
	each(from, to, func(seed uint64) {
		if broken.Load() > 3 {
			return
		}
		o := options(seed, nodes, minutes)
		change(&o)
		r := Run(o)
		dogs.Add(int64(r.Elapsed))
		if r.Violation != nil {
			broken.Add(1)
			t.Errorf("seed %d of %d nodes breaks %s after %d ms: %s\n  %s\n  without %v: fenced sim --seed %d --nodes %d --minutes %d --verbose",
				seed, nodes, r.Violation.Invariant, r.Violation.AtMS, r.Violation.Text, r.Setup, o.Without, seed, nodes, minutes)
		}
	})
	return dogs.Load()
}

// TestSeeds runs a few seeds of several sizes; the sim stage of test/verify runs thousands. FENCED_SEED=n replays one with its trace, a..b a range.
func TestSeeds(t *testing.T) {
	s := os.Getenv("FENCED_SEED")
	a, b, more := strings.Cut(s, "..")
	from, _ := strconv.ParseUint(a, 10, 64)
	to, _ := strconv.ParseUint(b, 10, 64)
	switch {
	case s == "":
		sweep(t, 0, 60, 5, 10)
		sweep(t, 1000, 1060, 3, 10)
		sweep(t, 2000, 2003, 16, 5)
	case more:
		sweep(t, from, to, 5, 10)
	default:
		o := options(from, 5, 10)
		o.Trace = func(line string) { fmt.Println(line) }
		if r := Run(o); r.Violation != nil {
			t.Errorf("%s: %s", r.Violation.Invariant, r.Violation.Text)
		}
	}
}

// TestPastFailures replays every seed that ever broke something: lines SEED NODES MINUTES of testdata/failed.txt, and
// the membership behind them where it is corosync.
func TestPastFailures(t *testing.T) {
	f, err := os.Open("testdata/failed.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	n := 0
	for in := bufio.NewScanner(f); in.Scan(); {
		line, _, _ := strings.Cut(in.Text(), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		var seed uint64
		var nodes, minutes int
		if _, err := fmt.Sscan(line, &seed, &nodes, &minutes); err != nil {
			t.Fatalf("%q: %v", in.Text(), err)
		}
		n++
		if strings.HasSuffix(strings.TrimSpace(line), " "+Corosync) {
			onCorosyncs(t, seed, seed+1, nodes, minutes)
			continue
		}
		sweep(t, seed, seed+1, nodes, minutes)
		sweepBefore(t, seed, seed+1, nodes, minutes)
	}
	if n == 0 {
		t.Fatal("the list is empty")
	}
}

// TestReplay: the same seed gives the same run, bit for bit, on one core and among others.
func TestReplay(t *testing.T) {
	const seeds = 1000
	first := make([]uint64, seeds)
	each(0, seeds, func(seed uint64) { first[seed] = Run(options(seed, 3, 1)).Hash })
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	same := map[uint64]uint64{}
	for seed := range uint64(seeds) {
		h := Run(options(seed, 3, 1)).Hash
		if h != first[seed] {
			t.Fatalf("seed %d: hash %x, then %x", seed, first[seed], h)
		}
		if o, ok := same[h]; ok {
			t.Fatalf("seeds %d and %d are one run: the hash says nothing", o, seed)
		}
		same[h] = seed
	}
}

// A trace only listens.
func TestTraceChangesNothing(t *testing.T) {
	o := options(7, 5, 3)
	quiet := Run(o)
	lines := 0
	o.Trace = func(string) { lines++ }
	if told := Run(o); told.Hash != quiet.Hash || lines == 0 {
		t.Fatalf("with a trace of %d lines the run is another", lines)
	}
}

func TestImpossibleOptionsAreRefused(t *testing.T) {
	for words, spoil := range map[string]func(*Options){
		"3 to 64":           func(o *Options) { o.Nodes = 2 },
		"between 1 and":     func(o *Options) { o.Minutes = 0 },
		"chooses":           func(o *Options) { o.Choose = nil },
		"no fault kind \"x": func(o *Options) { o.Without = []string{"x"} },
	} {
		o := options(1, 3, 1)
		spoil(&o)
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want %q", err, words)
		}
	}
	if err := options(1, 3, 1).Check(); err != nil {
		t.Error(err)
	}
}

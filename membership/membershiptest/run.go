package membershiptest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// Run runs the contract against a provider. Each test makes a cluster of its own.
func Run(t *testing.T, f Factory) {
	tests := []struct {
		name string
		n    int
		run  func(*testing.T, *rig)
	}{
		{"SameOrderEverywhere", 3, sameOrder},
		{"AtMostOnceAndOneOutcome", 3, atMostOnce},
		{"CrashMakesAView", 3, crash},
		{"CutMinorityIsToldAndCommitsNothing", 3, cut},
		{"RestartKeepsTheSequence", 3, restart},
		{"AllRestart", 3, allRestart},
		{"FastRestartLeavesTheOldView", 3, fastRestart},
		{"SnapshotGivesAJoinerTheSameState", 3, snapshot},
		{"DeniedLifeIsNotAcknowledged", 3, denied},
		{"LeaseNeedsAMajority", 3, lease},
		{"StalledReaderStallsOnlyItself", 3, stalled},
		{"SuspectIsLocal", 3, suspect},
		{"CloseEnds", 3, closes},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, newRig(t, f, tt.n)) })
	}
}

func sameOrder(t *testing.T, r *rig) {
	r.settle(1, 2, 3)
	for i := uint64(1); i <= 20; i++ {
		for id := fence.NodeID(1); id <= 3; id++ {
			if err := r.readers[id].P.Propose(i, fmt.Appendf(nil, "%d from %d", i, id)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for id := fence.NodeID(1); id <= 3; id++ {
		r.readers[id].Until("60 entries", func(s *State) bool { return len(s.Texts) == 60 })
		for i := uint64(1); i <= 20; i++ {
			if !r.readers[id].Outcome(i) {
				t.Errorf("node %d: proposal %d: outcome unknown in a healthy cluster", id, i)
			}
		}
	}
	want := r.readers[1].Copy().Texts
	for id := fence.NodeID(2); id <= 3; id++ {
		if got := r.readers[id].Copy().Texts; !slices.Equal(got, want) {
			t.Errorf("node %d has another order:\n%v\n%v", id, got, want)
		}
	}
}

func atMostOnce(t *testing.T, r *rig) {
	r.settle(1, 2, 3)
	if !r.propose(2, 7, "seven") {
		t.Fatal("seven: unknown")
	}
	if err := r.readers[2].P.Propose(7, []byte("seven")); err != nil { // again, after it was delivered
		t.Fatal(err)
	}
	r.readers[2].again(7)
	if !r.propose(2, 8, "eight") {
		t.Fatal("eight: unknown")
	}
	for id := fence.NodeID(1); id <= 3; id++ {
		r.seen(id, "eight")
		if got := r.readers[id].Copy().Texts; !slices.Equal(got, []string{"seven", "eight"}) {
			t.Errorf("node %d: %v", id, got)
		}
	}
}

func crash(t *testing.T, r *rig) {
	r.settle(1, 2, 3)
	gone := r.readers[3].Member()
	mark := r.readers[1].Mark()
	r.kill(3)
	r.settle(1, 2)
	r.readers[1].Event("departure of node 3", mark, func(e membership.Event) bool {
		v, ok := e.(membership.ViewInstalled)
		return ok && slices.ContainsFunc(v.View.Left, func(d membership.Departure) bool {
			return d.Member == gone && (d.How == membership.HowProcessGone || d.How == membership.HowNodeGone)
		})
	})
	if !r.propose(1, 1, "after the crash") {
		t.Error("two of three cannot commit")
	}
	r.start(3, 2)
	r.settle(1, 2, 3)
	r.seen(3, "after the crash")
}

func cut(t *testing.T, r *rig) {
	r.settle(1, 2, 3)
	marks := map[fence.NodeID]int{}
	for id := fence.NodeID(1); id <= 3; id++ {
		marks[id] = r.readers[id].Mark()
	}
	r.c.Cut(1, 2)
	r.c.Cut(1, 3)
	lost := func(e membership.Event) bool { _, ok := e.(membership.QuorumLost); return ok }
	r.readers[1].Event("QuorumLost", marks[1], lost)
	r.settle(2, 3)
	if err := r.readers[1].P.Propose(1, []byte("from the minority")); err != nil {
		t.Fatal(err)
	}
	if !r.propose(2, 1, "from the majority") {
		t.Error("majority cannot commit")
	}
	r.seen(3, "from the majority")
	if s := r.readers[1].Copy(); s.Has("from the minority") || s.Has("from the majority") || len(s.View.Members) != 3 {
		t.Errorf("the minority committed: %+v", s)
	}
	r.c.Heal()
	r.settle(1, 2, 3)
	r.seen(1, "from the majority")
}

func restart(t *testing.T, r *rig) {
	r.settle(1, 2, 3)
	r.propose(1, 1, "before")
	r.seen(3, "before")
	r.kill(3)
	r.settle(1, 2)
	r.propose(1, 2, "meanwhile")
	r.start(3, 1)
	r.settle(1, 2, 3)
	r.seen(3, "meanwhile")
	if got, want := r.readers[3].Copy().Texts, r.readers[1].Copy().Texts; !slices.Equal(got, want) {
		t.Errorf("after the restart %v, others have %v", got, want)
	}
}

func allRestart(t *testing.T, r *rig) {
	r.settle(1, 2, 3)
	r.propose(1, 1, "before")
	before := r.readers[1].Copy().Index
	for id := fence.NodeID(1); id <= 3; id++ {
		r.kill(id)
	}
	for id := fence.NodeID(1); id <= 3; id++ {
		r.start(id, 2)
	}
	r.settle(1, 2, 3)
	for id := fence.NodeID(1); id <= 3; id++ {
		r.seen(id, "before")
		if s := r.readers[id].Copy(); s.Index <= before {
			t.Errorf("node %d: the epoch %d is not above %d", id, s.Index, before)
		}
	}
}

// fastRestart: a daemon that is back before anybody missed it is another member; its old instance leaves (R10, S1.10).
func fastRestart(t *testing.T, r *rig) {
	r.settle(1, 2, 3)
	old := r.readers[2].Member()
	mark := r.readers[1].Mark()
	r.kill(2)
	r.start(2, 1)
	r.settle(1, 2, 3)
	r.readers[1].Event("departure of the old instance, its node alive", mark, func(e membership.Event) bool {
		v, ok := e.(membership.ViewInstalled)
		return ok && slices.Contains(v.View.Left, membership.Departure{Member: old, How: membership.HowProcessGone})
	})
}

func snapshot(t *testing.T, r *rig) {
	r.settle(1, 2, 3)
	r.propose(1, 1, "one")
	r.kill(3)
	r.settle(1, 2)
	r.propose(1, 2, "two")
	r.seen(2, "two")
	if err := r.c.Compact(); err != nil {
		t.Fatal(err)
	}
	r.propose(1, 3, "three")
	rd := r.start(3, 1)
	r.settle(1, 2, 3)
	r.seen(3, "three")
	rd.Event("SnapshotInstalled", 0, func(e membership.Event) bool { _, ok := e.(membership.SnapshotInstalled); return ok })
	if got, want := rd.Copy(), r.readers[1].Copy(); !slices.Equal(got.Texts, want.Texts) || got.Index != want.Index {
		t.Errorf("joiner has %+v, node 1 has %+v", got, want)
	}
	if err := r.readers[1].P.Propose(2, []byte("two")); err != nil { // the snapshot must remember what was delivered
		t.Fatal(err)
	}
	r.propose(3, 1, "four")
	r.seen(1, "four")
	if s := r.readers[1].Copy(); len(s.Texts) != 4 {
		t.Errorf("delivered twice over a snapshot: %v", s.Texts)
	}
	r.readers[1].again(2)
}

// denied: R14. Two of three deny a life: its pings find no majority.
func denied(t *testing.T, r *rig) {
	r.settle(1, 2, 3)
	r.renewed(3)
	life := r.readers[3].Member().Incarnation
	r.readers[1].P.Deny(life)
	r.readers[2].P.Deny(life)
	r.renewalsEnd(3)
	r.renewed(1)
	r.renewed(2)
}

func lease(t *testing.T, r *rig) {
	r.settle(1, 2, 3)
	for id := fence.NodeID(1); id <= 3; id++ {
		r.renewed(id)
	}
	leases := r.readers[1].Leases()
	if !slices.IsSorted(leases) {
		t.Errorf("a lease went back: %v", leases)
	}
	r.c.Cut(3, 1)
	r.c.Cut(3, 2)
	r.renewalsEnd(3)
	r.renewed(1)
}

func stalled(t *testing.T, r *rig) {
	r.settle(1, 2, 3)
	resume := r.readers[1].Stall()
	defer resume()
	for i := uint64(1); i <= 30; i++ {
		if !r.propose(2, i, fmt.Sprintf("entry %d", i)) {
			t.Fatalf("proposal %d: unknown while node 1 does not read", i)
		}
	}
	r.seen(3, "entry 30")
	resume()
	r.seen(1, "entry 30")
}

func suspect(t *testing.T, r *rig) {
	r.settle(1, 2, 3)
	mark := r.readers[1].Mark()
	is := func(gone bool) func(membership.Event) bool {
		return func(e membership.Event) bool {
			s, ok := e.(membership.Suspect)
			return ok && s.Member.Node == 3 && s.Gone == gone
		}
	}
	r.c.Cut(1, 3)
	r.readers[1].Event("Suspect of node 3", mark, is(true))
	mark = r.readers[1].Mark()
	r.c.Heal()
	r.readers[1].Event("Suspect of node 3 withdrawn", mark, is(false))
	r.settle(1, 2, 3)
}

func closes(t *testing.T, r *rig) {
	r.settle(1, 2, 3)
	p := r.readers[3].P
	start := time.Now()
	if err := p.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if d := time.Since(start); d > Slow(5*time.Second) {
		t.Errorf("Close took %v", d)
	}
	r.readers[3].Wait()
	if err := p.Propose(1, nil); err == nil {
		t.Error("Propose after Close: no error")
	}
	if err := p.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	r.settle(1, 2)
}

// renewed waits for a fresh renewal.
func (r *rig) renewed(id fence.NodeID) {
	r.t.Helper()
	n := len(r.readers[id].Leases())
	r.poll(fmt.Sprintf("renewal of node %d's lease", id), func() bool { return len(r.readers[id].Leases()) > n })
}

// renewalsEnd waits until a lease has not been renewed for two failure timeouts.
func (r *rig) renewalsEnd(id fence.NodeID) {
	r.t.Helper()
	n, since := -1, time.Now()
	r.poll(fmt.Sprintf("end of the renewals of node %d", id), func() bool {
		if m := len(r.readers[id].Leases()); m != n {
			n, since = m, time.Now()
		}
		return time.Since(since) > 2*r.c.FailureTimeout()
	})
}

// poll looks again every few milliseconds; for what has no event to wait for.
func (r *rig) poll(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(Slow(20 * time.Second))
	for !ok() {
		if time.Now().After(deadline) {
			r.t.Fatalf("no %s in time", what)
		}
		<-tick.C
	}
}

package world

import (
	"slices"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/membership"
)

func onCorosync(seed uint64, nodes, minutes int) Options {
	return Options{Seed: seed, Nodes: nodes, Minutes: minutes, Membership: Corosync}
}

// Clusters on corosync break no invariant either; the sim stage of test/verify runs more of them.
func TestSeedsOnCorosync(t *testing.T) {
	for _, c := range []struct {
		from, to       uint64
		nodes, minutes int
	}{{0, 40, 3, 10}, {0, 100, 2, 10}, {1000, 1020, 5, 10}, {2000, 2001, 16, 3}} {
		onCorosyncs(t, c.from, c.to, c.nodes, c.minutes)
	}
}

// With two_node either side is quorate, and still there is one log, one survivor, and no release of a life that runs.
func TestSeedsOfTwoNode(t *testing.T) {
	each(0, 100, func(seed uint64) {
		o := onCorosync(seed, 2, 10)
		o.Membership = TwoNode
		if r := Run(o); r.Violation != nil {
			t.Errorf("seed %d breaks %s after %d ms: %s\n  replay: fenced sim --membership two_node --seed %d --nodes 2 --minutes 10 --verbose",
				seed, r.Violation.Invariant, r.Violation.AtMS, r.Violation.Text, seed)
		}
	})
}

// onCorosyncs demands that no seed breaks an invariant over corosync.
func onCorosyncs(t *testing.T, from, to uint64, nodes, minutes int) {
	t.Helper()
	each(from, to, func(seed uint64) {
		if r := Run(onCorosync(seed, nodes, minutes)); r.Violation != nil {
			t.Errorf("seed %d of %d nodes breaks %s after %d ms: %s\n  replay: fenced sim --membership corosync --seed %d --nodes %d --minutes %d --verbose",
				seed, nodes, r.Violation.Invariant, r.Violation.AtMS, r.Violation.Text, seed, nodes, minutes)
		}
	})
}

// The same seed gives the same run, also over corosync; and it is another run than over the embedded log.
func TestReplayOnCorosync(t *testing.T) {
	for seed := range uint64(20) {
		a, b := Run(onCorosync(seed, 3, 2)), Run(onCorosync(seed, 3, 2))
		if a.Hash != b.Hash || a.Events != b.Events {
			t.Fatalf("seed %d: hash %x, then %x", seed, a.Hash, b.Hash)
		}
		if a.Hash == Run(options(seed, 3, 2)).Hash {
			t.Fatalf("seed %d is the embedded run", seed)
		}
	}
}

// Each membership has its own kinds of faults, and both the common ones.
func TestKindsOfMemberships(t *testing.T) {
	coro, embedded := KindsOf(Corosync), KindsOf("")
	for _, k := range []string{"corosync", "freeze", "streams", "choke", "ghost", "merge", "hole"} {
		if !slices.Contains(coro, k) || slices.Contains(embedded, k) {
			t.Errorf("%s is corosync's alone", k)
		}
	}
	for _, k := range []string{"election", "handover", "loss", "proposal"} {
		if slices.Contains(coro, k) || !slices.Contains(embedded, k) {
			t.Errorf("%s is the embedded log's alone", k)
		}
	}
	if !slices.Contains(coro, "kill") || !slices.Contains(embedded, "kill") {
		t.Error("a daemon can be killed anywhere")
	}
}

// The judge of commits refuses what is told and is on too few disks, what differs from what another was told, and what comes after its time (R6).
func TestWhatIsToldIsJudged(t *testing.T) {
	view := func(instance string) (uint64, member.Input) {
		m := domain.Origin{Incarnation: fence.Incarnation{Node: 1, Boot: "b"}, Instance: instance}
		return saidView(membership.View{Members: []membership.Member{{Instance: instance}}}), member.ViewInstalled{Members: []domain.Origin{m}, Quorate: true}
	}
	for words, tell := range map[string]func(w *World, p *proc){
		"that 1 disks have": func(w *World, p *proc) {
			said, in := view("x")
			w.rings.disks[had{w.rings.top + 1, said}] = 1
			w.told(p, w.rings.top+1, said, in)
		},
		"another entry at index": func(w *World, p *proc) { w.told(p, 1, 7, member.QuorumHeld{}) },
		"which had none": func(w *World, p *proc) {
			w.rings.top += 2
			w.told(p, w.rings.top, 7, member.QuorumHeld{})
		},
		"": func(w *World, p *proc) {
			said, in := view("x")
			w.rings.disks[had{w.rings.top + 1, said}] = 0b101
			w.told(p, w.rings.top+1, said, in)
		},
	} {
		w := newWorld(onCorosync(1, 3, 1))
		tell(w, &proc{w: w, n: w.nodes[0], run: &runID{}})
		switch v := w.check.violation; {
		case words == "" && v != nil:
			t.Errorf("what two of three disks have is refused: %s", v.Text)
		case words != "" && (v == nil || v.Invariant != "R6" || !strings.Contains(v.Text, words)):
			t.Errorf("got %+v, want %q", v, words)
		}
	}
}

package membershiptest

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// Cluster is n configured nodes, ids from 1 to n with one vote each, none of them running. The test starts and hurts them.
type Cluster interface {
	// Start runs the daemon of a node on what its store kept; the node must not be running.
	Start(self membership.Self) (membership.Provider, error)
	// Kill ends a daemon without a goodbye. The store stays.
	Kill(id fence.NodeID)
	// Cut drops everything between two nodes; Heal ends all cuts.
	Cut(a, b fence.NodeID)
	Heal()
	// Compact makes the running daemons snapshot their state and forget the log before it.
	Compact() error
	// FailureTimeout is what the nodes use.
	FailureTimeout() time.Duration
	// Close ends everything; it runs before the test checks for leaks.
	Close()
}

// Factory makes a Cluster of n nodes.
type Factory func(t testing.TB, n int) Cluster

// Slow multiplies test deadlines by FENCED_TEST_SLOW.
func Slow(d time.Duration) time.Duration {
	f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64)
	if err != nil || f < 1 {
		f = 1
	}
	return time.Duration(float64(d) * f)
}

// rig is a cluster with one reader for each running daemon.
type rig struct {
	t       testing.TB
	c       Cluster
	readers map[fence.NodeID]*Reader // current run
	all     []*Reader                // every run ever
	starts  int
}

func newRig(t testing.TB, f Factory, n int) *rig {
	r := &rig{t: t, c: f(t, n), readers: make(map[fence.NodeID]*Reader)}
	t.Cleanup(func() {
		for id := range r.readers {
			r.c.Kill(id)
		}
		r.c.Close()
		for _, rd := range r.all {
			rd.Wait()
		}
		r.checkOrder()
		r.checkOnce()
	})
	for id := 1; id <= n; id++ {
		r.start(fence.NodeID(id), 1)
	}
	return r
}

// start runs a node in the given boot, with a new instance.
func (r *rig) start(id fence.NodeID, boot int) *Reader {
	r.t.Helper()
	r.starts++
	self := membership.Self{Node: id, Boot: fmt.Sprintf("boot-%d-of-%d", boot, id), Instance: fmt.Sprintf("instance-%d", r.starts)}
	p, err := r.c.Start(self)
	if err != nil {
		r.t.Fatalf("start of node %d: %v", id, err)
	}
	rd := NewReader(r.t, self, p)
	r.readers[id] = rd
	r.all = append(r.all, rd)
	return rd
}

func (r *rig) kill(id fence.NodeID) {
	r.c.Kill(id)
	r.readers[id].Wait()
	delete(r.readers, id)
}

// settle waits until every running reader has the quorate view of exactly these nodes in their present runs.
func (r *rig) settle(ids ...fence.NodeID) {
	r.t.Helper()
	for _, id := range ids {
		r.readers[id].Until("a quorate view of "+fmt.Sprint(ids), func(s *State) bool {
			return s.View.Quorate && r.present(s.View, ids)
		})
	}
}

func (r *rig) present(v membership.View, ids []fence.NodeID) bool {
	if len(v.Members) != len(ids) {
		return false
	}
	for i, id := range ids {
		if v.Members[i] != r.readers[id].Member() {
			return false
		}
	}
	return true
}

// propose proposes and waits until the proposer has its outcome.
func (r *rig) propose(id fence.NodeID, number uint64, data string) bool {
	r.t.Helper()
	rd := r.readers[id]
	if err := rd.P.Propose(number, []byte(data)); err != nil {
		r.t.Fatalf("propose %d on node %d: %v", number, id, err)
	}
	return rd.Outcome(number)
}

// seen waits until a reader's state has this text.
func (r *rig) seen(id fence.NodeID, text string) {
	r.t.Helper()
	r.readers[id].Until("entry "+text, func(s *State) bool { return s.Has(text) })
}

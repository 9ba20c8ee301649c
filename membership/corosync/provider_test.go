package corosync

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

// A node whose disk or reader fails goes out of service, for good, and every proposal has its one outcome (R20). No corosync is needed for that.
func TestFailedNodeAnswersItsProposals(t *testing.T) {
	var missing *libcorosync.MissingError
	p, err := Open(Config{
		Self: membership.Self{Node: 1, Boot: "b", Instance: "i"}, Cluster: "c", StateDir: t.TempDir(),
		Enter: func() error { return errors.New("no corosync in this test") },
	})
	if errors.As(err, &missing) {
		t.Skipf("SKIP %s: %s is not installed", t.Name(), missing.Package)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Propose(1, []byte("x")); err != nil {
		t.Fatal(err)
	}
	p.Fail("the session record cannot be written")
	p.Fail("twice is once")
	if err := p.Propose(2, []byte("y")); err != nil {
		t.Fatal(err)
	}
	outcomes, lost := map[uint64]int{}, 0
	end := time.After(10 * time.Second)
	for len(outcomes) < 2 || lost == 0 {
		select {
		case e := <-p.Events():
			switch e := e.(type) {
			case membership.Outcome:
				outcomes[e.Number]++
				if e.Delivered || outcomes[e.Number] > 1 {
					t.Errorf("outcome %+v, the %d. of it", e, outcomes[e.Number])
				}
			case membership.QuorumLost:
				lost++
				if !e.Final || !strings.Contains(e.Why, "the session record cannot be written") {
					t.Errorf("%+v", e)
				}
			}
		case <-end:
			t.Fatalf("outcomes %v, told of the loss %d times", outcomes, lost)
		}
	}
	if w := p.Info().Waiting; len(w) == 0 || !strings.Contains(w[0].What, "out of the cluster") {
		t.Errorf("status says %+v", w)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Propose(3, nil); !errors.Is(err, membership.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

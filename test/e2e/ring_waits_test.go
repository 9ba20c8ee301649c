package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// A machine dies, its link is cut, or its corosync is killed; its device answers nothing. Within a second of the ring that lost it, the status of those
// who remain names whom is waited for: a member that has said nothing in this ring yet, or the node that must end. The node itself says what it misses.
// Before the ring has changed nobody can know: that takes corosync its token and consensus.
func TestRingStatusSaysWhomItWaitsFor(t *testing.T) {
	for name, fault := range map[string]struct {
		does func(ctx context.Context, n *playground.Node) error
		says func(client.Status) bool // what the node itself says, nil where nobody is left to say it
	}{
		"MachineDies":    {does: func(_ context.Context, n *playground.Node) error { return n.Kill() }},
		"LinkIsCut":      {does: func(_ context.Context, n *playground.Node) error { return n.Cut() }, says: hasNoQuorum},
		"CorosyncKilled": {does: func(ctx context.Context, n *playground.Node) error { return n.SignalCorosync(ctx, unix.SIGKILL) }, says: missesCorosync},
	} {
		t.Run(name, func(t *testing.T) {
			c, ctx := ring(t, playground.Options{BMCs: stuck})
			a := accidentOf(t, c)
			must(t, c.BMC(3).SetKnobs(ctx, "hang"))
			must(t, fault.does(ctx, c.Node(3)))
			words := map[int]func(client.Status) bool{1: waitsForSomebody, 2: waitsForSomebody}
			if fault.says != nil {
				words[3] = fault.says
			}
			a.soon(ctx, words)
			for _, i := range []int{1, 2} {
				a.await(ctx, c.Node(i).Name+" to wait for the end of node-3", func() bool {
					return slices.ContainsFunc(status(ctx, c.Node(i)).Operations, func(o client.Operation) bool { return o.Victim == "node-3" })
				})
			}
			must(t, c.Node(3).Heal())
			must(t, c.BMC(3).SetKnobs(ctx))
			a.over(ctx, 3)
			a.once(ctx, 3)
		})
	}
}

// waitsForSomebody reports whether a status names who is waited for: in a wait of the membership, or by an open operation.
func waitsForSomebody(s client.Status) bool {
	return len(s.Operations) > 0 || slices.ContainsFunc(s.Waiting, func(w client.Waiting) bool { return len(w.For) > 0 })
}

// hasNoQuorum reports whether a status says that its node stands still, and how many votes it lacks.
func hasNoQuorum(s client.Status) bool {
	return !s.Quorate && s.Frozen && s.FrozenWhy != "" && s.Votes.Have < s.Votes.Need
}

// missesCorosync reports whether a status says that its node waits for its corosync.
func missesCorosync(s client.Status) bool {
	return slices.ContainsFunc(s.Waiting, func(w client.Waiting) bool { return strings.Contains(w.What, "corosync does not run on this node") })
}

// soon waits until the status of some nodes shows that their ring has lost votes, and says what it must; it demands that of each within a second of the
// other.
func (a *accident) soon(ctx context.Context, words map[int]func(client.Status) bool) {
	a.t.Helper()
	lost, said := map[int]time.Time{}, map[int]time.Time{}
	a.await(ctx, "status to say what is waited for", func() bool {
		for i, says := range words {
			s := status(ctx, a.c.Node(i))
			if s.Node == "" || !said[i].IsZero() {
				continue
			}
			if lost[i].IsZero() && s.Votes.Have < len(a.c.Nodes()) {
				lost[i] = time.Now()
			}
			if !lost[i].IsZero() && says(s) {
				said[i] = time.Now()
				a.t.Logf("%s %v later: waits for %+v, operations %+v", a.c.Node(i).Name, said[i].Sub(lost[i]), s.Waiting, s.Operations)
			}
		}
		return len(said) == len(words)
	})
	for i := range words {
		if late := said[i].Sub(lost[i]); late > patience(time.Second) {
			a.t.Errorf("%s said it %v after its ring had lost votes", a.c.Node(i).Name, late)
		}
	}
}

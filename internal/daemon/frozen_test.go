package daemon

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/fence"
)

// Status says that this node does nothing and why, whatever the reason is; a state that is not the majority's is shown on every node.
func TestStatusSaysThatThisNodeIsFrozen(t *testing.T) {
	l := newLab(t)
	l.until(1, "a lease", func(s client.Status) bool { return !s.Frozen && s.FrozenWhy == "" && s.Armed })
	for _, x := range l.nodes { // as if the comparison had said so: what leads to it is the domain's and the member's business
		if err := x.d.ask(l.ctx(), func() { n := x.d.member.Domain().Node(3); n.Frozen = n.Instance }); err != nil {
			t.Fatal(err)
		}
	}
	l.until(3, "node 3 frozen", func(s client.Status) bool {
		return s.Frozen && strings.Contains(s.FrozenWhy, "not that of the majority") && !s.Healthy()
	})
	l.until(1, "what node 1 says of it", func(s client.Status) bool {
		return !s.Frozen && slices.Contains(s.Nodes[2].Flags, client.FlagFrozen) && !slices.Contains(s.Nodes[0].Flags, client.FlagFrozen) &&
			slices.ContainsFunc(s.Attention, func(a client.Attention) bool { return a.Code == client.AttentionDiverged && a.Node == "node-3" })
	})
	l.stop(2)
	l.stop(3)
	l.until(1, "no quorum", func(s client.Status) bool { return s.Frozen && strings.Contains(s.FrozenWhy, "quorate") })
}

// S4.2: the deciding loop of node 3 stands still, and everything else of its daemon runs: nobody feeds its watchdog, because the loop does and nothing
// else (SAFETY.md, R14). Node 1's, which answers the same pings, goes on; and who asks node 3 is told that nothing answers, by his own deadline.
// part of: S4.2
func TestALoopThatStandsStillFeedsNothing(t *testing.T) {
	holders := map[fence.NodeID]*holderFake{1: {state: openState()}, 3: {state: openState()}}
	l := newGuardedLab(t, holders)
	for _, id := range []fence.NodeID{1, 3} {
		l.until(id, "its watchdog is fed", func(client.Status) bool { return holders[id].renewed() > 2 })
	}
	stands, gone := make(chan struct{}), make(chan struct{})
	blocked := make(chan error, 1)
	go func() { blocked <- l.nodes[3].d.ask(l.ctx(), func() { close(stands); <-gone }) }()
	<-stands
	goesOn := func(words int) {
		before := holders[1].renewed()
		l.until(1, "node 1 to be fed on", func(client.Status) bool { return holders[1].renewed() > before+words })
	}
	goesOn(2) // what was on its way to node 3's holder is there
	before := holders[3].renewed()
	goesOn(int(watchdogLook/(200*time.Millisecond)) + 2) // a word is 200 ms at least: its keeper has looked meanwhile
	if n := holders[3].renewed(); n > before {
		t.Errorf("fed %d times by a loop that stands still", n-before)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := l.nodes[3].d.Status(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("its status: %v", err)
	}
	close(gone)
	if err := <-blocked; err != nil {
		t.Error(err)
	}
}

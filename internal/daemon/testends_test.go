package daemon

import (
	"strings"
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/fence"
)

// A test holds sessions of BMCs that have few: an operation ends it wherever it runs, also on who does not act.
func TestAnOperationOfAnotherMemberEndsATest(t *testing.T) {
	l := newLab(t, func(r *fence.Roster) { // node-1 acts, and its first walk lasts, however busy this machine is
		r.Timing.StaggerMS = testTimeout.Milliseconds()
		for i := range r.Devices {
			r.Devices[i].AttemptMS = testTimeout.Milliseconds()
		}
	})
	l.hang.Store(true)
	defer l.hang.Store(false)
	d, ctx, got := l.nodes[2].d, l.ctx(), make(chan client.Test, 1)
	go func() {
		doc, err := d.Test(ctx, "")
		if err != nil {
			t.Error(err)
		}
		got <- doc
	}()
	l.until(2, "a read that takes its time", func(client.Status) bool { return l.calls[2].Load() > 0 })
	l.stop(3)
	doc, actor := <-got, fence.NodeID(0)
	if err := d.ask(ctx, func() {
		if v := d.member.Domain().Node(3).Victim; v != nil && v.Claim != nil {
			actor = v.Claim.Actor.Node
		}
	}); err != nil || actor == 2 {
		t.Fatalf("it ended with this node's own operation: actor %d, %v", actor, err)
	}
	for _, n := range doc.Nodes {
		for _, d := range n.Devices {
			if !strings.Contains(d.Text, "an operation began") {
				t.Errorf("%s: %q", n.Node, d.Text)
			}
		}
	}
}

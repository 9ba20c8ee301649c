package daemon

import (
	"context"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/membership"
)

// TestASnapshotThatDoesNotDecodeEndsTheDaemon: a node that would go on with an older story than the others believe takes no duty at all (I3, S3).
func TestASnapshotThatDoesNotDecodeEndsTheDaemon(t *testing.T) {
	l := newLab(t)
	r := l.nodes[3]
	delete(l.nodes, 3)
	before := ""
	if err := r.d.ask(l.ctx(), func() {
		before = r.d.member.Domain().Hash()
		r.d.provided(membership.SnapshotInstalled{Index: 1 << 30, Data: []byte(`{"index":1,"nodes":"none"}`)})
		if r.d.member.Domain().Hash() != before {
			t.Error("something of it was believed")
		}
	}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-r.done:
		if err == nil || !strings.Contains(err.Error(), "snapshot") {
			t.Fatalf("the daemon ended with %v", err)
		}
	case <-l.ctx().Done():
		t.Fatal("the daemon goes on")
	}
	r.cancel()
}

// TestAQuestionThatWasGivenUpIsNotCarriedOut: who was told that his time is over is not obeyed behind his back.
func TestAQuestionThatWasGivenUpIsNotCarriedOut(t *testing.T) {
	d := &Daemon{inputs: make(chan any, 1), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	ran := false
	asked := make(chan error, 1)
	go func() { asked <- d.ask(ctx, func() { ran = true }) }()
	in := (<-d.inputs).(func()) // the loop has it in hand, and the caller gives up first
	cancel()
	if err := <-asked; err == nil {
		t.Fatal("no error for a question that was given up")
	}
	in()
	if ran {
		t.Fatal("it was carried out all the same")
	}
}

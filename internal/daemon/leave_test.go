package daemon

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/api"

	"github.com/fenced-project/fenced/client"
)

// ended waits for the end of a daemon that nobody stopped.
func (l *lab) ended(id fence.NodeID) {
	l.t.Helper()
	r := l.nodes[id]
	delete(l.nodes, id)
	defer r.cancel()
	select {
	case err := <-r.done:
		if err != nil {
			l.t.Fatalf("daemon %d: %v", id, err)
		}
	case <-time.After(testTimeout):
		l.t.Fatalf("daemon %d did not end", id)
	}
}

func (l *lab) unharmed() {
	l.t.Helper()
	for id := fence.NodeID(1); id <= 3; id++ {
		if n := l.count(id); n != 0 {
			l.t.Fatalf("%d power-offs of node %d", n, id)
		}
	}
}

func TestWhoAskedToLeaveIsAnsweredAndTheDaemonEnds(t *testing.T) { // S2.12
	l := newLab(t)
	done, err := l.nodes[3].d.Leave(l.ctx(), api.LeaveArgs{Reason: "test", Timeout: testTimeout})
	if err != nil || done.Index == 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	l.ended(3)
	l.cluster.Kill(3)
	s := l.until(1, "a view without node-3", func(s client.Status) bool { return s.Nodes[2].Instance == "" })
	if s.Nodes[2].State != client.StateLeft {
		t.Fatalf("%+v", s.Nodes[2])
	}
	l.unharmed()
	_, err = l.nodes[2].d.Leave(l.ctx(), api.LeaveArgs{Reason: "test", Timeout: testTimeout})
	if client.CodeOf(err) != client.CodeUnsafe {
		t.Fatalf("the rest would have no quorum: %v", err)
	}
	if s := l.until(2, "an answer", func(client.Status) bool { return true }); s.Nodes[1].State != client.StateMember {
		t.Fatalf("after a refused leave: %+v", s.Nodes[1])
	}
}

func TestADaemonThatIsToldToEndLeavesFirst(t *testing.T) { // what SIGTERM does
	l := newLab(t)
	r := l.nodes[3]
	if err := r.d.ask(l.ctx(), func() { r.d.cfg.LeaveTimeout = testTimeout }); err != nil {
		t.Fatal(err)
	}
	r.cancel()
	l.ended(3)
	l.cluster.Kill(3)
	s := l.until(1, "a view without node-3", func(s client.Status) bool { return s.Nodes[2].Instance == "" })
	if s.Nodes[2].State != client.StateLeft {
		t.Fatalf("%+v", s.Nodes[2])
	}
	l.unharmed()
}

func TestADaemonThatCannotLeaveEndsAtOnce(t *testing.T) { // no quorum: SIGTERM waits for nothing that cannot come
	l := newLab(t)
	l.stop(2)
	l.stop(3)
	l.until(1, "no quorum", func(s client.Status) bool { return !s.Quorate })
	r := l.nodes[1]
	if err := r.d.ask(l.ctx(), func() { r.d.cfg.LeaveTimeout = time.Hour }); err != nil {
		t.Fatal(err)
	}
	r.cancel()
	l.ended(1)
}

func TestRefusalsOfALeaveHaveTheirExitCodes(t *testing.T) {
	for _, x := range []struct {
		answer member.Answer
		code   client.Code
	}{
		{member.Answer{}, client.CodeOK},
		{member.Answer{Unknown: true}, client.CodeUnknown},
		{member.Answer{Err: fence.ErrNoQuorum}, client.CodeNoQuorum},
		{member.Answer{Err: fmt.Errorf("%w: x", member.ErrResidue)}, client.CodeDirty},
		{member.Answer{Err: member.ErrUnsure}, client.CodeResidualUnknown},
		{member.Answer{Err: member.ErrHeld}, client.CodeTryAgain},
		{member.Answer{Err: member.ErrLate}, client.CodeTimeout},
		{member.Answer{Err: member.ErrNotMember}, client.CodeError},
		{member.Answer{Err: fmt.Errorf("entry rejected: %w", fence.ErrUnsafe)}, client.CodeUnsafe},
		{member.Answer{Err: errors.New("else")}, client.CodeError},
	} {
		if got := client.CodeOf(leaveError(x.answer)); got != x.code {
			t.Errorf("%+v: code %d, want %d", x.answer, got, x.code)
		}
	}
}

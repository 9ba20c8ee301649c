package corosync

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/membershiptest"
)

// What votequorum counts, and what fenced makes of it (R6, R15), on real rings.

func alone(e membership.Event) bool {
	v, ok := e.(membership.ViewInstalled)
	return ok && len(v.View.Members) == 1
}

// needs waits until a node says that a quorum needs so many votes.
func (p *party) needs(id fence.NodeID, votes int) {
	p.t.Helper()
	p.until("a quorum to need other votes", func() bool { return p.provider(id).Info().Need == votes })
}

// R6: expected votes that an operator sets while fenced runs are counted by at once, without a restart of anything; and when the others are back,
// theirs are.
func TestExpectedVotesAreFollowed(t *testing.T) {
	p := newParty(t, 3)
	p.all()
	p.needs(1, 2)
	p.Node(2).Kill()
	p.Node(3).Kill()
	p.waits(1, "2 needed")
	mark := p.readers[1].Mark()
	p.Node(1).Run("corosync-quorumtool", "-e", "1")
	p.view(1)
	p.commits(1, 1, "by the operator's word")
	p.needs(1, 1)
	if p.readers[1].Any(mark, another) {
		t.Error("it connected anew")
	}
	p.Node(2).Start()
	p.Node(3).Start()
	p.view(1, 2, 3)
	p.needs(1, 2)
	p.readers[3].Until("what it missed", func(s *membershiptest.State) bool { return s.Has("by the operator's word") })
}

// The same with two_node, where the ring was quorate all the time: what a quorum needs is all that changes.
func TestExpectedVotesAreFollowedWithTwoNode(t *testing.T) {
	p := twoNode(t, "  two_node: 1\n")
	p.view(1, 2)
	p.Node(2).Kill()
	p.waits(1, "the other node is not here")
	if p.readers[1].Any(0, alone) {
		t.Error("a view of one without a proof")
	}
	p.Node(1).Run("corosync-quorumtool", "-e", "1")
	p.view(1)
}

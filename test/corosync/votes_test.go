package corosync

import (
	"os"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
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

// quorumOf starts so many daemons over corosyncs with these lines in their section quorum, and waits for their view.
func quorumOf(t *testing.T, nodes int, quorum string) *party {
	l := &lab{Cluster: New(t, Options{Nodes: nodes, Quorum: quorum}), t: t, timeout: Slow(time.Second), dir: t.TempDir()}
	l.running = map[fence.NodeID]*providerOf{}
	l.Cluster.Start()
	p := &party{lab: l, readers: map[fence.NodeID]*membershiptest.Reader{}}
	t.Cleanup(l.Close)
	return p
}

// doubts says that the reader was told that two sides may be quorate (R15).
func doubts(e membership.Event) bool { _, ok := e.(membership.SidesQuorate); return ok }

// R6, R15: of two even halves the one with the tie breaker's node goes on, and the other does not; no watchdog's time is a proof.
func TestAutoTieBreakerLetsOneHalfGoOn(t *testing.T) {
	p := quorumOf(t, 4, "  auto_tie_breaker: 1\n  auto_tie_breaker_node: 3\n")
	p.all()
	p.needs(1, 3)
	p.readers[1].Event("the doubt about watchdogs", 0, doubts)
	for _, a := range []int{1, 2} {
		for _, b := range []int{3, 4} {
			p.Cluster.Cut(a, b)
		}
	}
	mark := p.readers[1].Mark()
	p.view(3, 4)
	p.commits(4, 1, "with the tie breaker")
	p.readers[1].Event("QuorumLost", mark, lost)
	p.Heal()
	p.view(1, 2, 3, 4)
	p.readers[1].Until("what the others committed", func(s *membershiptest.State) bool { return s.Has("with the tie breaker") })
}

// R6: corosync counts by those who are left (last_man_standing), and is quorate with two of five; fenced commits nothing there, because the three who
// are away could, and goes on with the third.
func TestLastManStandingIsNotFollowedBelowAMajority(t *testing.T) {
	p := quorumOf(t, 5, "  last_man_standing: 1\n  last_man_standing_window: 500\n  wait_for_all: 1\n")
	p.all()
	expects := func(votes uint32) {
		p.until("corosync to expect fewer votes", func() bool {
			var v libcorosync.Votes
			must(t, p.Node(1).Do(func() error {
				q, err := libcorosync.OpenVoteQuorum()
				if err != nil {
					return err
				}
				defer q.Close()
				v, err = q.Votes(1)
				return err
			}))
			return v.Expected == votes && v.Flags&libcorosync.FlagQuorate != 0
		})
	}
	p.Node(4).Kill()
	p.Node(5).Kill()
	p.view(1, 2, 3)
	expects(3)
	p.Node(3).Kill()
	expects(2)
	p.waits(1, "2 votes of stores that the log knows, 3 needed")
	p.needs(1, 3)
	if p.readers[1].Any(0, func(e membership.Event) bool {
		v, ok := e.(membership.ViewInstalled)
		return ok && len(v.View.Members) == 2
	}) {
		t.Error("a view of two")
	}
	p.Node(3).Start()
	p.view(1, 2, 3)
	p.commits(3, 1, "with a majority")
}

// R6, R23: a quorum device says which of two nodes is quorate, and has no log: the one that is goes on when it has proven the other off.
func TestAQuorumDeviceIsNoStore(t *testing.T) {
	if why := DeviceMissing(); why != "" {
		if os.Getenv("FENCED_TEST_REQUIRE") == "all" {
			t.Fatalf("SKIP %s: %s (and FENCED_TEST_REQUIRE=all)", t.Name(), why)
		}
		t.Skipf("SKIP %s: %s", t.Name(), why)
	}
	p := quorumOf(t, 2, DeviceLines())
	p.StartArbiter()
	p.all()
	p.Node(1).StartDevice()
	p.Node(2).StartDevice()
	p.until("the device's vote", func() bool { return p.provider(1).Info().Votes == 3 && p.provider(2).Info().Votes == 3 })
	peer := p.readers[2].Member()
	p.Cut(1, 2)
	p.readers[1].Event("it is parted from node 2", 0, func(e membership.Event) bool {
		parted, ok := e.(membership.Parted)
		return ok && parted.Member == peer
	})
	if p.readers[1].Any(0, alone) {
		t.Error("a view of one without a proof")
	}
	p.until("node 1 to go on alone", func() bool {
		p.running[1].Vouch(peer.Incarnation) // the device's vote is away for a moment when the ring changes: a proof that comes then is told again
		return p.readers[1].Any(0, alone)
	})
	p.waits(2, "nothing proves yet that it is over")
	if p.readers[2].Any(0, alone) {
		t.Error("both go on")
	}
}

package embedded

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/membershiptest"
)

func (p *party) setNodes(nodes []NodeConfig, ids ...fence.NodeID) {
	p.t.Helper()
	for _, id := range ids {
		if err := p.node(id).SetNodes(nodes); err != nil {
			p.t.Fatal(err)
		}
	}
}

// A node that gets another address is followed there, and follows itself, without a restart and without leaving the view; the old port is closed.
func TestAnAddressIsFollowed(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	mark := p.readers[1].Mark()
	old := p.nodes[1].Address
	elsewhere := slices.Clone(p.nodes)
	elsewhere[1].Address = membershiptest.FreePort(t)
	p.setNodes(elsewhere, 1, 3) // it lags: what tells it to move has to reach it where it still is
	p.commits(1, 1, "move")
	p.readers[2].Until("the word to move", func(s *membershiptest.State) bool { return s.Has("move") })
	p.never("the node that moves is missed", 2*p.timeout, func() bool {
		return p.readers[1].Any(mark, func(e membership.Event) bool { _, ok := e.(membership.ViewInstalled); return ok })
	})
	p.setNodes(elsewhere, 2)
	p.until("the old port to be closed", func() bool {
		c, err := net.DialTimeout("tcp", old, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	p.commits(2, 1, "from elsewhere")
	p.commits(1, 2, "to elsewhere")
	at := func() time.Duration { return p.node(1).Info().Paths[0].LastSeen }
	p.until("pings from the new address", func() bool { return at() >= 0 && at() < p.timeout/2 })
	if p.readers[1].Any(mark, func(e membership.Event) bool { _, ok := e.(membership.ViewInstalled); return ok }) {
		t.Error("the view changed")
	}
}

// A node whose file is from before learns of the newer roster although a node leads that its file does not name (S5.8).
func TestAnOldFileReplicatesFromALeaderThatItDoesNotName(t *testing.T) {
	p := newParty(t, 4)
	four := p.nodes
	p.startAll()
	p.until("four voters", func() bool { return len(p.node(1).fsm.known().voters) == 4 })
	p.kill(3)
	p.settle(1, 2, 4)
	for p.leader() != 4 {
		l := p.node(p.leader())
		id := p.node(4).mux.server
		_ = l.running().LeadershipTransferToServer(id, raft.ServerAddress(id)).Error() // asked again if it failed
	}
	p.commits(1, 1, "a newer roster")
	p.nodes = four[:3]
	p.start(3, 2)
	p.nodes = four
	p.readers[3].Until("what was committed while it was away", func(s *membershiptest.State) bool { return s.Has("a newer roster") })
	p.setNodes(four, 3)
	p.settle(1, 2, 3, 4)
}

// A roster of the past, read again at a start, takes nobody's store out.
func TestAnOldRosterTakesNobodyOut(t *testing.T) {
	p := newParty(t, 4)
	p.startAll()
	p.until("four voters", func() bool { return len(p.node(1).fsm.known().voters) == 4 })
	l := p.node(p.leader())
	if err := l.SetNodes(without(p.nodes, p.leader()%4+1)); err != nil {
		t.Fatal(err)
	}
	r := l.running()
	if err := l.tidy(r, l.fsm.known(), membership.BootMS()); err != nil {
		t.Fatal(err)
	}
	if n := len(r.GetConfiguration().Configuration().Servers); n != 4 {
		t.Errorf("%d servers at once after an old roster", n)
	}
	if err := l.SetNodes(p.nodes); err != nil {
		t.Fatal(err)
	}
}

func without(nodes []NodeConfig, id fence.NodeID) []NodeConfig {
	return slices.DeleteFunc(slices.Clone(nodes), func(n NodeConfig) bool { return n.ID == id })
}

// A node whose vote is taken by the roster votes in the log no more.
func TestAVoteThatIsTaken(t *testing.T) {
	p := newParty(t, 4)
	p.startAll()
	p.until("four voters", func() bool { return len(p.node(1).fsm.known().voters) == 4 })
	p.commits(1, 1, "before")
	l := p.leader()
	three := slices.Clone(p.nodes)
	three[l-1].Votes = 0 // the leader itself: it hands over first
	p.setNodes(three, 1, 2, 3, 4)
	p.until("three voters", func() bool {
		k := p.node(l%4 + 1).fsm.known()
		return len(k.voters) == 3 && !slices.Contains(k.voters, p.node(l).mux.server)
	})
	p.settle(1, 2, 3, 4)
	p.commits(l, 2, "without a vote")
}

package embedded

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/membershiptest"
)

// party is a lab with a reader on each running node, for tests of what is embedded's own.
type party struct {
	*lab
	readers map[fence.NodeID]*membershiptest.Reader
	starts  int
}

func newParty(t testing.TB, n int) *party {
	return &party{lab: newLab(t, n), readers: make(map[fence.NodeID]*membershiptest.Reader)}
}

func (p *party) start(id fence.NodeID, boot int) *Provider {
	p.t.Helper()
	pr, err := p.tryStart(id, boot)
	if err != nil {
		p.t.Fatalf("start of node %d: %v", id, err)
	}
	return pr
}

func (p *party) tryStart(id fence.NodeID, boot int) (*Provider, error) {
	p.starts++
	self := membership.Self{Node: id, Boot: fmt.Sprintf("boot-%d-of-%d", boot, id), Instance: fmt.Sprintf("instance-%d", p.starts)}
	mp, err := p.Start(self)
	if err != nil {
		return nil, err
	}
	p.readers[id] = membershiptest.NewReader(p.t, self, mp)
	return mp.(*Provider), nil
}

func (p *party) startAll() {
	p.t.Helper()
	for _, n := range p.nodes {
		p.start(n.ID, 1)
	}
	var ids []fence.NodeID
	for _, n := range p.nodes {
		ids = append(ids, n.ID)
	}
	p.settle(ids...)
}

func (p *party) kill(id fence.NodeID) {
	p.Kill(id)
	p.readers[id].Wait()
}

// settle waits for the quorate view of the present runs of these nodes, on all of them.
func (p *party) settle(ids ...fence.NodeID) {
	p.t.Helper()
	for _, id := range ids {
		p.readers[id].Until(fmt.Sprintf("quorate view of %v", ids), func(s *membershiptest.State) bool {
			var want []membership.Member
			for _, o := range ids {
				want = append(want, p.readers[o].Member())
			}
			return s.View.Quorate && slices.Equal(s.View.Members, want)
		})
	}
}

func (p *party) commits(id fence.NodeID, number uint64, text string) {
	p.t.Helper()
	if err := p.readers[id].P.Propose(number, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
	if !p.readers[id].Outcome(number) {
		p.t.Fatalf("node %d cannot commit %q", id, text)
	}
}

// leader waits for a leader that everybody here agrees on.
func (p *party) leader() fence.NodeID {
	p.t.Helper()
	var l fence.NodeID
	p.until("leader", func() bool {
		l = 0
		for _, n := range p.nodes {
			pr := p.node(n.ID)
			if pr == nil {
				continue
			}
			i := pr.Info().Leader
			if i == 0 || l != 0 && i != l {
				return false
			}
			l = i
		}
		return l != 0
	})
	return l
}

// leads moves leadership to a node.
func (p *party) leads(id fence.NodeID) {
	p.t.Helper()
	p.until(fmt.Sprintf("leadership of node %d", id), func() bool {
		l := p.leader()
		if l != id {
			to := p.node(id).mux.server
			_ = p.node(l).running().LeadershipTransferToServer(to, raft.ServerAddress(to)).Error() // tried again if it fails
		}
		return l == id
	})
}

// until polls for what no event tells.
func (p *party) until(what string, ok func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(membershiptest.Slow(20 * time.Second))
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			p.t.Fatalf("no %s in time", what)
		}
		<-tick.C
	}
}

// refusedOf waits until a reader's node has refused somebody for a reason.
func refusedOf(rd *membershiptest.Reader) func(reason func(string) bool) {
	return func(reason func(string) bool) {
		rd.Event("refusal", 0, func(e membership.Event) bool {
			r, ok := e.(membership.Refused)
			return ok && reason(r.Reason)
		})
	}
}

// never watches for a while that something does not happen.
func (p *party) never(what string, d time.Duration, bad func() bool) {
	p.t.Helper()
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if bad() {
			p.t.Fatalf("%s", what)
		}
		select {
		case <-tick.C:
		case <-end.C:
			return
		}
	}
}

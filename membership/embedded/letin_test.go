package embedded

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
)

// letInAlone makes a store of a node as a leader left it that let it in and fell before anybody else had the change: the log of the leader's node and
// one entry more, which names the new store.
func (p *party) letInAlone(leader, id fence.NodeID) {
	p.t.Helper()
	open := func(id fence.NodeID) *store {
		s, err := openStore(filepath.Join(p.store(id), "raft"), 30*time.Second, nil, nil)
		if err != nil {
			p.t.Fatal(err)
		}
		return s
	}
	of, s := open(leader), open(id)
	defer of.close()
	defer s.close()
	self, err := s.begin(id)
	if err != nil {
		p.t.Fatal(err)
	}
	var servers []raft.Server
	var last raft.Log
	for i := uint64(1); i <= of.end().Index; i++ {
		var l raft.Log
		if err := of.GetLog(i, &l); err != nil {
			p.t.Fatal(err)
		}
		if l.Type == raft.LogConfiguration {
			servers = raft.DecodeConfiguration(l.Data).Servers
		}
		if err := s.StoreLog(&l); err != nil {
			p.t.Fatal(err)
		}
		last = l
	}
	mine := serverID(id, self.Store)
	servers = append(slices.Clone(servers), raft.Server{Suffrage: raft.Nonvoter, ID: mine, Address: raft.ServerAddress(mine)})
	term, err := of.GetUint64([]byte("CurrentTerm"))
	if err != nil {
		p.t.Fatal(err)
	}
	change := raft.Log{Index: last.Index + 1, Term: term, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(raft.Configuration{Servers: servers})}
	if err := s.StoreLog(&change); err != nil {
		p.t.Fatal(err)
	}
	if err := s.SetUint64([]byte("CurrentTerm"), term); err != nil {
		p.t.Fatal(err)
	}
	was, err := of.begin(leader)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := s.adopt(was.Domain); err != nil {
		p.t.Fatal(err)
	}
}

// R3: a store that only a fallen leader let in asks again, although its own log names it (seed 7343 of the simulator).
func TestStoreThatAFallenLeaderLetInAsksAgain(t *testing.T) {
	p := newParty(t, 4)
	for id := fence.NodeID(1); id <= 3; id++ {
		p.start(id, 1)
	}
	p.settle(1, 2, 3)
	fallen := p.leader()
	var rest []fence.NodeID
	for id := fence.NodeID(1); id <= 3; id++ {
		p.kill(id)
		if id != fallen {
			rest = append(rest, id)
		}
	}
	p.letInAlone(fallen, 4)
	for _, id := range append(rest, 4) {
		p.start(id, 2)
	}
	p.settle(append(rest, 4)...) // three of four: not without it
}

// R3: a store that is in and asks changes nothing, however often.
func TestAskingOfAStoreThatIsInChangesNothing(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	l := p.node(p.leader())
	other := p.node(p.leader()%3 + 1)
	p.until("three voters", func() bool { return len(l.fsm.known().voters) == 3 })
	before := l.running().LastIndex()
	for range 5 {
		if err := l.admit(l.running(), hello{Node: other.cfg.Self.Node, Store: other.id.Store}); err != nil {
			t.Fatal(err)
		}
	}
	if after := l.running().LastIndex(); after != before {
		t.Errorf("asking wrote %d entries", after-before)
	}
}

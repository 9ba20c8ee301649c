package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// R3: a store belongs to one node. Its copy on another node is refused before it opens a port.
func TestCopyOfAnotherNodesStoreIsRefused(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	p.kill(1)
	p.settle(2, 3)
	p.kill(2)
	if err := os.RemoveAll(p.store(2)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(p.store(2), os.DirFS(p.store(1))); err != nil {
		t.Fatal(err)
	}
	_, err := p.tryStart(2, 2)
	var u *UnusableError
	if !errors.As(err, &u) || !strings.Contains(u.What, "store of node 1") || u.Path != filepath.Join(p.store(2), "raft", "log.db") {
		t.Fatalf("a copy of node 1's store on node 2: %v", err)
	}
	p.start(1, 2)
	p.settle(1, 3)
}

// R3: the same store shown by another node is refused by name by those who know whose it is, also where the copy does not know it itself.
func TestStoreOfAnotherNodeIsRefused(t *testing.T) {
	k := known{runs: map[fence.NodeID]run{1: {Store: "s1"}, 2: {Store: "s2"}}}
	if got := ownerOf(k, "s1", 1); got != 0 {
		t.Errorf("node 1's own store belongs to node %d", got)
	}
	if got := ownerOf(k, "new", 1); got != 0 {
		t.Errorf("a store that nobody knows belongs to node %d", got)
	}
	we := us{
		hello: hello{Protocol: 1, Cluster: "c", Domain: "d", Node: 3, Store: "s3", Instance: "i3", Starts: 1},
		nodes: []NodeConfig{{ID: 1}, {ID: 2}, {ID: 3}},
		owner: func(store string, node fence.NodeID) fence.NodeID { return ownerOf(k, store, node) },
	}
	f := newFloors(nil, 0, 10)
	h := hello{Protocol: 1, Cluster: "c", Domain: "d", Node: 2, Store: "s1", Instance: "i2", Starts: 5, Stream: streamRaft}
	reason := judge(we, h, 2, f, time.Now())
	if !strings.Contains(reason, "that of node 1") || kindOfRefusal(reason) != membership.RefusedStore {
		t.Errorf("a copy of node 1's store on node 2: %q", reason)
	}
	if len(f.take()) != 0 {
		t.Error("what was refused raised a floor")
	}
}

// S0.10: two domains of one cluster refuse each other, and each tells its reader who lives in the other one.
// part of: S0.10
func TestTwoDomainsHearEachOther(t *testing.T) {
	p := newParty(t, 3)
	p.start(1, 1)
	p.start(2, 1)
	p.settle(1, 2)
	p.booted = false
	p.start(3, 1)
	elsewhere := func(by, of fence.NodeID) {
		p.readers[by].Event("somebody elsewhere", 0, func(e membership.Event) bool {
			h, ok := e.(membership.Elsewhere)
			return ok && h.Member == p.readers[of].Member() && h.Domain == p.node(of).Info().Domain
		})
	}
	elsewhere(1, 3)
	elsewhere(3, 1)
	for _, id := range []fence.NodeID{1, 3} {
		p.readers[id].Event("a refusal of the domain", 0, func(e membership.Event) bool {
			r, ok := e.(membership.Refused)
			return ok && r.Kind == membership.RefusedDomain && strings.HasPrefix(r.Peer, "node-")
		})
	}
	p.commits(1, 1, "goes on")
}

// R3: a node that lost its store never makes a second domain beside that of the others.
func TestNoSecondDomainBesideOneThatAnswers(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	p.kill(3)
	p.settle(1, 2)
	p.kill(2) // no quorum: node 3 cannot be let in
	if err := os.RemoveAll(p.store(3)); err != nil {
		t.Fatal(err)
	}
	wiped := p.start(3, 2)
	p.until("word of why it waits", func() bool {
		w := wiped.Info().Waiting
		return len(w) == 1 && strings.HasPrefix(w[0].What, "join: ")
	})
	if err := wiped.Bootstrap(""); err == nil || !strings.Contains(err.Error(), "joins them") {
		t.Fatalf("bootstrap beside a domain: %v", err)
	}
	p.start(2, 2)
	p.settle(1, 2, 3)
}

// R4, S5.13: who hears that its domain was given up acts no more, in this run and in every later one.
// part of: S5.13
func TestGivenUpDomainActsNoMore(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	p.kill(3)
	p.settle(1, 2)
	one, old := p.node(1), p.node(1).Info().Domain
	survivor := ping{
		Protocol: Protocol, Domain: "fresh", Was: []string{"older", old}, Node: 3, Boot: "b", Instance: "i", Store: "s", Starts: 1, Seq: 1,
	}
	stranger := survivor
	stranger.Was, stranger.Domain = []string{"older"}, "other"
	one.hear(stranger)
	if w := one.Info().Waiting; len(w) != 0 {
		t.Fatalf("another domain that was not made of this one ended it: %+v", w)
	}
	one.hear(survivor)
	p.readers[1].Event("QuorumLost", 0, func(e membership.Event) bool {
		l, ok := e.(membership.QuorumLost)
		return ok && strings.Contains(l.Why, "given up") && strings.Contains(l.Why, "node-3")
	})
	p.until("the note on disk", func() bool {
		void := false
		_ = one.store.db.View(func(tx *bbolt.Tx) error { void = in(tx, bucketMeta).value(metaVoid) != nil; return nil })
		return void
	})
	p.kill(1)
	_, err := p.tryStart(1, 2)
	var u *UnusableError
	if !errors.As(err, &u) || !strings.Contains(u.What, "domain "+old+" was given up") {
		t.Fatalf("a store of a domain that was given up: %v", err)
	}
}

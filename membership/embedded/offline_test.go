package embedded

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/membershiptest"
)

// recoverOn makes another domain of a node's store, as `fenced recover` does, and returns what the store remembered.
func (p *party) recoverOn(id fence.NodeID, domain string) []membership.Event {
	p.t.Helper()
	o, err := OpenOffline(p.store(id), id)
	if err != nil {
		p.t.Fatal(err)
	}
	defer o.Close()
	var story []membership.Event
	if err := o.Replay(func(e membership.Event) { story = append(story, e) }); err != nil {
		p.t.Fatal(err)
	}
	if o.Only() {
		p.t.Error("one of three voters is said to be the only one")
	}
	if err := o.Recover(domain, []byte("given up")); err != nil {
		p.t.Fatal(err)
	}
	return story
}

// given are the nodes as the survivor's domain has them.
func (p *party) given(lost ...fence.NodeID) []NodeConfig {
	nodes := sorted(p.nodes)
	for i := range nodes {
		for _, id := range lost {
			if nodes[i].ID == id {
				nodes[i].Uncounted = true
			}
		}
	}
	return nodes
}

// R4, S5.13: another domain made of one store is quorate alone, remembers everything, and lets none of the old stores in.
// part of: S5.13
func TestRecoverMakesAnotherDomain(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	p.commits(1, 1, "victim")
	p.readers[3].Until("victim", func(s *membershiptest.State) bool { return s.Has("victim") })
	old := p.node(3).Info().Domain
	for _, id := range []fence.NodeID{1, 2, 3} {
		p.kill(id)
	}
	was := t.TempDir()
	if err := os.CopyFS(was, os.DirFS(p.store(3))); err != nil {
		t.Fatal(err)
	}
	told := false
	for _, e := range p.recoverOn(3, "fresh") {
		c, ok := e.(membership.Committed)
		told = told || ok && string(c.Data) == "victim"
	}
	if !told {
		t.Error("the store does not tell what it remembers")
	}
	pr := p.start(3, 2)
	if err := pr.SetNodes(p.given(1, 2)); err != nil {
		t.Fatal(err)
	}
	p.settle(3)
	p.readers[3].Event("the beginning of the new domain", 0, func(e membership.Event) bool {
		r, ok := e.(membership.Recovered)
		return ok && string(r.Data) == "given up"
	})
	p.until("a lease that nobody else can renew", func() bool { return len(p.readers[3].Leases()) > 0 })
	p.readers[3].Until("victim", func(s *membershiptest.State) bool { return s.Has("victim") })
	if d := pr.Info().Domain; d != "fresh" {
		t.Errorf("domain %s", d)
	}
	p.commits(3, 1, "alone")
	p.oldMajorityReturns(old)
	if v := p.readers[3].Copy().View; len(v.Members) != 1 || !v.Quorate {
		t.Errorf("the survivor's view: %+v", v)
	}
	p.withNewStores()
	p.oldStoreOfTheSurvivor(was)
}

// oldMajorityReturns: 1 and 2 come with their old stores and are a majority of the old domain. They are refused, and act no more.
func (p *party) oldMajorityReturns(old string) {
	p.t.Helper()
	p.start(1, 2)
	p.start(2, 2)
	for _, id := range []fence.NodeID{1, 2} {
		p.readers[id].Event("word that it was given up", 0, func(e membership.Event) bool {
			l, ok := e.(membership.QuorumLost)
			return ok && strings.Contains(l.Why, "domain "+old+" was given up")
		})
		p.readers[3].Event("refusal of the old domain", 0, func(e membership.Event) bool {
			r, ok := e.(membership.Refused)
			return ok && r.Kind == membership.RefusedDomain && r.Peer == p.node(id).cfg.Name
		})
	}
	for _, id := range []fence.NodeID{1, 2} {
		p.kill(id)
	}
}

// withNewStores: with new stores they join, and vote again as soon as their votes count.
func (p *party) withNewStores() {
	p.t.Helper()
	for _, id := range []fence.NodeID{1, 2} {
		if err := os.RemoveAll(p.store(id)); err != nil {
			p.t.Fatal(err)
		}
		if err := p.start(id, 3).SetNodes(p.given(1, 2)); err != nil {
			p.t.Fatal(err)
		}
	}
	p.settle(1, 2, 3)
	if got := len(p.node(3).fsm.known().voters); got != 1 {
		p.t.Errorf("%d stores vote though two nodes are given up", got)
	}
	for _, id := range []fence.NodeID{1, 2, 3} {
		if err := p.node(id).SetNodes(p.nodes); err != nil {
			p.t.Fatal(err)
		}
	}
	for _, id := range []fence.NodeID{1, 2, 3} { // all of them: Raft refuses a vote to whom the voter does not know as one
		p.until("three voters", func() bool { return len(p.node(id).fsm.known().voters) == 3 })
	}
	p.settle(1, 2, 3)
}

// oldStoreOfTheSurvivor: the store that the new domain was made of is refused too, when it comes back from a copy.
func (p *party) oldStoreOfTheSurvivor(was string) {
	p.t.Helper()
	p.kill(3)
	p.settle(1, 2)
	if err := os.RemoveAll(p.store(3)); err != nil {
		p.t.Fatal(err)
	}
	if err := os.CopyFS(p.store(3), os.DirFS(was)); err != nil {
		p.t.Fatal(err)
	}
	p.start(3, 4)
	refusedOf(p.readers[1])(func(s string) bool { return strings.HasPrefix(s, "domain ") })
	p.commits(1, 1, "without it")
	if v := p.readers[1].Copy().View; len(v.Members) != 2 {
		p.t.Errorf("the store of the domain before is in the view %+v", v)
	}
}

// A recovery is for a store that is held: not beside a daemon, not without a store, not without a domain.
func TestWhatCannotBeOpenedOffline(t *testing.T) {
	p := newParty(t, 3)
	p.start(1, 1)
	if o, err := OpenOffline(p.store(1), 1); err == nil {
		o.Close()
		t.Error("opened beside its daemon")
	}
	if _, err := OpenOffline(t.TempDir(), 1); !errors.Is(err, ErrNoStore) {
		t.Errorf("no store: %v", err)
	}
	p.kill(1)
	var u *UnusableError
	if _, err := OpenOffline(p.store(1), 2); !errors.As(err, &u) {
		t.Errorf("the store of another node: %v", err)
	}
	o, err := OpenOffline(p.store(1), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Replay(func(membership.Event) {}); err != nil || !o.Only() {
		t.Errorf("a domain's first store is its only voter: %v, %v", o.Only(), err)
	}
	o.Close()
}

// R4: nobody makes a domain, a view or a change of stores by asking the leader to commit it.
func TestOnlyDataAndStartsAreProposed(t *testing.T) {
	for kind, ok := range map[string]bool{kindData: true, kindStarted: true, kindView: false, kindStore: false, kindRecover: false, "": false} {
		if err := proposable([][]byte{entry{Kind: kindData}.encode(), entry{Kind: kind}.encode()}); (err == nil) != ok {
			t.Errorf("kind %q: %v", kind, err)
		}
	}
	if proposable([][]byte{[]byte("{")}) == nil {
		t.Error("an entry that does not decode is proposed")
	}
}

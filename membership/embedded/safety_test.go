package embedded

import (
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/membershiptest"
)

// S5.2: A and C commit a victim while B lags; C's store is wiped, A dies, C returns. C is no voter, and nothing is committed that forgets.
// proves: S5.2
func TestWipedStoreMakesNoQuorum(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	p.kill(2)
	p.settle(1, 3)
	p.commits(1, 1, "victim")
	p.readers[3].Until("victim on 3", func(s *membershiptest.State) bool { return s.Has("victim") })
	p.kill(3)
	p.kill(1)
	if err := os.RemoveAll(p.store(3)); err != nil {
		t.Fatal(err)
	}
	b := p.start(2, 2)
	c := p.start(3, 2)
	// The two of them are a majority of the nodes. They must not be one of the stores: give them the time of many elections.
	p.never("leader elected by a wiped store", 8*p.timeout, func() bool { return b.Info().Leader != 0 || c.Info().Domain != "" })
	if err := p.readers[2].P.Propose(1, []byte("forgets")); err != nil {
		t.Fatal(err)
	}
	// A returns: the victim was not lost, C joins with its new store, its old one is gone.
	p.start(1, 2)
	p.settle(1, 2, 3)
	for _, id := range []fence.NodeID{1, 2, 3} {
		p.readers[id].Until("victim", func(s *membershiptest.State) bool { return s.Has("victim") })
	}
	servers := p.node(p.leader()).running().GetConfiguration().Configuration().Servers
	if len(servers) != 3 {
		t.Errorf("servers after the join: %v", servers)
	}
}

// S5.3: a store that is restored from an earlier copy is refused before any vote or append (R3).
// proves: S5.3
func TestRestoredStoreIsRefused(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	p.kill(3)
	p.settle(1, 2)
	copyTo := p.store(3) + ".yesterday"
	if out, err := exec.Command("cp", "-a", p.store(3), copyTo).CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	p.start(3, 1)
	p.settle(1, 2, 3)
	p.commits(1, 1, "today")
	p.readers[3].Until("today", func(s *membershiptest.State) bool { return s.Has("today") })
	p.heardPosition(1, 3)
	p.kill(3)
	p.settle(1, 2)
	if err := os.RemoveAll(p.store(3)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(copyTo, p.store(3)); err != nil {
		t.Fatal(err)
	}
	p.start(3, 2)
	restored := func(s string) bool { return strings.Contains(s, "restored from a copy") }
	refusedOf(p.readers[1])(restored)
	refusedOf(p.readers[2])(restored)
	refusedOf(p.readers[3])(restored) // told on its own side too
	if v := p.readers[1].Copy().View; len(v.Members) != 2 {
		t.Errorf("the restored store is in the view %+v", v)
	}
	p.commits(2, 1, "without it")
	// Wiped, it may come back.
	p.kill(3)
	if err := os.RemoveAll(p.store(3)); err != nil {
		t.Fatal(err)
	}
	p.start(3, 3)
	p.settle(1, 2, 3)
}

// heardPosition waits until a node has heard and written how far another's store goes.
func (p *party) heardPosition(id, of fence.NodeID) {
	p.t.Helper()
	store := p.node(of).id.Store
	want := p.node(of).position()
	p.until("floor on disk", func() bool {
		f, err := p.node(id).store.floors()
		return err == nil && !f[store].Position.less(want)
	})
}

// S5.5: the leader's link to two of five is bad. It leaves; nobody else does.
// proves: S5.5
func TestLeaderWithABadLinkLeaves(t *testing.T) {
	p := newParty(t, 5)
	p.startAll()
	bad := p.leader()
	var rest []fence.NodeID
	for _, n := range p.nodes {
		if n.ID != bad {
			rest = append(rest, n.ID)
		}
	}
	marks := make(map[fence.NodeID]int)
	for _, id := range rest {
		marks[id] = p.readers[id].Mark()
	}
	p.Cut(bad, rest[2])
	p.Cut(bad, rest[3])
	p.settle(rest...)
	healthy := func(e membership.Event) bool {
		v, ok := e.(membership.ViewInstalled)
		return ok && slices.ContainsFunc(v.View.Left, func(d membership.Departure) bool { return d.Node != bad })
	}
	for _, id := range rest {
		if p.readers[id].Any(marks[id], healthy) {
			t.Errorf("node %d saw a healthy node leave", id)
		}
	}
	p.commits(rest[0], 1, "without the leader that was")
	// It learns of it from the new leader, or, where its link to that one is the bad one, by hearing nothing that counts.
	p.until("the old leader knows that it does not count", func() bool {
		s := p.readers[bad].Copy()
		without := len(s.View.Members) == 4
		lost := p.readers[bad].Any(0, func(e membership.Event) bool { _, ok := e.(membership.QuorumLost); return ok })
		return without || lost
	})
	p.Heal()
	p.settle(1, 2, 3, 4, 5)
}

// S5.4: the leader's disk hangs while its network lives. It is replaced, and leaves the view.
// part of: S5.4
func TestLeaderWithAHungDiskLeaves(t *testing.T) {
	p := newParty(t, 3)
	p.tweak = func(c *Config) { c.WriteDeadline = membershiptest.Slow(2 * time.Second) }
	p.startAll()
	bad := p.leader()
	resume := p.faults.StallDisk(bad)
	defer resume()
	var rest []fence.NodeID
	for _, n := range p.nodes {
		if n.ID != bad {
			rest = append(rest, n.ID)
		}
	}
	p.readers[bad].Event("QuorumLost on the node itself", 0, func(e membership.Event) bool {
		l, ok := e.(membership.QuorumLost)
		return ok && strings.Contains(l.Why, "write")
	})
	p.until("closed port", func() bool {
		n, _ := nodeOf(p.nodes, bad)
		c, err := net.DialTimeout("tcp", n.Address, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	p.settle(rest...)
	p.commits(rest[0], 1, "without the hung disk")
	resume()
	p.kill(bad)
	p.start(bad, 2)
	p.settle(1, 2, 3)
}

// A dead leader costs the larger of failure timeout and election, not the sum. Best of three: it is the design that is measured, not the machine.
func TestDeadLeaderCostsNoSum(t *testing.T) {
	const timeout = 2 * time.Second
	best := time.Hour
	for try := 0; try < 3 && best > timeout+timeout/5; try++ {
		took := leaderDies(t, timeout)
		t.Logf("failure timeout %v, view without the dead leader after %v", timeout, took)
		if took < timeout/2 {
			t.Errorf("the leader left after %v, before it could be missed", took)
		}
		best = min(best, took)
	}
	if best > timeout+timeout/5 { // an election takes timeout/4 at least
		t.Errorf("took %v: failure timeout and election one after the other", best)
	}
}

func leaderDies(t *testing.T, timeout time.Duration) time.Duration {
	p := newParty(t, 3)
	p.timeout = timeout
	p.startAll()
	bad := p.leader()
	other := fence.NodeID(1)
	if bad == 1 {
		other = 2
	}
	mark := p.readers[other].Mark()
	gone := p.readers[bad].Member()
	start := time.Now()
	p.kill(bad)
	p.readers[other].Event("view without the leader", mark, func(e membership.Event) bool {
		v, ok := e.(membership.ViewInstalled)
		return ok && slices.ContainsFunc(v.View.Left, func(d membership.Departure) bool { return d.Member == gone })
	})
	took := time.Since(start)
	p.lab.Close()
	return took
}

// R20: after a stop of this process timers restart and nobody leaves because of it.
func TestStoppedProcessAccusesNobody(t *testing.T) {
	p := newParty(t, 3)
	p.timeout = membershiptest.Slow(3 * time.Second) // a stall of this machine must not be a silence of its own
	p.startAll()
	l := p.leader()
	mark := p.readers[l].Mark()
	pr := p.node(l)
	pr.mu.Lock() // as after SIGCONT: the clock has run on and every peer seems silent
	for _, pe := range pr.pres.peers {
		pe.heardAt -= 3 * pr.pres.fail
	}
	for id, r := range pr.pres.rows {
		r.at -= 3 * pr.pres.fail
		pr.pres.rows[id] = r
	}
	pr.pres.lastTick -= 3 * pr.pres.fail
	pr.mu.Unlock()
	p.readers[l].Event("QuorumLost", mark, func(e membership.Event) bool { _, ok := e.(membership.QuorumLost); return ok })
	p.readers[l].Event("QuorumHeld", mark, func(e membership.Event) bool { _, ok := e.(membership.QuorumHeld); return ok })
	if p.readers[l].Any(mark, func(e membership.Event) bool { _, ok := e.(membership.ViewInstalled); return ok }) {
		t.Error("a view changed because this process was stopped")
	}
}

// A node whose port answers "refused" has lost its daemon, not itself.
func TestProcessGoneIsSeen(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	bad := fence.NodeID(3)
	if p.leader() == 3 {
		bad = 2
	}
	other := p.leader()
	gone := p.readers[bad].Member()
	mark := p.readers[other].Mark()
	p.kill(bad)
	p.readers[other].Event("process-gone", mark, func(e membership.Event) bool {
		v, ok := e.(membership.ViewInstalled)
		return ok && slices.Contains(v.View.Left, membership.Departure{Member: gone, How: membership.HowProcessGone})
	})
}

// A reader that is hopelessly behind takes its own node out, and only that (the queue's bound).
func TestReaderBeyondTheBound(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	bad := fence.NodeID(3)
	resume := p.readers[bad].Stall()
	defer resume()
	pr := p.node(bad)
	for range membership.QueueLimit + 2 {
		pr.push(membership.Suspect{})
	}
	p.settle(1, 2)
	p.commits(1, 1, "goes on")
	if w := pr.Info().Waiting; len(w) != 1 || !strings.Contains(w[0].What, "restart of the daemon") {
		t.Errorf("waiting: %+v", w)
	}
}

// A roster that gains a node lets it in; one that loses it takes its store's vote.
func TestRosterGrowsAndShrinks(t *testing.T) {
	p := newParty(t, 4)
	four := p.nodes
	p.nodes = four[:3]
	p.startAll()
	p.nodes = four
	for _, id := range []fence.NodeID{1, 2, 3} {
		if err := p.node(id).SetNodes(four); err != nil {
			t.Fatal(err)
		}
	}
	p.start(4, 1)
	p.settle(1, 2, 3, 4)
	servers := func() int { return len(p.node(p.leader()).running().GetConfiguration().Configuration().Servers) }
	p.until("fourth voter", func() bool { return len(p.node(1).fsm.known().voters) == 4 })
	p.kill(4)
	p.settle(1, 2, 3)
	for _, id := range []fence.NodeID{1, 2, 3} {
		if err := p.node(id).SetNodes(four[:3]); err != nil {
			t.Fatal(err)
		}
	}
	p.until("three servers", func() bool { return servers() == 3 })
	p.commits(1, 1, "three again")
	if err := p.node(1).SetNodes(four[1:]); err == nil {
		t.Error("a roster without this node was taken")
	}
}

// A node that was added and has not come takes no quorum from those who work; when it comes it counts.
func TestAnAddedNodeCountsWhenItComes(t *testing.T) {
	p := newParty(t, 4)
	four := p.nodes
	p.nodes = four[:3]
	p.startAll()
	added := slices.Clone(four)
	added[3].Uncounted = true
	for _, id := range []fence.NodeID{1, 2, 3} {
		if err := p.node(id).SetNodes(added); err != nil {
			t.Fatal(err)
		}
	}
	p.kill(3)
	p.settle(1, 2) // two of three: the fourth is not missed
	p.nodes = added
	p.start(3, 2)
	p.settle(1, 2, 3)
	p.start(4, 1)
	p.settle(1, 2, 3, 4)
	if n := len(p.node(1).fsm.known().voters); n != 3 {
		t.Errorf("%d voters before the fourth counts", n)
	}
	for _, id := range []fence.NodeID{1, 2, 3, 4} {
		if err := p.node(id).SetNodes(four); err != nil {
			t.Fatal(err)
		}
	}
	p.until("fourth voter", func() bool { return len(p.node(1).fsm.known().voters) == 4 })
	if need := p.node(1).Info().Need; need != 3 {
		t.Errorf("four nodes need %d votes", need)
	}
}

// R2, R3: a second machine with a node's configuration does not take its store's place while the node is there.
func TestSecondStoreOfALivingNodeIsRefused(t *testing.T) {
	for lead, name := range map[fence.NodeID]string{1: "another leads", 3: "it leads"} {
		t.Run(name, func(t *testing.T) { secondStore(t, lead) })
	}
}

func secondStore(t *testing.T, lead fence.NodeID) {
	p := newParty(t, 3)
	p.startAll()
	p.leads(lead)
	c := p.config(membership.Self{Node: 3, Boot: "another-boot", Instance: "spare"})
	c.StateDir, c.Listen = t.TempDir(), membershiptest.FreePort(t)
	spare, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = spare.Close() }()
	rd := membershiptest.NewReader(t, c.Self, spare)
	mark := p.readers[1].Mark()
	refusedOf(rd)(func(s string) bool { return strings.Contains(s, "still heard") })
	if d := spare.Info().Domain; d != "" {
		t.Errorf("the spare is in domain %s", d)
	}
	p.commits(3, 1, "goes on")
	if p.readers[1].Any(mark, func(e membership.Event) bool { _, ok := e.(membership.ViewInstalled); return ok }) {
		t.Error("the view changed")
	}
}

// R3: a new store comes in without a vote, and the node's older store is gone before.
func TestNewStoreStartsNonvoter(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	l := p.leader()
	gone := l%3 + 1
	p.kill(gone)
	var rest []fence.NodeID
	for _, n := range p.nodes {
		if n.ID != gone {
			rest = append(rest, n.ID)
		}
	}
	p.settle(rest...)
	l = p.leader()
	pr := p.node(l)
	if err := pr.admit(pr.running(), hello{Node: gone, Store: "new"}); err != nil {
		t.Fatal(err)
	}
	c := pr.running().GetConfiguration().Configuration()
	for _, s := range c.Servers {
		if node, store, _ := parseServerID(string(s.ID)); node == gone && (store != "new" || s.Suffrage != raft.Nonvoter) {
			t.Errorf("server %s is %v", s.ID, s.Suffrage)
		}
	}
	if len(c.Servers) != 3 {
		t.Errorf("servers: %v", c.Servers)
	}
}

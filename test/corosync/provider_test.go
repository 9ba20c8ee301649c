package corosync

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	provider "github.com/fenced-project/fenced/membership/corosync"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
	"github.com/fenced-project/fenced/membership/membershiptest"
)

// party is a lab with a reader on each running daemon, for what is this provider's own.
type party struct {
	*lab
	readers map[fence.NodeID]*membershiptest.Reader
	starts  int
}

func newParty(t *testing.T, n int) *party {
	p := &party{lab: newLab(t, n), readers: map[fence.NodeID]*membershiptest.Reader{}}
	t.Cleanup(func() { // before the corosyncs end
		p.lab.Close()
		for _, r := range p.readers {
			r.Wait()
		}
	})
	return p
}

// daemon starts a node's daemon in a boot.
func (p *party) daemon(id fence.NodeID, boot int) *membershiptest.Reader {
	p.t.Helper()
	p.starts++
	self := membership.Self{Node: id, Boot: fmt.Sprintf("boot-%d-of-%d", boot, id), Instance: fmt.Sprintf("run-%d", p.starts)}
	mp, err := p.lab.Start(self)
	must(p.t, err)
	p.readers[id] = membershiptest.NewReader(p.t, self, mp)
	return p.readers[id]
}

// all starts every daemon and waits for their view.
func (p *party) all() {
	p.t.Helper()
	var ids []fence.NodeID
	for _, n := range p.Nodes() {
		p.daemon(fence.NodeID(n.ID), 1)
		ids = append(ids, fence.NodeID(n.ID))
	}
	p.view(ids...)
}

// view waits until these daemons have the view of exactly themselves.
func (p *party) view(ids ...fence.NodeID) {
	p.t.Helper()
	var want []membership.Member
	for _, id := range ids {
		want = append(want, p.readers[id].Member())
	}
	for _, id := range ids {
		p.readers[id].Until(fmt.Sprintf("view of %v", ids), func(s *membershiptest.State) bool { return slices.Equal(s.View.Members, want) })
	}
}

func (p *party) commits(id fence.NodeID, number uint64, text string) {
	p.t.Helper()
	must(p.t, p.readers[id].P.Propose(number, []byte(text)))
	if !p.readers[id].Outcome(number) {
		p.t.Fatalf("node %d cannot commit %q", id, text)
	}
}

// waits polls until a node's Info says that it waits for something in these words.
func (p *party) waits(id fence.NodeID, words string) {
	p.t.Helper()
	p.until(fmt.Sprintf("node %d to say that it waits for %q", id, words), func() bool {
		return slices.ContainsFunc(p.provider(id).Info().Waiting, func(w membership.Wait) bool {
			return strings.Contains(w.What+" "+strings.Join(w.For, ", "), words)
		})
	})
}

// until polls until something is so; what the daemons say by then stands in the failure.
func (p *party) until(what string, so func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(Slow(20 * time.Second))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		if time.Now().After(deadline) {
			for _, n := range p.Nodes() {
				if o := p.provider(fence.NodeID(n.ID)); o != nil {
					p.t.Logf("node %d: %+v", n.ID, o.Info())
				}
			}
			p.t.Fatalf("no sign of %s", what)
		}
		<-tick.C
	}
}

func lost(e membership.Event) bool { _, ok := e.(membership.QuorumLost); return ok }

func another(e membership.Event) bool { _, ok := e.(membership.NewInstance); return ok }

// departed says that a view tells how a member went.
func departed(m membership.Member, how membership.How) func(membership.Event) bool {
	return func(e membership.Event) bool {
		v, ok := e.(membership.ViewInstalled)
		return ok && slices.Contains(v.View.Left, membership.Departure{Member: m, How: how})
	}
}

// S0.8: daemons first, then corosync on one node, which is alone and does nothing, then on the others.
func TestDaemonsBeforeCorosync(t *testing.T) {
	p := newParty(t, 3)
	for _, n := range p.Nodes() {
		n.Kill()
	}
	for id := fence.NodeID(1); id <= 3; id++ {
		p.daemon(id, 1)
		p.waits(id, "corosync does not run on this node")
	}
	p.Node(1).Start()
	p.waits(1, "1 votes of stores that the log knows, 2 needed")
	p.Node(2).Start()
	p.Node(3).Start()
	p.view(1, 2, 3)
	p.commits(3, 1, "after the start")
}

// Corosync is killed under a daemon: it says so at once, the others lose the node; with corosync it is back, as another instance to everybody (S4.3).
func TestCorosyncDiesUnderADaemon(t *testing.T) {
	p := newParty(t, 3)
	p.all()
	m1, m3, before := p.readers[1].Mark(), p.readers[3].Mark(), p.readers[3].Member()
	p.Node(3).Kill()
	p.readers[3].Event("QuorumLost", m3, lost)
	p.readers[3].Event("NewInstance", m3, another)
	p.waits(3, "corosync does not run on this node")
	p.view(1, 2)
	p.readers[1].Event("departure of node 3 with its node", m1, departed(before, membership.HowNodeGone))
	p.commits(1, 1, "without node 3")
	p.Node(3).Start()
	p.view(1, 2, 3)
	p.readers[3].Until("what it missed", func(s *membershiptest.State) bool { return s.Has("without node 3") })
}

// Corosync is killed under a daemon and begun again at once, before anybody has agreed on anything without it: whatever the rings did meanwhile, the
// instance that was in the view has departed for everybody, and another one is there (S4.3).
func TestCorosyncIsRestartedUnderADaemon(t *testing.T) {
	p := newParty(t, 3)
	p.all()
	m1, m3, before := p.readers[1].Mark(), p.readers[3].Mark(), p.readers[3].Member()
	p.Node(3).Kill()
	p.Node(3).Start()
	p.readers[3].Event("NewInstance", m3, another)
	p.view(1, 2, 3)
	p.readers[1].Event("departure of the instance before", m1, func(e membership.Event) bool {
		v, ok := e.(membership.ViewInstalled)
		return ok && slices.ContainsFunc(v.View.Left, func(d membership.Departure) bool { return d.Member == before })
	})
	p.commits(3, 1, "as another instance")
}

// S1.9, S4.3: corosync is stopped and runs on. Its daemon notices by itself that nothing is delivered, and its lease is not renewed meanwhile.
func TestCorosyncIsFrozenUnderADaemon(t *testing.T) {
	p := newParty(t, 3)
	p.all()
	mark := p.readers[3].Mark()
	p.Node(3).Freeze()
	p.view(1, 2)
	p.readers[3].Event("QuorumLost", mark, lost)
	p.waits(3, "corosync delivers nothing")
	leases := len(p.readers[3].Leases())
	p.commits(1, 1, "without node 3")
	if n := len(p.readers[3].Leases()); n != leases {
		t.Errorf("%d leases were renewed while corosync stood still", n-leases)
	}
	p.Node(3).Thaw()
	p.view(1, 2, 3)
	p.commits(3, 1, "again")
}

// S1.14, S0.9: five nodes, cut into three and two; the two commit nothing and are told; healed, all have the one sequence.
func TestFiveSplitIntoThreeAndTwo(t *testing.T) {
	p := newParty(t, 5)
	p.all()
	marks := []int{p.readers[4].Mark(), p.readers[5].Mark()}
	for _, a := range []int{1, 2, 3} {
		p.Cluster.Cut(a, 4)
		p.Cluster.Cut(a, 5)
	}
	p.view(1, 2, 3)
	for i, id := range []fence.NodeID{4, 5} {
		p.readers[id].Event("QuorumLost", marks[i], lost)
		must(t, p.readers[id].P.Propose(1, fmt.Appendf(nil, "minority %d", id)))
	}
	p.commits(2, 1, "majority")
	if s := p.readers[4].Copy(); s.Has("minority 4") || s.Has("majority") {
		t.Errorf("the minority committed: %v", s.Texts)
	}
	p.Heal()
	p.view(1, 2, 3, 4, 5)
	for id := fence.NodeID(1); id <= 5; id++ {
		p.readers[id].Until("every text", func(s *membershiptest.State) bool {
			return s.Has("majority") && s.Has("minority 4") && s.Has("minority 5")
		})
	}
	want := p.readers[1].Copy().Texts
	for id := fence.NodeID(2); id <= 5; id++ {
		if got := p.readers[id].Copy().Texts; !slices.Equal(got, want) {
			t.Errorf("node %d has %v, node 1 %v", id, got, want)
		}
	}
}

// One way only is cut: corosync settles that somehow, and whoever is in the view commits; healed, all are in it.
func TestOneWayCut(t *testing.T) {
	p := newParty(t, 3)
	p.all()
	mark := p.readers[1].Mark()
	p.Cluster.Mute(3, 1)
	p.Cluster.Mute(3, 2)
	p.view(1, 2)
	p.readers[1].Event("departure of node 3", mark, departed(p.readers[3].Member(), membership.HowNodeGone))
	p.commits(1, 1, "without node 3")
	p.Heal()
	p.view(1, 2, 3)
}

// S0.12: a daemon that is started anew five times in a row; the last run wins, nothing waits for the others.
func TestQuickRestarts(t *testing.T) {
	p := newParty(t, 3)
	p.all()
	for range 5 {
		p.Kill(3)
		p.readers[3].Wait()
		p.daemon(3, 1)
	}
	p.view(1, 2, 3)
	p.commits(3, 1, "the last one")
}

// S2.8: a process of the group that never says anything is left out, by name; one that writes nonsense hurts nobody.
func TestSilentAndForeignProcessesOfTheGroup(t *testing.T) {
	p := newParty(t, 3)
	for id := fence.NodeID(1); id <= 2; id++ {
		p.daemon(id, 1)
	}
	p.view(1, 2)
	mark := p.readers[1].Mark()
	silent := p.Node(3).Watch("fenced:lab")
	p.waits(1, "their hello node 3")
	p.commits(1, 1, "without the silent one")
	p.readers[1].Until("the text", func(s *membershiptest.State) bool { return s.Has("without the silent one") })
	other, err := agreement.Message{Hello: &agreement.Hello{Node: 1, Boot: "b", Instance: "stranger", Store: "s", Starts: 1, Count: 1}}.Encode()
	must(t, err)
	var seen [][]byte // everything that the group was told, to be said again
	silent.Await("messages", func(l Log) bool {
		for _, e := range l.Group {
			if d, ok := e.(libcorosync.Delivered); ok {
				seen = append(seen, d.Data)
			}
		}
		return len(seen) > 20
	})
	for _, frame := range append([][]byte{[]byte("nonsense"), []byte("fncc\x09{}"), other, []byte("fncc\x01{\"ping\":")}, seen[:20]...) {
		must(t, Retry(func() error { return silent.Call(func(g *libcorosync.Group) error { return g.Send(frame) }) }))
	}
	p.readers[1].Event("refusal of another version", mark, func(e membership.Event) bool {
		r, ok := e.(membership.Refused)
		return ok && r.Kind == membership.RefusedVersion && strings.Contains(r.Reason, "protocol 9")
	})
	p.commits(2, 1, "after the nonsense")
	silent.Close()
	p.daemon(3, 1)
	p.view(1, 2, 3)
}

// S3.4, S3.9: a daemon comes back and lacks much; the one that sends it the log dies in the middle; another does.
func TestSenderOfTheLogDies(t *testing.T) {
	p := newParty(t, 3)
	p.all()
	p.Kill(3)
	p.readers[3].Wait()
	p.view(1, 2)
	big := strings.Repeat("x", 30<<10)
	for i := uint64(1); i <= 60; i++ {
		must(t, p.readers[1].P.Propose(i, fmt.Appendf(nil, "%d %s", i, big)))
	}
	p.readers[2].Until("60 texts", func(s *membershiptest.State) bool { return len(s.Texts) == 60 })
	p.readers[1].Until("60 texts", func(s *membershiptest.State) bool { return len(s.Texts) == 60 })
	p.daemon(3, 1)
	p.Kill(1)
	p.readers[1].Wait()
	p.view(2, 3)
	p.readers[3].Until("60 texts", func(s *membershiptest.State) bool { return len(s.Texts) == 60 })
	if !slices.Equal(p.readers[3].Copy().Texts, p.readers[2].Copy().Texts) {
		t.Error("the logs differ")
	}
	p.daemon(1, 2)
	p.view(1, 2, 3)
}

// R15, R23: settings with which two sides can be quorate, and nothing makes up for it, are refused by name, and nothing is ever committed.
func TestTwoNodeWithoutWaitForAllIsRefused(t *testing.T) {
	p := twoNode(t, "  two_node: 1\n  wait_for_all: 0\n")
	p.waits(1, "without wait_for_all")
	p.waits(2, "without wait_for_all")
	p.waits(1, "nobody's votequorum says what a quorum needs")
	if p.readers[1].Any(0, func(e membership.Event) bool { _, ok := e.(membership.ViewInstalled); return ok }) {
		t.Error("a view was installed")
	}
}

// R6, R23: with two_node both are in a view, and one alone commits nothing, though corosync calls it quorate, before it vouches for the end of the
// other's life.
func TestTwoNodeCommitsAloneOnlyByProof(t *testing.T) {
	p := twoNode(t, "  two_node: 1\n")
	p.view(1, 2)
	peer := p.readers[2].Member()
	p.Cut(1, 2)
	p.readers[1].Event("it is parted from node 2", 0, func(e membership.Event) bool {
		parted, ok := e.(membership.Parted)
		return ok && parted.Member == peer
	})
	if p.readers[1].Any(0, func(e membership.Event) bool {
		v, ok := e.(membership.ViewInstalled)
		return ok && len(v.View.Members) == 1
	}) {
		t.Error("a view of one without a proof")
	}
	p.running[1].Vouch(peer.Incarnation)
	p.view(1)
}

// twoNode starts two daemons over corosyncs with these lines in their section quorum.
func twoNode(t *testing.T, quorum string) *party {
	l := &lab{Cluster: New(t, Options{Nodes: 2, Quorum: quorum}), t: t, timeout: Slow(time.Second), dir: t.TempDir()}
	l.running = map[fence.NodeID]*providerOf{}
	l.Cluster.Start()
	p := &party{lab: l, readers: map[fence.NodeID]*membershiptest.Reader{}}
	t.Cleanup(l.Close)
	p.daemon(1, 1)
	p.daemon(2, 1)
	return p
}

// A daemon whose node id is not corosync's does not join.
func TestWrongNodeIDIsRefused(t *testing.T) {
	p := newParty(t, 1)
	self := membership.Self{Node: 7, Boot: "b", Instance: "i"}
	mp, err := p.openAs(self, 1)
	must(t, err)
	p.readers[7] = membershiptest.NewReader(t, self, mp)
	p.waits(7, "corosync says that this is node 1, fenced's configuration says node 7")
}

// What corosync says of itself is what its configuration says, and what hurts is named.
func TestSettingsOfARunningCorosync(t *testing.T) {
	c := New(t, Options{Nodes: 2, Quorum: "  two_node: 1\n  wait_for_all: 0\n"})
	c.Start()
	must(t, c.Node(1).Do(func() error {
		var s provider.Settings
		if err := Retry(func() (err error) { s, err = provider.ReadSettings(); return err }); err != nil {
			return err
		}
		if s.Cluster != clusterName || s.Token != c.opt.Token || s.Written != c.opt.Token || !s.TwoNode || s.WaitForAll || s.Encrypted || len(s.Nodes) != 2 {
			t.Errorf("got %+v", s)
		}
		for i, n := range s.Nodes {
			if o := c.Node(i + 1); uint32(n.ID) != o.ID || n.Name != o.Name() || !slices.Equal(n.Addresses, []string{o.Address()}) {
				t.Errorf("node %d is %+v", i, n)
			}
		}
		said := fmt.Sprint(s.Warnings())
		for _, want := range []string{"without wait_for_all", "not authenticated"} {
			if !strings.Contains(said, want) {
				t.Errorf("no warning says %q: %s", want, said)
			}
		}
		return nil
	}))
}

// S1.3: a node that was away comes back as the life that the others fence: whoever fences it ends its corosync too, where a quorum stays without it (S2.6).
// Its daemon is another to everybody with the next corosync.
func TestWhoMergesIsExpelled(t *testing.T) {
	p := newParty(t, 3)
	p.all()
	life := p.readers[3].Member()
	for _, a := range []int{1, 2} {
		p.Cluster.Cut(a, 3)
	}
	p.view(1, 2)
	mark := p.readers[3].Mark()
	for _, id := range []fence.NodeID{1, 2} {
		p.provider(id).Deny(life.Incarnation)
	}
	p.Heal()
	p.until("node 3 to be in the ring again", func() bool { return len(p.provider(1).Info().Nodes) == 3 })
	p.until("node 3 to be without its corosync", func() bool {
		p.provider(1).Expel(life.Incarnation)
		return p.readers[3].Any(mark, another)
	})
	p.view(1, 2)
	p.Node(3).Kill() // it has ended, and is forgotten
	p.Node(3).Start()
	p.view(1, 2, 3)
	if got := p.readers[3].Member(); got.Instance == life.Instance || got.Boot != life.Boot {
		t.Errorf("it is %+v, and was %+v", got, life)
	}
	p.provider(1).Expel(life.Incarnation)
	p.commits(3, 9, "it is another now, and stays")
}

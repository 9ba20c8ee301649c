package embedded

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// Two of three are dead and one comes back, with a new daemon: the view in which it is replaced counts no vote of the one that is silent. A
// quorate view of one survivor and a dead member would make a victim of the node that came back (R30).
func TestAViewInAHurryCountsNoSilentMember(t *testing.T) {
	nodes := []NodeConfig{{ID: 1, Name: "a", Address: "a:1", Votes: 1}, {ID: 2, Name: "b", Address: "b:1", Votes: 1}, {ID: 3, Name: "c", Address: "c:1", Votes: 1}}
	p := &Provider{cfg: Config{Self: membership.Self{Node: 1, Boot: "b1", Instance: "i1"}}, nodes: nodes}
	p.pres = newPresence(1, "i1", 1, nodes, 2000, 200)
	k := known{runs: map[fence.NodeID]run{}}
	for id, instance := range map[fence.NodeID]string{1: "i1", 2: "i2", 3: "i3"} {
		k.runs[id] = run{Store: "s", Boot: "b", Instance: instance}
		k.voters = append(k.voters, serverID(id, "s"))
		p.pres.peer(id).ping = ping{Node: id, Instance: instance, Store: "s"}
	}
	for _, id := range []fence.NodeID{1, 2, 3} {
		k.view.Members = append(k.view.Members, k.runs[id].member(id))
	}
	k.view.Quorate = true
	p.pres.peers[3].heardAt, p.pres.peers[3].ping.Instance = 9900, "i3 anew"
	for silent, want := range map[bool]struct {
		members int
		quorate bool
	}{false: {2, true}, true: {1, false}} {
		p.pres.peers[2].heardAt, p.pres.peers[2].suspect = 9900, silent
		v, _ := p.nextView(k, 10_000)
		if v == nil || len(v.Members) != want.members || v.Quorate != want.quorate {
			t.Errorf("node 2 is silent %v: %+v", silent, v)
		}
	}

	// The leader came back itself: it waits until it knows whom it does not hear.
	p.pres.peers[2].heardAt, p.pres.peers[2].suspect = 0, false
	p.pres.began = 9000
	if v, _ := p.nextView(k, 10_000); v != nil {
		t.Errorf("one second after its start it calls %+v", v)
	}
	p.pres.began = 7000
	if v, _ := p.nextView(k, 10_000); v == nil || len(v.Members) != 1 || v.Quorate {
		t.Errorf("a node that was never heard counts: %+v", v)
	}
}

// A node that comes back within a link's timeout of its last life's end earns its place anew. The view that took it by the place of its last life
// would miss it a moment later, because it has just begun to listen, and its machine would be reset for that (R20).
func TestANewLifeHasNotTheLastOnesPlace(t *testing.T) {
	m := newMatrix(t, 3)
	p := &Provider{cfg: Config{Self: membership.Self{Node: 1, Boot: "b", Instance: instanceOf(1)}}, pres: m.ps[1], nodes: m.ps[1].nodes}
	k := known{runs: map[fence.NodeID]run{}}
	for _, n := range p.nodes {
		k.runs[n.ID] = run{Store: "s", Boot: "b", Instance: instanceOf(n.ID)}
		k.voters = append(k.voters, serverID(n.ID, "s"))
	}
	k.runs[3] = run{Store: "s", Boot: "b2", Instance: "anew"}
	k.view = membership.View{Members: []membership.Member{k.runs[1].member(1), k.runs[2].member(2)}, Quorate: true}

	news := ping{Node: 3, Boot: "b2", Instance: "anew", Store: "s", Starts: 2, Seq: 1, Healthy: true, Rows: []row{{Node: 3, Tag: tag("anew"), Starts: 2}}}
	m.ps[1].heard(news, m.now+1)
	if v, _ := p.nextView(k, m.now+1); v != nil {
		t.Fatalf("its first ping, of a time when it had heard nobody, and the view is %+v", v)
	}

	// It listens: it joins when all of them hear each other, and stays.
	m.ps[3] = newPresence(3, "anew", 2, p.nodes, testFail, testTick)
	joined := false
	for range 2 * testFail / testTick {
		m.round(map[fence.NodeID]string{3: "anew"})
		v, _ := p.nextView(k, m.now)
		if v == nil {
			continue
		}
		if len(v.Members) != 3 || len(v.Left) > 0 {
			t.Fatalf("the next view is %+v", v)
		}
		joined, k.view = true, *v
	}
	if !joined {
		t.Fatal("it never came into a view")
	}
}

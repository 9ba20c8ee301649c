package agreement

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/membership"
)

// reconnects ends the corosync of a node and begins it again at once: nobody has had the time to agree on anything without it.
func (n *node) reconnects() {
	w := n.w
	for _, o := range w.nodes {
		var rest []Process
		for _, p := range w.members(n.ring) {
			if p != n.process() {
				rest = append(rest, p)
			}
		}
		if o != n {
			o.inbox = append(o.inbox, item{group: rest, left: []Left{{n.process(), membership.HowNodeGone}}})
		}
	}
	n.inbox, n.outbox, n.quorum = nil, nil, nil
	n.m.Disconnected(w.now)
	n.effects()
	n.ring.sequence(item{group: w.members(n.ring)})
	n.inbox = append(n.inbox, item{ring: n.ring})
	n.quorum = append(n.quorum, n.ring)
}

// A connection to corosync ends under a daemon, and the next one is there before anybody missed it. What else used that corosync has lost it, so
// nobody takes the daemon for the one that was in the view: it went, and another one came (S4 5, R10). What it had asked for before is not its own any
// more, and it holds nothing before a view has it.
func TestTheEndOfAConnectionIsTheEndOfAnInstance(t *testing.T) {
	for s := range uint64(10) {
		w := agreed(t, s)
		n := w.nodes[1]
		before := w.nodes[1].view.Members[1]
		n.propose()
		n.reconnects()
		if n.self.Instance == before.Instance || len(n.open) != 0 {
			t.Fatalf("it is %s still, open are %v", n.self.Instance, n.open)
		}
		if n.m.inView() {
			t.Fatal("it takes itself for one of the view")
		}
		w.settle()
		left := false
		for _, d := range w.nodes[0].left { // in that view or in one before it: the others may have agreed without it first
			left = left || d.Member == before
		}
		if !left || n.view.Members[1].Instance != n.self.Instance || slices.Contains(n.view.Members, before) {
			t.Fatalf("the view is %+v", n.view)
		}
	}
}

// A corosync that is not there, or ends before this daemon said anything, is only waited for.
func TestWhoHasSaidNothingIsTheSame(t *testing.T) {
	m, err := New(Config{Self: membership.Self{Node: 1, Boot: "b", Instance: "i"}, Store: "s", Starts: 1, FailMS: 500}, Durable{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		m.Disconnected(1000)
	}
	if m.cfg.Self.Instance != "i" {
		t.Errorf("it is %s", m.cfg.Self.Instance)
	}
	for range 2 {
		m.Group([]Process{{1, 100}}, nil, 1000)
		m.Disconnected(1000)
		m.Disconnected(1000)
	}
	if m.cfg.Self.Instance != "i+2" {
		t.Errorf("after two connections it is %s", m.cfg.Self.Instance)
	}
}

// The instances of one start of a daemon are one run of its store, and no copy of it (R3); another start with the same number is.
func TestInstancesOfOneStartAreOneRun(t *testing.T) {
	knows := part(1, 4, 9, 9)
	for instance, copied := range map[string]bool{"run": false, "run+1": false, "run+7": false, "other": true, "other+1": true} {
		q := part(2, 4, 9, 9)
		knows.State.Stores = []Store{{1, "s1", 1, knows.Hello.Instance}, {2, "s2", 1, "run+1"}}
		q.Hello.Instance, q.State.Stores = instance, knows.State.Stores
		if got := Decide([]Participant{knows, q}); got.bars(q.Process) != copied {
			t.Errorf("%s: barred %v", instance, !copied)
		}
	}
}

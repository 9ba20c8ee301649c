package agreement

import (
	"slices"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// effectsOf collects what a machine wants to tell and to send.
func effectsOf(m *Machine) (events []membership.Event, sent []Message) {
	for _, e := range m.Effects() {
		switch e := e.(type) {
		case Tell:
			events = append(events, e.Event)
		case Send:
			sent = append(sent, e.Message)
		}
	}
	return events, sent
}

// R20, S1.9: corosync says nothing to a process that was stopped. It notices by its own clock, is not part of the quorum for a lease, proposes
// nothing, and blames nobody for the silence.
func TestStoppedProcessNoticesItself(t *testing.T) {
	w := agreed(t, 2)
	n := w.nodes[0]
	now := w.now + 60_000
	gap := n.m.Tick(0, true, now)
	if gap < 59_000 {
		t.Fatalf("a stop of 60 s is seen as %d ms", gap)
	}
	events, _ := effectsOf(n.m)
	if !slices.ContainsFunc(events, func(e membership.Event) bool {
		l, ok := e.(membership.QuorumLost)
		return ok && l.Why == "this process was stopped" && !l.Final
	}) {
		t.Errorf("it tells %+v", events)
	}
	if slices.ContainsFunc(events, func(e membership.Event) bool { s, ok := e.(membership.Suspect); return ok && s.Gone }) {
		t.Error("it suspects the others for its own silence")
	}
	if err := n.m.Propose(1, []byte("x"), now+1_000_000, now); err != nil {
		t.Fatal(err)
	}
	for ; now < w.now+60_000+n.m.cfg.LeaseMS; now += 50 {
		_, sent := effectsOf(n.m)
		if slices.ContainsFunc(sent, func(m Message) bool { return m.Entry != nil }) {
			t.Fatal("it proposes within its lease")
		}
		n.m.Deliver(n.process(), Message{Ping: &Ping{Seq: n.m.pings, Healthy: true}}, now) // its own, back from corosync
		for _, o := range w.nodes[1:] {
			n.m.Deliver(o.process(), Message{Ping: &Ping{Seq: n.m.peers[o.process()].ping.Seq + 1, Healthy: true}}, now)
		}
		n.m.Tick(0, true, now)
	}
	n.m.Deliver(n.process(), Message{Ping: &Ping{Seq: n.m.pings, Healthy: true}}, now)
	n.m.Tick(0, true, now+10)
	events, sent := effectsOf(n.m)
	if !slices.Contains(events, membership.Event(membership.QuorumHeld{})) {
		t.Errorf("the quorum is not back: %+v", events)
	}
	if !slices.ContainsFunc(sent, func(m Message) bool { return m.Entry != nil && m.Entry.Number == 1 }) {
		t.Error("what was held back is not proposed")
	}
}

// R30: who hears nobody, in a ring that is quorate, is no view; nor is what it proposes one for those who do hear each other.
func TestAViewIsAQuorum(t *testing.T) {
	w := agreed(t, 2)
	n := w.nodes[0]
	var sent []Message
	for now := w.now; now < w.now+3*n.m.cfg.FailMS; now += 50 {
		n.m.Deliver(n.process(), Message{Ping: &Ping{Seq: n.m.pings, Healthy: true}}, now)
		n.m.Tick(0, true, now)
		_, s := effectsOf(n.m)
		sent = append(sent, s...)
	}
	if slices.ContainsFunc(sent, func(m Message) bool { return m.Entry != nil && m.Entry.View != nil }) {
		t.Error("a view of one node of three is proposed")
	}
	o := w.nodes[1].m
	alone := &View{Members: []Hello{o.hellos[n.process()]}}
	before := o.last()
	o.Deliver(n.process(), Message{Session: o.id, Entry: &Entry{View: alone, Base: o.applied.ViewAt}}, w.now)
	if o.last() != before {
		t.Error("a view of one node of three has a place in the log")
	}
	both := &View{Members: []Hello{o.hellos[n.process()], o.hellos[w.nodes[2].process()]}}
	o.Deliver(n.process(), Message{Session: o.id, Entry: &Entry{View: both, Base: o.applied.ViewAt}}, w.now)
	if o.last() != before+1 {
		t.Error("a view of two has none")
	}
}

// Nothing comes back from corosync any more: it is frozen, or has lost its ring. That is told although no word of it came.
func TestSilentCorosyncIsTold(t *testing.T) {
	w := agreed(t, 3)
	n := w.nodes[1]
	var events []membership.Event
	for now := w.now; now < w.now+3*n.m.cfg.FailMS; now += 50 {
		n.m.Tick(0, true, now)
		e, _ := effectsOf(n.m)
		events = append(events, e...)
	}
	if !slices.ContainsFunc(events, func(e membership.Event) bool {
		l, ok := e.(membership.QuorumLost)
		return ok && l.Why == "corosync delivers nothing"
	}) {
		t.Errorf("it tells %+v", events)
	}
}

// R14: a lease needs a quorum of acknowledgements for one ping; this node's own counts only where it does not suffice by itself, and a denied life
// gets none.
func TestLease(t *testing.T) {
	machine := func(votes ...int) *Machine {
		m, err := New(Config{Self: membership.Self{Node: 1, Boot: "b", Instance: "i"}, Store: "s", FailMS: 500}, Durable{}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		m.needed = 2
		for i, v := range votes {
			p := Process{fence.NodeID(i + 1), 1}
			m.votesOf = append(m.votesOf, nodeVotes{p.Node, v})
			m.group = append(m.group, p)
			m.peers[p] = &peer{}
		}
		m.pings = 10
		return m
	}
	acked := func(m *Machine, node fence.NodeID, seq uint64) { m.peers[Process{node, 1}].acked = seq }
	m := machine(1, 1, 1)
	if m.renewed() != 0 {
		t.Error("renewed by nobody")
	}
	acked(m, 2, 7)
	if got := m.renewed(); got != 7 {
		t.Errorf("with its own vote and one other: %d, want 7", got)
	}
	acked(m, 3, 9)
	if got := m.renewed(); got != 9 {
		t.Errorf("the newest that a quorum acknowledged is %d, want 9", got)
	}
	heavy := machine(2, 1, 1)
	if got := heavy.renewed(); got != 0 {
		t.Errorf("a node whose votes suffice renews its own lease: %d", got)
	}
	acked(heavy, 2, 4)
	acked(heavy, 3, 6)
	if got := heavy.renewed(); got != 4 {
		t.Errorf("by both others: %d, want 4", got)
	}
	two := machine(3, 2) // even_split: lowest-id, of two nodes
	two.needed = 3
	if got := two.renewed(); got != 0 {
		t.Errorf("the lower of two nodes renews its own lease: %d", got)
	}
	acked(two, 2, 5)
	if got := two.renewed(); got != 5 {
		t.Errorf("by the peer: %d, want 5", got)
	}
	m.pings = 1000
	if got := m.renewed(); got != 0 {
		t.Errorf("a ping whose time is forgotten renews: %d", got)
	}

	w := agreed(t, 4)
	n, life := w.nodes[0], w.nodes[2].m.known[w.nodes[2].process()]
	n.m.Deny(life.member().Incarnation)
	n.m.Tick(0, true, w.now+60)
	_, sent := effectsOf(n.m)
	for _, msg := range sent {
		if msg.Ping == nil {
			continue
		}
		for _, a := range msg.Ping.Acks {
			if denied := a.Instance == life.Instance; denied != (a.Seq == 0) {
				t.Errorf("acknowledgement %+v, denied %v", a, denied)
			}
		}
	}
}

// A ghost (a process that corosync forgot to take out of the group) stops nobody, and is named.
func TestGhostIsIgnored(t *testing.T) {
	w := agreed(t, 5)
	ghost := Process{9, 100}
	for _, n := range w.nodes {
		n.inbox = append(n.inbox, item{group: append(w.members(n.ring), ghost)})
	}
	w.run(2000)
	for _, n := range w.nodes {
		if s := n.m.Status(); !s.Open || s.Waiting != "" || len(n.m.without) > 0 {
			t.Errorf("node %d waited for it: %+v", n.id, s)
		}
		if got := n.m.Ghosts(); !slices.Equal(got, []fence.NodeID{9}) {
			t.Errorf("node %d names %v", n.id, got)
		}
	}
	w.nodes[1].propose()
	w.run(1500)
	if len(w.nodes[1].open) != 0 {
		t.Error("nothing is committed beside a ghost")
	}
}

// S2.8: a process of a node that is in the ring, and says nothing, is waited for by name, and left out after the failure timeout.
func TestSilentProcessIsLeftOut(t *testing.T) {
	w := agreed(t, 6)
	silent := &node{id: 9}
	r := &ring{id: Ring{1, 99}, nodes: append(slices.Clone(w.nodes), silent)}
	for _, n := range w.nodes {
		n.inbox = append(n.inbox, item{group: append(w.members(n.ring), silent.process())}, item{ring: r})
		n.quorum = append(n.quorum, r)
	}
	for w.nodes[0].m.Status().Waiting != "their hello" || !slices.Equal(w.nodes[0].m.Status().For, []fence.NodeID{9}) {
		if w.now > 1_000_000 {
			t.Fatal("nobody says that node 9 is waited for")
		}
		w.step()
	}
	w.run(4000)
	for _, n := range w.nodes {
		if s := n.m.Status(); !s.Open || s.Waiting != "" || !slices.Equal(n.m.without, []Process{silent.process()}) {
			t.Errorf("node %d: %+v, without %v", n.id, s, n.m.without)
		}
	}
	w.nodes[2].propose()
	w.run(1500)
	if len(w.nodes[2].open) != 0 {
		t.Error("nothing is committed without the silent one")
	}
}

// A disk that holds what cannot be is refused at the start.
func TestImpossibleDisksAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		d    Durable
		want string
	}{
		"a hole":                     {Durable{Entries: append(logOf(1, 2, 1), logOf(4, 5, 1)...)}, "hole"},
		"not behind the snapshot":    {Durable{SnapAt: 3, Entries: logOf(1, 2, 1), Meta: Meta{Commit: 3}}, "hole"},
		"committed beyond the end":   {Durable{Entries: logOf(1, 2, 1), Meta: Meta{Commit: 5}}, "committed up to 5"},
		"snapshot beyond the commit": {Durable{SnapAt: 3, Meta: Meta{Commit: 1}}, "committed up to 1"},
		"snapshot of something else": {Durable{SnapAt: 3, Snapshot: []byte(`{"log":{"index":2}}`), Meta: Meta{Commit: 3}}, "snapshot of index 2"},
		"torn snapshot":              {Durable{SnapAt: 3, Snapshot: []byte(`{"log`), Meta: Meta{Commit: 3}}, "does not decode"},
	} {
		if _, err := New(Config{}, tt.d, 0); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A ring that takes long to change brings no signs of life meanwhile. Who takes part in the session after it is alive: nobody leaves the view for
// what the ring kept back.
func TestLongRingChangeEvictsNobody(t *testing.T) {
	for s := range uint64(30) {
		w := agreed(t, s)
		before := w.nodes[0].m.applied.ViewAt
		for range 40 { // two seconds without a ring, four times the failure timeout
			w.now += 50
			for _, n := range w.nodes {
				n.m.Tick(0, true, w.now)
				n.lastAt = w.now
				_ = n.m.Effects() // nothing of it gets anywhere
			}
		}
		w.split(func(*node) int { return 0 })
		w.settle()
		w.run(3000)
		for _, n := range w.nodes {
			if n.m.applied.ViewAt != before {
				t.Fatalf("seed %d: node %d has a new view %v for a ring that was slow", s, n.id, names(n.view))
			}
		}
	}
}

// Whoever says anything in a session is alive, whether or not its signs of life came through.
func TestWhoTakesPartIsAlive(t *testing.T) {
	w := agreed(t, 7)
	n, two, three := w.nodes[0], w.nodes[1].process(), w.nodes[2].process()
	for _, p := range []Process{two, three} {
		n.m.peers[p].at = w.now - 10*n.m.cfg.FailMS
	}
	n.m.Deliver(two, Message{Session: n.m.id, Ack: 1}, w.now)
	if !n.m.answers(two) || n.m.answers(three) {
		t.Errorf("who spoke is alive: %v; who did not: %v", n.m.answers(two), n.m.answers(three))
	}
}

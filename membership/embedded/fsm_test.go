package embedded

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// book is an fsm with what it told.
type book struct {
	*fsm
	index uint64
	told  []string
}

func newBook() *book {
	b := &book{fsm: newFSM()}
	b.push = func(e membership.Event) {
		switch e := e.(type) {
		case membership.Committed:
			b.told = append(b.told, fmt.Sprintf("%d %s/%d %s", e.Index, e.Proposer.Instance, e.Number, e.Data))
		case membership.ViewInstalled:
			b.told = append(b.told, fmt.Sprintf("%d view of %d", e.Index, len(e.View.Members)))
		case membership.SnapshotWanted:
			e.Reply <- []byte("the reader's state")
		case membership.SnapshotInstalled:
			b.told = append(b.told, fmt.Sprintf("%d snapshot %s", e.Index, e.Data))
		}
	}
	b.delivered = func(run, uint64) {}
	b.changed = func() {}
	return b
}

func (b *book) apply(e entry) bool {
	b.index++
	return b.Apply(&raft.Log{Index: b.index, Data: e.encode()}) == nil
}

func started(store string, n uint64) entry {
	return entry{Kind: kindStarted, Node: 1, Store: store, Starts: n, Boot: "b", Instance: fmt.Sprintf("%s.%d", store, n)}
}

func data(store string, n, number uint64) entry {
	return entry{Kind: kindData, Node: 1, Store: store, Starts: n, Number: number, Data: fmt.Appendf(nil, "d%d", number)}
}

func TestLogRules(t *testing.T) {
	b := newBook()
	steps := []struct {
		what string
		e    entry
		ok   bool
	}{
		{"proposal before the start", data("s", 1, 1), false},
		{"start", started("s", 1), true},
		{"the same start again", started("s", 1), false},
		{"proposal", data("s", 1, 1), true},
		{"second start", started("s", 2), true},
		{"proposal of the earlier run, late (I4)", data("s", 1, 2), false},
		{"proposal with a number of the earlier run", data("s", 2, 1), true},
		{"start count that went back (R3)", started("s", 1), false},
		{"view for the first", entry{Kind: kindView, View: &membership.View{Members: make([]membership.Member, 1)}}, true},
		{"another view for the first", entry{Kind: kindView, View: &membership.View{}}, false},
		{"view for that view", entry{Kind: kindView, Base: 9, View: &membership.View{Members: make([]membership.Member, 2)}}, true},
		{"new store", entry{Kind: kindStore, Node: 1, Store: "n"}, true},
		{"new store again (the join was repeated)", entry{Kind: kindStore, Node: 1, Store: "n"}, true},
		{"proposal of the replaced store", data("s", 2, 3), false},
		{"start of the replaced store (R3)", started("s", 9), false},
		{"start of the new store", started("n", 1), true},
		{"the replaced store comes back (R3)", entry{Kind: kindStore, Node: 1, Store: "s"}, false},
		{"kind of a later version (R11)", entry{Kind: "tomorrow"}, false},
	}
	for _, s := range steps {
		if got := b.apply(s.e); got != s.ok {
			t.Errorf("%d %s: accepted %v, want %v", b.index, s.what, got, s.ok)
		}
	}
	want := []string{"4 s.1/1 d1", "7 s.2/1 d1", "9 view of 1", "11 view of 2"}
	if !slices.Equal(b.told, want) {
		t.Errorf("told %q, want %q", b.told, want)
	}
}

// At most once for each run and number, whatever order they arrive in, and over a snapshot.
func TestDeliveredOnceOverSnapshots(t *testing.T) {
	b := newBook()
	b.apply(started("s", 1))
	for _, n := range []uint64{1, 3, 2, 3, 1, 5000, 9100, 9100, 1} {
		b.apply(data("s", 1, n))
	}
	snap, err := b.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	sink := &memorySink{}
	if err := snap.Persist(sink); err != nil {
		t.Fatal(err)
	}
	c := newBook()
	c.index = b.index
	if err := c.Restore(io.NopCloser(bytes.NewReader(sink.Bytes()))); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*book{b, c} {
		for _, n := range []uint64{3, 5000, 9100, 4} { // 4 is below the window: it counts as delivered
			x.apply(data("s", 1, n))
		}
		x.apply(data("s", 1, 9101))
	}
	if got, want := b.told, []string{"2 s.1/1 d1", "3 s.1/3 d3", "4 s.1/2 d2", "7 s.1/5000 d5000", "8 s.1/9100 d9100", "15 s.1/9101 d9101"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	if got, want := c.told, []string{"10 snapshot the reader's state", "15 s.1/9101 d9101"}; !slices.Equal(got, want) {
		t.Errorf("after the snapshot told %q, want %q", got, want)
	}
}

type memorySink struct{ bytes.Buffer }

func (*memorySink) ID() string    { return "x" }
func (*memorySink) Cancel() error { return nil }
func (*memorySink) Close() error  { return nil }

// The votes of a store that is not a voter yet do not make a view quorate: it does not keep what is committed.
func TestOnlyVotersMakeQuorum(t *testing.T) {
	nodes := []NodeConfig{{ID: 1, Votes: 1}, {ID: 2, Votes: 1}, {ID: 3, Votes: 1}}
	p := &Provider{nodes: nodes, pres: newPresence(1, "i", 1, nodes, testFail, testTick)}
	k := known{runs: map[fence.NodeID]run{1: {Store: "a"}, 2: {Store: "b"}}, voters: []raft.ServerID{"1/a"}}
	members := []membership.Member{{Incarnation: fence.Incarnation{Node: 1}}, {Incarnation: fence.Incarnation{Node: 2}}}
	if v := p.viewOf(k, members, 0); v.Quorate {
		t.Error("one voter of three nodes is quorate")
	}
	k.voters = append(k.voters, "2/old")
	if v := p.viewOf(k, members, 0); v.Quorate {
		t.Error("the vote of a replaced store counts")
	}
	k.voters = append(k.voters, "2/b")
	if v := p.viewOf(k, members, 0); !v.Quorate {
		t.Error("two voters of three nodes are not quorate")
	}
}

// R20: who refused the leader alone hears of no leader any more; it answers him again as soon as he is inside the set.
func TestARefusedLeaderInsideIsAnsweredAgain(t *testing.T) {
	nodes := []NodeConfig{{ID: 1, Votes: 1}, {ID: 2, Votes: 1}, {ID: 3, Votes: 1}}
	p := &Provider{cfg: Config{Self: membership.Self{Node: 1}}, nodes: nodes, pres: newPresence(1, "i", 1, nodes, testFail, testTick)}
	k := known{voters: []raft.ServerID{"1/a", "2/b", "3/c"}}
	p.pres.set = []fence.NodeID{1, 2}
	block, free := p.refuseLeader(k, 3, testFail)
	if block != 3 || slices.Contains(free, 3) {
		t.Fatalf("a leader outside the set is answered: blocks %d, frees %v", block, free)
	}
	p.pres.set = []fence.NodeID{1, 2, 3}
	block, free = p.refuseLeader(k, 0, 2*testFail)
	if block != 0 || !slices.Contains(free, 3) {
		t.Fatalf("blocks %d and frees %v: it is refused for ever, because nobody tells who refuses the leader that he leads", block, free)
	}
}

package agreement

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// A store that shows less than others have seen of it has no vote, although it shows otherwise what one does that was started again (R3).
func TestStoresThatWentBackAreBarred(t *testing.T) {
	seen := func(s Seen) Participant {
		p := part(1, 4, 9, 9)
		p.State.Seen = []Seen{s}
		return p
	}
	again := part(2, 4, 9, 9)
	again.Hello.Starts, again.Hello.Instance = 2, "new"
	for name, tt := range map[string]struct {
		seen   Seen
		barred bool
	}{
		"as far as it was":                    {Seen{2, "s2", 4, 4, 9}, false},
		"further than it was":                 {Seen{2, "s2", 4, 4, 8}, false},
		"a shorter log of a later epoch":      {Seen{2, "s2", 3, 3, 99}, false},
		"a shorter log of the same epoch":     {Seen{2, "s2", 4, 4, 10}, true},
		"a log that was taken over before":    {Seen{2, "s2", 5, 5, 1}, true},
		"a promise that it knows nothing of":  {Seen{2, "s2", 5, 4, 9}, true},
		"another store of its":                {Seen{2, "old", 9, 9, 99}, false},
		"another node's":                      {Seen{3, "s2", 9, 9, 99}, false},
		"a promise alone, of a store like it": {Seen{2, "s2", 4, 0, 0}, false},
	} {
		p := Decide([]Participant{seen(tt.seen), again, part(3, 4, 9, 9)})
		if got := slices.Contains(p.Barred, again.Process); got != tt.barred {
			t.Errorf("%s: barred %v", name, got)
		}
		if got := p.votesOf(func(x Process) bool { return x == again.Process }) == 0; got != tt.barred {
			t.Errorf("%s: no vote %v", name, got)
		}
	}
}

// A copy of a running node's disk is put back after its log went on, and the node starts on it: a new start like any other, and a log that lacks
// what its old one has acknowledged. Whoever saw those acknowledgements gives it no vote, also after a restart of its own (R3).
func TestStoreRestoredWithinOneStart(t *testing.T) {
	for s := range uint64(10) {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			w := agreed(t, s)
			one, two, three := w.nodes[0], w.nodes[1], w.nodes[2]
			copied := clone(two.disk)
			for range 5 {
				one.propose()
			}
			w.run(900) // within one session
			if two.m.last() <= copied.SnapAt+uint64(len(copied.Entries)) {
				t.Fatal("the log did not go on")
			}
			one.crash()
			two.crash()
			two.disk = copied
			three.crash()
			three.start()
			two.start()
			w.run(1500)
			if p := three.m.plan; p == nil || !slices.Contains(p.Barred, two.process()) || !strings.Contains(p.Refused, "1 votes of stores that the log knows") {
				t.Fatalf("the plan with a store that was restored: %+v", p)
			}
			if got := two.m.why(); three.m.open || two.m.open || !two.m.barred() {
				t.Errorf("it goes on: %q", got)
			}
			one.start()
			w.run(3000)
			if !one.m.open || !three.m.open || slices.ContainsFunc(three.m.applied.View.Members, func(m membership.Member) bool { return m.Instance == two.self.Instance }) {
				t.Errorf("with the third the others do not go on without it: %v", names(three.m.applied.View))
			}
		})
	}
}

// What a process cannot have said is not kept against it, and what is kept is one for each node.
func TestWhatIsSeenOfStores(t *testing.T) {
	w := agreed(t, 3)
	m, o := w.nodes[0].m, w.nodes[1].process()
	seenOfTwo := func() Seen {
		i, ok := seenOf(m.meta.Seen, fence.NodeID(2))
		if !ok {
			t.Fatal("nothing is known of a store that has acknowledged")
		}
		return m.meta.Seen[i]
	}
	was := seenOfTwo()
	m.inSession(o, Message{Ack: m.next + 1000})
	if got := seenOfTwo(); got != was {
		t.Errorf("an acknowledgement of nothing is kept: %+v", got)
	}
	before := m.meta.Seen
	m.hellos[o] = Hello{Node: 2, Store: "another"}
	m.saw(o, 3, true)
	if got := seenOfTwo(); got != (Seen{2, "another", m.plan.Epoch, m.plan.Epoch, 3}) || len(m.meta.Seen) != 3 {
		t.Errorf("another store of the node is kept as %+v of %d", got, len(m.meta.Seen))
	}
	if before[1] != was {
		t.Error("what the disk's writer may still read was changed")
	}
}

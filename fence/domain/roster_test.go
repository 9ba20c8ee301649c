package domain

import (
	"errors"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// without is the next roster but for one node.
func (w *world) without(id fence.NodeID) Entry {
	return w.next(func(r *fence.Roster) {
		r.Nodes = slices.DeleteFunc(r.Nodes, func(n fence.RosterNode) bool { return n.ID == id })
	})
}

// next is the next version of the roster, changed.
func (w *world) next(change func(*fence.Roster)) Entry {
	r := w.s.Roster
	r.Version++
	r.Nodes, r.Devices = slices.Clone(r.Nodes), slices.Clone(r.Devices)
	change(&r)
	return Entry{Roster: &Roster{Roster: r, By: "op"}}
}

// with is the next roster with more nodes, up to n.
func (w *world) with(n int) Entry {
	more := roster(n)
	return w.next(func(r *fence.Roster) { r.Nodes, r.Devices = more.Nodes, more.Devices })
}

func TestANodeAddedLiveIsNobodysVictimAndTakesNoQuorum(t *testing.T) { // 0029
	w := newWorld(t, 3)
	w.must(1, w.with(6))
	for _, id := range []fence.NodeID{4, 5, 6} {
		if n := w.s.Node(id); !n.Added || n.Unknown || w.s.OverdueLife(n) != (fence.Incarnation{}) {
			t.Fatalf("%+v", n)
		}
	}
	if len(w.s.Unresolved()) != 0 || w.s.Quorum() != 2 {
		t.Fatalf("grants wait for %v, quorum %d of the three that work", w.s.Unresolved(), w.s.Quorum())
	}
	w.view(1, 2, 3, 4)
	if w.s.Quorum() != 3 || w.s.Node(4).Added {
		t.Fatalf("node 4 came: quorum %d", w.s.Quorum())
	}
	w.clean(4)
	if !w.s.Clean(4) || !w.s.Node(4).Stateful {
		t.Fatalf("%+v", w.s.Node(4))
	}
	w.index++ // gone without a word: now it is a victim, and its vote still counts
	w.s.ApplyView(w.index, []Origin{w.origin(1), w.origin(2), w.origin(3)}, true)
	if w.s.Node(4).Victim == nil || w.s.Quorum() != 3 {
		t.Fatalf("%+v quorum %d", w.s.Node(4), w.s.Quorum())
	}
}

func TestAColdStartFearsNoNodeThatNeverCame(t *testing.T) { // 0029, R10
	w := newWorld(t, 3)
	w.must(1, w.with(4))
	w.boots[1], w.boots[2], w.boots[3] = 1, 1, 1
	w.view(1, 2, 3)
	if w.s.Generation < 2 || w.s.Node(4).Unknown || !w.s.Node(3).Unknown {
		t.Fatalf("generation %d, %+v", w.s.Generation, w.s.Node(4))
	}
	w.view(1, 2, 3, 4)
	w.boots[1], w.boots[2], w.boots[3] = 2, 2, 2
	w.view(1, 2, 3)
	if !w.s.Node(4).Unknown {
		t.Fatalf("it came once, and nobody remembers what became of it: %+v", w.s.Node(4))
	}
}

func TestWhatRemovalNeeds(t *testing.T) { // R5: each way in which a node may still hold something
	for _, c := range []struct {
		name  string
		do    func(*world)
		words string // "" means that it may go
	}{
		{"a member", func(*world) {}, "in the view"},
		{"a victim", func(w *world) { w.view(1, 2, 3, 4) }, "operation 1 on it is open"},
		{"left cleanly and gone", func(w *world) { w.must(5, Entry{Leave: &Leave{}}); w.view(1, 2, 3, 4) }, ""},
		{"left cleanly, its daemon still there", func(w *world) { w.must(5, Entry{Leave: &Leave{}}) }, "in the view"},
		{"acknowledged", func(w *world) {
			w.view(1, 2, 3, 4)
			w.must(1, Entry{Ack: &Ack{Node: 5, Boot: "b5.0", By: "op", Reason: "burnt"}})
		}, ""},
		{"went without quorum", func(w *world) { w.view(1, 2); w.view(1, 2, 5); w.view(1, 2); w.s.View.Quorate = true }, "went without quorum"},
		{"unknown since a cold start, although it had left", func(w *world) {
			w.must(5, Entry{Leave: &Leave{}})
			w.view(1, 2, 3, 4)
			for id := fence.NodeID(1); id < 5; id++ {
				w.boots[id]++
			}
			w.view(1, 2, 3, 4)
		}, "nobody knows"},
		{"unknown since a cold start, although it was fenced", func(w *world) {
			w.view(1, 2, 3, 4)
			w.claim(1, 5)
			w.must(1, Entry{Verdict: w.proof(5)})
			w.s.Node(5).PowerOn, w.s.Node(5).Unquiet = nil, nil
			for id := fence.NodeID(1); id < 5; id++ {
				w.boots[id]++
			}
			w.view(1, 2, 3, 4)
		}, "nobody knows"},
		{"stateless and gone without a word", func(w *world) {
			w.s.Roster.Policy.IdleStateless = true
			w.must(5, Entry{Stateful: &Stateful{}})
			w.view(1, 2, 3, 4)
		}, "it is gone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 5)
			c.do(w)
			if c.words == "" {
				w.must(1, w.without(5))
				if w.s.Node(5) != nil {
					t.Fatal("it is still there")
				}
				return
			}
			w.refused(1, w.without(5), c.words)
		})
	}
}

func TestANodeThatWasAddedAndNeverCameMayGoAgain(t *testing.T) { // R5, 0029: a typing mistake is not for ever
	w := newWorld(t, 3)
	w.must(1, w.with(4))
	w.must(1, w.without(4))
}

func TestNobodyRemovesItself(t *testing.T) { // R5
	w := newWorld(t, 5)
	w.refused(1, w.without(1), "by itself")
	w.must(1, Entry{Leave: &Leave{}})
	w.refused(1, w.without(1), "by itself")
}

func TestABootThatIsOverStaysOverAfterRemoval(t *testing.T) { // R16: acknowledged by mistake, removed, added again
	w := newWorld(t, 5)
	w.view(1, 2, 3, 4)
	w.must(1, Entry{Ack: &Ack{Node: 5, Boot: "b5.0", By: "op", Reason: "burnt"}})
	w.must(1, w.without(5))
	if len(w.s.Removed) != 1 {
		t.Fatalf("%+v", w.s.Removed)
	}
	w.must(1, w.with(5))
	ev := w.view(1, 2, 3, 4, 5)
	if !has(ev, EventRefused) || len(w.s.Removed) != 0 {
		t.Fatalf("the life that has a verdict came without a word: %+v", ev)
	}
	w.clean(5)
	if w.s.Clean(5) {
		t.Fatal("a life that has a verdict is a member")
	}
}

func TestARosterThatTakesQuorumNeedsForce(t *testing.T) {
	w := newWorld(t, 5)
	w.must(4, Entry{Leave: &Leave{}})
	w.must(5, Entry{Leave: &Leave{}})
	w.view(1, 2, 3)
	e := w.next(func(r *fence.Roster) { r.Nodes[0].Votes, r.Nodes[1].Votes = 0, 0 })
	_, err := w.apply(1, e)
	if !errors.Is(err, fence.ErrUnsafe) {
		t.Fatalf("%v", err)
	}
	w.refused(1, e, "1 of the 2 votes")
	e.Roster.Force = true
	w.must(1, e)
}

func TestTheSecondOfTwoIsTold(t *testing.T) { // R5: compare and set
	w := newWorld(t, 3)
	first, second := w.with(4), w.next(func(r *fence.Roster) { r.Timing.PingMS = 77 })
	w.must(1, first)
	if _, err := w.apply(2, second); !errors.Is(err, fence.ErrStale) {
		t.Fatalf("%v", err)
	}
	if len(w.s.Nodes) != 4 {
		t.Fatal("the older one has won")
	}
}

func TestWhoMayApply(t *testing.T) { // R22, V3
	w := newWorld(t, 3)
	w.view(1)
	w.refused(1, w.with(4), "no quorum")
	w.view(1, 2, 3)
	w.must(1, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
	w.refused(3, w.with(4), "victim")
	w.view(1, 2)
	w.refused(3, w.with(4), "not in the view")
	fresh := &world{t: t, s: New(), boots: map[fence.NodeID]int{}}
	fresh.view(1)
	fresh.must(1, Entry{Roster: &Roster{Roster: roster(3)}})
	fresh.must(1, fresh.next(func(r *fence.Roster) { r.Nodes[1].Address = "right:1" })) // a wrong first roster is mended by who is there
}

func TestARenamedNodeIsTheSame(t *testing.T) {
	w := newWorld(t, 3)
	w.view(1, 2)
	w.claim(1, 3)
	w.must(1, w.next(func(r *fence.Roster) { r.Nodes[2].Name = "web" }))
	n := w.s.Node(3)
	if n.Victim == nil || n.Victim.Claim == nil || w.s.Roster.Name(3) != "web" {
		t.Fatalf("%+v", n)
	}
	w.must(1, Entry{Verdict: w.proof(3)}) // its levels are what they were
	w.refused(1, w.next(func(r *fence.Roster) { r.Nodes[1].Name = "web" }), "one name")
}

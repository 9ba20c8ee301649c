package agreement

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// The sum of a log is of what it says, in its order, and goes on behind a snapshot; whatever differs in an entry differs in the sum.
func TestSumTellsLogsApart(t *testing.T) {
	log := []Entry{
		{Index: 1, Node: 1, Boot: "b", Instance: "i", Number: 1, Data: []byte("x")},
		{Index: 2, Node: 2, Boot: "b", Instance: "j", Number: 1, Data: []byte("x")},
		{Index: 3, Node: 1, Boot: "b", Instance: "i", View: &View{Members: []Hello{{Node: 1, Instance: "i"}}}},
	}
	var l Log
	for _, e := range log {
		l.apply(e)
	}
	whole := (&Machine{log: log}).sum()
	if behind := (&Machine{applied: l, snapAt: 3}).sum(); behind != whole || whole == 0 {
		t.Errorf("the sum of the log is %d, of what it added up to %d", whole, behind)
	}
	for name, spoil := range map[string]func(e *Entry){
		"node": func(e *Entry) { e.Node = 9 }, "boot": func(e *Entry) { e.Boot = "c" }, "instance": func(e *Entry) { e.Instance = "k" },
		"number": func(e *Entry) { e.Number = 9 }, "data": func(e *Entry) { e.Data = []byte("y") }, "base": func(e *Entry) { e.Base = 9 },
		"view": func(e *Entry) { e.View = &View{Members: []Hello{{Node: 2, Instance: "j"}}} },
	} {
		for i := range log {
			other := append([]Entry(nil), log...)
			spoil(&other[i])
			if (&Machine{log: other}).sum() == whole {
				t.Errorf("another %s of entry %d gives the same sum", name, i+1)
			}
		}
	}
	swapped := []Entry{log[1], log[0], log[2]}
	if (&Machine{log: swapped}).sum() == whole {
		t.Error("another order gives the same sum")
	}
}

// A process that says Hello and is left out again does not bring an older session back: what was said in it is void for ever (I4, S1.8).
func TestSessionNeverComesAgain(t *testing.T) {
	m, err := New(Config{Self: membership.Self{Node: 1, Boot: "b", Instance: "a"}, Store: "s1", Starts: 1, FailMS: 500}, Durable{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	ps := []Process{{1, 1}, {2, 1}, {3, 1}}
	m.Group(ps, nil, 1000)
	m.Ring(Ring{Node: 1, Seq: 4}, []fence.NodeID{1, 2, 3}, 1000)
	hello := func(i int, count uint64) {
		m.Deliver(ps[i], Message{Hello: &Hello{Node: ps[i].Node, Boot: "b", Instance: string(rune('a' + i)), Store: "s", Starts: 1, Count: count}}, 1001)
	}
	hello(0, 1)
	hello(1, 1)
	m.Deliver(ps[0], Message{Without: &Without{Count: 1, Processes: ps[2:]}}, 1600)
	first := m.Session()
	hello(2, 1)
	if m.Session() == first || first == "" {
		t.Fatalf("three are in session %q, two were in %q", m.Session(), first)
	}
	m.Deliver(ps[0], Message{Without: &Without{Count: 1, Processes: ps[2:]}}, 2200)
	if m.Session() == first || m.Session() == "" {
		t.Errorf("the session of two is %q again", m.Session())
	}
}

package agreement

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// Of two that come from one old ring with the same log, one sends it, whoever is asked and in whatever order; what the other would send counts for
// nothing, and what comes twice counts once.
//
// proves: S3.3
func TestOneCopyOfAnOldRingIsApplied(t *testing.T) {
	ps := []Participant{part(1, 4, 9, 9), part(2, 3, 5, 5), part(3, 4, 9, 9)}
	want := Decide(ps)
	if want.Source.Node != 1 || !slices.Equal(want.Receivers, []Process{{2, 100}}) {
		t.Fatalf("the plan is %+v", want)
	}
	for _, order := range [][]int{{2, 1, 0}, {1, 0, 2}, {2, 0, 1}} {
		if got := Decide([]Participant{ps[order[0]], ps[order[1]], ps[order[2]]}); got.Source != want.Source || !slices.Equal(got.Receivers, want.Receivers) {
			t.Errorf("in order %v the plan is %+v", order, got)
		}
	}
	entry := func(i uint64, text string) Entry {
		return Entry{Index: i, Node: 1, Boot: "b", Instance: "b", Number: i, Data: []byte(text)}
	}
	m := &Machine{session: session{id: "s", parts: ps, plan: &want, promised: map[Process]bool{}, synced: map[Process]bool{}, acked: map[Process]uint64{}}}
	m.shadow = newShadow(nil, want, "b")
	m.inSession(ps[2].Process, Message{Page: &Page{Entries: []Entry{entry(6, "not asked")}}})
	for range 2 {
		m.inSession(ps[0].Process, Message{Page: &Page{Entries: []Entry{entry(6, "x"), entry(7, "y")}}})
		m.inSession(ps[0].Process, Message{Page: &Page{Entries: []Entry{entry(8, "z"), entry(9, "w")}}})
	}
	var got string
	for _, e := range m.shadow.entries {
		got += string(e.Data)
	}
	if got != "xyzw" || !m.shadow.whole(want) {
		t.Errorf("it has %q", got)
	}
}

// A ring's number can come again after everybody was down and lost it. Other daemons in it are another session, and what was said in the old one
// is not heard.
//
// proves: S3.7
func TestRingOfTheSameNumberIsAnother(t *testing.T) {
	ring := Ring{Node: 1, Seq: 4}
	before := []Participant{part(1, 4, 9, 9), part(2, 4, 9, 9)}
	after := []Participant{part(1, 4, 9, 9), part(2, 4, 9, 9)}
	for i := range after {
		after[i].Hello.Instance += "-restarted"
	}
	old, now := digest(ring, 2, before), digest(ring, 2, after)
	if old == now {
		t.Fatal("two runs of everything are one session")
	}
	m := &Machine{group: []Process{before[0].Process, before[1].Process}, known: map[Process]Hello{}, hellos: map[Process]Hello{}}
	m.presence.peers = map[Process]*peer{}
	m.session = session{id: now, parts: after, states: map[Process]bool{}}
	m.Deliver(before[1].Process, Message{Session: old, State: &State{Domain: "d", Last: 3}}, 1)
	if m.states[before[1].Process] || m.dropped != 1 {
		t.Error("a State of the older session is taken")
	}
	m.Deliver(before[1].Process, Message{Session: now, State: &State{Domain: "d", Last: 3}}, 1)
	if !m.states[fenceProcess(2)] {
		t.Error("one of this session is not")
	}
}

func fenceProcess(id fence.NodeID) Process { return Process{id, 100} }

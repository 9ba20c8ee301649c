package agreement

import (
	"slices"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// R6, R23: with two_node both stores are needed, or the proof that nobody else can commit: of this boot, or of another beside a store that no log knows.
func TestDecideForTwo(t *testing.T) {
	both := []Store{{1, "s1", 1, "b"}, {2, "s2", 1, "c"}}
	two := func(id fence.NodeID, sole string) Participant {
		p := part(id, 4, 9, 9)
		p.State.Stores, p.State.Two, p.State.Sole = both, true, sole
		return p
	}
	wiped := two(2, "")
	wiped.Hello.Store, wiped.State = "new", State{Votes: 1, Need: 2, Two: true}
	other := two(2, "")
	other.State.Two = false
	for name, tt := range map[string]struct {
		parts   []Participant
		need    int
		refused string
		parted  bool
	}{
		"both":                                  {[]Participant{two(1, ""), two(2, "")}, 2, "", false},
		"both, one was the sole one":            {[]Participant{two(1, "b"), two(2, "")}, 2, "", false},
		"one":                                   {[]Participant{two(1, "")}, 2, "nothing proves yet", true},
		"the sole one":                          {[]Participant{two(1, "b")}, 1, "", false},
		"the sole one of another boot":          {[]Participant{two(1, "b0")}, 2, "nothing proves yet", true},
		"both, each by a word":                  {[]Participant{two(1, "b"), two(2, "c")}, 2, "node 1 and node 2 each went on alone", false},
		"beside a new store":                    {[]Participant{two(1, ""), wiped}, 2, "run `corosync-quorumtool -e 1` on node 1", false},
		"the sole one of once, and a new store": {[]Participant{two(1, "b0"), wiped}, 1, "", false},
		"one that does not know of two_node":    {[]Participant{other}, 2, "1 votes", false},
	} {
		p := Decide(tt.parts)
		if p.Need != tt.need || p.Parted != tt.parted || (p.Refused != "") != (tt.refused != "") || !strings.Contains(p.Refused, tt.refused) {
			t.Errorf("%s: need %d, parted %v, refused %q", name, p.Need, p.Parted, p.Refused)
		}
	}
}

// A view of another node ends being the sole one, by the very write that brings it; also where a snapshot may hide one, or the end of the log was cut.
func TestSoleEndsWithAViewOfAnother(t *testing.T) {
	view := func(at uint64, ids ...fence.NodeID) Entry {
		v := &View{}
		for _, id := range ids {
			v.Members = append(v.Members, Hello{Node: id})
		}
		return Entry{Index: at, View: v}
	}
	for name, tt := range map[string]struct {
		change Change
		ends   bool
	}{
		"its own view":              {Change{Append: []Entry{view(11, 1)}}, false},
		"a view of both":            {Change{Append: []Entry{view(11, 1, 2)}}, true},
		"one from before":           {Change{Append: []Entry{view(9, 1, 2)}}, false},
		"one behind what was cut":   {Change{Cut: true, After: 7, Append: []Entry{view(9, 1, 2)}}, true},
		"a snapshot":                {Change{Snapshot: []byte("{}"), SnapAt: 12}, true},
		"a snapshot of what it had": {Change{Snapshot: []byte("{}"), SnapAt: 9}, false},
	} {
		m := &Machine{meta: Meta{Sole: &Sole{Boot: "b", At: 10}}}
		m.cfg.Self.Node = 1
		m.shares(tt.change)
		if ended := m.meta.Sole == nil; ended != tt.ends {
			t.Errorf("%s: ended %v", name, ended)
		}
	}
}

// Node 2 is over, node 1 is the sole one, and a view that brings back node 2 is on its disk and not known to be committed.
func lentTo(t *testing.T, sole bool) (m *Machine, came Hello) {
	t.Helper()
	self := Hello{Node: 1, Boot: "b", Instance: "one"}
	came = Hello{Node: 2, Boot: "c2", Instance: "two-again"}
	m = &Machine{two: true, session: session{plan: &Plan{Parted: true}, parts: []Participant{{Process: Process{1, 1}, Hello: self}}}, streams: joinedStreams(), seated: true}
	m.cfg.Self = membership.Self{Node: 1, Boot: "b", Instance: "one"}
	m.applied = Log{Index: 5, ViewAt: 5, View: membership.View{Members: []membership.Member{self.member()}}}
	m.snapAt = 5
	if sole {
		m.meta.Sole = &Sole{Boot: "b", At: 4}
	}
	c := Change{Append: []Entry{{Index: 6, View: &View{Members: []Hello{self, came}}, Base: 5}}}
	m.log = c.Append
	m.shares(c)
	return m, came
}

func joinedStreams() Streams {
	r := Ring{1, 7}
	s := Streams{}
	s.Group(r, []fence.NodeID{1})
	s.Quorum(r, true)
	return s
}

// R23, L1: a joiner that stops before it has acknowledged the view that names it leaves the survivor a way: the same proof as ever, about that very
// joiner. Whose own note that view did not end has none: the other's may still stand.
func TestWhoStopsWhileItJoinsCanBeProvenOver(t *testing.T) {
	m, came := lentTo(t, true)
	if m.meta.Sole != nil {
		t.Fatal("it is still the sole one")
	}
	if p, parted := m.Parted(); !parted || p != came.member() {
		t.Fatalf("it is parted from %+v: %v", p, parted)
	}
	if m.Vouch(fence.Incarnation{Node: 2, Boot: "c"}, 0) || m.meta.Sole != nil {
		t.Error("the proof about the life before makes it the sole one")
	}
	if !m.Vouch(came.member().Incarnation, 0) || m.meta.Sole == nil || m.meta.Sole.At != 6 {
		t.Errorf("the proof about the joiner does not make it the sole one: %+v", m.meta.Sole)
	}
	m, came = lentTo(t, true)
	m.streams.Group(Ring{1, 7}, []fence.NodeID{1, 2})
	if m.processGone(came); m.meta.Sole == nil {
		t.Error("the word of the joiner's corosync that it ended does not make it the sole one")
	}
	m, came = lentTo(t, false)
	m.streams.Group(Ring{1, 7}, []fence.NodeID{1, 2})
	if m.processGone(came); m.meta.Sole != nil {
		t.Error("it goes alone by an end in a view that only it knows of, while the other may be the sole one")
	}
	if p, two := m.peer(); two {
		t.Errorf("it takes %+v for its peer", p)
	}
}

// R15, R3: who commits alone by a person's word about the expected votes is the sole one from then on, in the log that it has then; so a new store may
// join when corosync counts both again. By corosync's own numbers, or beside another voter, it is not.
func TestAPersonsWordMakesASoleOne(t *testing.T) {
	me, other := Process{1, 1}, Process{2, 1}
	for name, c := range map[string]struct {
		need   int
		voters []Voter
		two    bool
		sole   bool
	}{
		"told":              {1, []Voter{{me, 1}}, true, true},
		"not told":          {2, []Voter{{me, 1}}, true, false},
		"beside the other":  {1, []Voter{{me, 1}, {other, 1}}, true, false},
		"only the other":    {1, []Voter{{other, 1}}, true, false},
		"without a setting": {1, []Voter{{me, 1}}, false, false},
	} {
		m := &Machine{two: c.two, votes: 1, need: c.need, session: session{plan: &Plan{Last: 8, Voters: c.voters}}}
		m.cfg.Self.Boot = "b"
		m.toldAlone(me)
		if got := m.meta.Sole; (got != nil) != c.sole || c.sole && *got != (Sole{Boot: "b", At: 8, Word: true}) {
			t.Errorf("%s: %+v", name, got)
		}
		if told := slices.Contains(m.Effects(), Effect(Tell{membership.TwoNode{Word: true}})); told != c.sole {
			t.Errorf("%s: the reader is told so: %v", name, told)
		}
	}
}

// R15: the reader knows for how long nothing but a word lets this node go on alone: also after a start in the same boot, until a view brings the other
// back or something proves that it is over.
func TestTheReaderKnowsAWordFromAProof(t *testing.T) {
	told := func(m *Machine) (words []bool) {
		for _, e := range m.Effects() {
			if two, ok := e.(Tell).Event.(membership.TwoNode); ok {
				words = append(words, two.Word)
			}
		}
		return words
	}
	began := func() *Machine {
		m := &Machine{meta: Meta{Sole: &Sole{Boot: "b", At: 8, Word: true}}}
		m.two, m.ringMS = true, 3000
		m.tellTwo()
		if got := told(m); !slices.Equal(got, []bool{true}) {
			t.Fatalf("at its start it says %v", got)
		}
		return m
	}
	m := began()
	m.shares(Change{Cut: true, After: 7})
	if got := told(m); got != nil || m.meta.Sole == nil || !m.meta.Sole.Word {
		t.Errorf("a log that was cut: %v, %+v", got, m.meta.Sole)
	}
	m.shares(Change{Append: []Entry{{Index: 9, View: &View{Members: []Hello{{Node: 1}, {Node: 2}}}}}})
	if got := told(m); !slices.Equal(got, []bool{false}) {
		t.Errorf("the other is back: %v", got)
	}
	m = began()
	m.note(&Sole{Boot: "b", At: 9})
	if got := told(m); !slices.Equal(got, []bool{false}) {
		t.Errorf("a proof: %v", got)
	}
}

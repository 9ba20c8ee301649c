package agreement

import (
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
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
		"beside a new store":                    {[]Participant{two(1, ""), wiped}, 2, "1 votes", false},
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

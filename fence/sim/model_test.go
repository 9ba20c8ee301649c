package sim

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// choose is the plain rule for these tests: all three if they hear each other, else the first pair that does.
func choose(up func(fence.NodeID) bool, mutual func(a, b fence.NodeID) bool) []fence.NodeID {
	for _, set := range [][]fence.NodeID{{1, 2, 3}, {1, 2}, {1, 3}, {2, 3}} {
		good := true
		for i, a := range set {
			good = good && up(a)
			for _, b := range set[:i] {
				good = good && mutual(a, b)
			}
		}
		if good {
			return set
		}
	}
	return nil
}

func newModel() *Model {
	return New(Config{Nodes: []Node{{1, 1}, {2, 1}, {3, 1}}, FailureTimeoutMS: 1000, ProposalMS: 5000, Choose: choose})
}

func daemon(id fence.NodeID, run int) Daemon {
	return Daemon{Incarnation: fence.Incarnation{Node: id, Boot: "b"}, Instance: fmt.Sprintf("%d.%d", id, run)}
}

// story is a run with a cut, a proposal on each side, a restart and a snapshot; it returns all that everybody was told.
func story() (out []Output) {
	m := newModel()
	for id := fence.NodeID(1); id <= 3; id++ {
		m.Start(daemon(id, 1))
	}
	for now := int64(100); now <= 12000; now += 100 {
		switch now {
		case 1000:
			m.Propose(1, 1, []byte("together"))
		case 2000:
			m.Cut(1, 2)
			m.Cut(1, 3)
			m.Propose(1, 2, []byte("minority"))
			m.Propose(2, 1, []byte("majority"))
		case 5000:
			m.Heal()
		case 7000:
			m.Compact(m.Cursor(2), []byte("state"))
			m.Start(daemon(3, 2))
		case 9000:
			m.Kill(1)
		}
		out = append(out, m.Step(now)...)
	}
	return out
}

func TestSameStoryTwice(t *testing.T) {
	if !reflect.DeepEqual(story(), story()) {
		t.Error("the same inputs gave other outputs")
	}
}

func TestStory(t *testing.T) {
	told := map[fence.NodeID][]string{}
	for _, o := range story() {
		var s string
		switch {
		case o.Kind == KindEntry && o.Entry.View != nil:
			s = "view"
			for _, d := range o.Entry.View.Members {
				s += " " + d.Instance
			}
		case o.Kind == KindEntry:
			s = string(o.Entry.Data)
		case o.Kind == KindLost:
			s = "lost"
		case o.Kind == KindHeld:
			s = "held"
		case o.Kind == KindSnapshot:
			s = "snapshot"
		default:
			continue
		}
		told[o.To] = append(told[o.To], s)
	}
	want := map[fence.NodeID][]string{
		1: {"view 1.1 2.1 3.1", "together", "lost", "majority", "view 2.1 3.1", "view 1.1 2.1 3.1", "minority", "view 1.1 2.1 3.2"},
		2: {"view 1.1 2.1 3.1", "together", "majority", "view 2.1 3.1", "view 1.1 2.1 3.1", "minority", "view 1.1 2.1 3.2", "view 2.1 3.2"},
		3: {"view 1.1 2.1 3.1", "together", "majority", "view 2.1 3.1", "view 1.1 2.1 3.1", "minority", "snapshot", "view 1.1 2.1 3.2", "view 2.1 3.2"},
	}
	for id := fence.NodeID(1); id <= 3; id++ {
		if !slices.Equal(told[id], want[id]) {
			t.Errorf("node %d was told\n%q, want\n%q", id, told[id], want[id])
		}
	}
}

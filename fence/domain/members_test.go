package domain

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/fenced-project/fenced/fence"
)

// TestMembersAreFoundInASortedView holds the search against looking at every one, with ids that do not count from one and daemons that differ
// in a part of their origin only.
func TestMembersAreFoundInASortedView(t *testing.T) {
	origin := rapid.Custom(func(t *rapid.T) Origin {
		part := func(name string) string { return strconv.Itoa(rapid.IntRange(0, 1).Draw(t, name)) }
		return Origin{Incarnation: fence.Incarnation{Node: fence.NodeID(rapid.IntRange(0, 12).Draw(t, "node")), Boot: part("boot")}, Instance: part("instance")}
	})
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.SliceOfN(origin, 0, 8).Draw(t, "members")
		slices.SortFunc(ms, byNode)
		m := origin.Draw(t, "asked")
		if len(ms) > 0 && rapid.Bool().Draw(t, "of them") {
			m = rapid.SampledFrom(ms).Draw(t, "member")
		}
		if want := slices.Contains(ms, m); among(ms, m) != want {
			t.Fatalf("%v in %v: %v", m, ms, !want)
		} else if want {
			found++
		}
		i, ok := place(ms, m.Node)
		if want := slices.IndexFunc(ms, func(o Origin) bool { return o.Node == m.Node }); ok != (want >= 0) || ok && i != want {
			t.Fatalf("node %d in %v: place %d, %v", m.Node, ms, i, ok)
		}
	})
	if found == 0 {
		t.Error("nobody was ever asked for who is there: this tests nothing")
	}
}

// A snapshot whose view is not sorted would answer wrongly who is in the view, so it is not believed.
func TestRestoreRefusesAnUnsortedView(t *testing.T) {
	if _, err := Restore([]byte(`{"view":{"index":1,"members":[{"node":2,"boot":"b","instance":"i"},{"node":1,"boot":"b","instance":"i"}],"quorate":true}}`)); err == nil {
		t.Error("it was restored")
	}
}

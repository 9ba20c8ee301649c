package domain

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// rosterOf is the next roster with an edit.
func (w *world) rosterOf(edit func(*fence.Roster)) Entry {
	r := w.s.Roster
	r.Version++
	r.Nodes, r.Devices, r.Shared = slices.Clone(r.Nodes), slices.Clone(r.Devices), slices.Clone(r.Shared)
	for i := range r.Nodes {
		r.Nodes[i].Levels = slices.Clone(r.Nodes[i].Levels)
	}
	edit(&r)
	return Entry{Roster: &Roster{Roster: r, By: "op"}}
}

// twoPaths is a cutWorld in which every node has a second path to san, at another switch.
func twoPaths(t *testing.T, feature int) *world {
	t.Helper()
	w := cutWorld(t, feature)
	r := w.rosterOf(func(r *fence.Roster) {
		d := r.Devices[len(r.Devices)-1]
		d.Name, d.Mapping = "fc2", "map-fc2"
		r.Devices = append(r.Devices, d)
		for i := range r.Nodes {
			r.Nodes[i].Levels[0] = fence.Level{Steps: []fence.Step{{Device: "fc", Target: r.Nodes[i].Name}, {Device: "fc2", Target: r.Nodes[i].Name}}}
		}
		r.Shared[0].CutBy = [][]string{{"fc", "fc2"}}
	}).Roster.Roster
	w.s.Roster, w.s.RosterHash = r, r.Hash()
	for _, n := range r.Nodes {
		w.announce(n.ID, "san")
	}
	return w
}

// onePath takes the second path out of the roster.
func onePath(r *fence.Roster) {
	for i := range r.Nodes {
		r.Nodes[i].Levels[0] = fence.Level{Steps: []fence.Step{{Device: "fc", Target: r.Nodes[i].Name}}}
	}
	r.Shared[0].CutBy = [][]string{{"fc"}}
}

// R18: what cuts a victim off does not become less while it may go on by what it had.
func TestRostersLoosenNothingForAVictim(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*fence.Roster)
		want string
	}{
		"a path less":         {onePath, "less cuts off from san"},
		"an easy alternative": {func(r *fence.Roster) { r.Shared[0].CutBy = [][]string{{"fc", "fc2"}, {"fc2"}} }, "less cuts off from san"},
		"other paths":         {func(r *fence.Roster) { r.Shared[0].CutBy = [][]string{{"array"}} }, "less cuts off from san"},
		"no name":             {func(r *fence.Roster) { r.Shared = nil }, "san is not there any more"},
		"a way less": {func(r *fence.Roster) {
			r.Nodes[2].Levels[0].Steps = r.Nodes[2].Levels[0].Steps[:1]
		}, "its way fc2[n3] changes or goes"},
		"another switch":              {func(r *fence.Roster) { r.Devices[len(r.Devices)-1].Mapping = "other" }, "its way fc2[n3] changes or goes"},
		"a use less":                  {func(r *fence.Roster) { r.Nodes[2].Shared = []string{"san"} }, "it is not said any more that it uses nfs"},
		"a place where all is closed": {func(r *fence.Roster) { r.Shared[0].CutBy = [][]string{{"fc", "fc2"}, {"array"}} }, ""},
		"more":                        {func(r *fence.Roster) { r.Shared[0].CutBy = [][]string{{"fc", "fc2", "array"}} }, ""},
		"another's way":               {func(r *fence.Roster) { r.Nodes[1].Levels = r.Nodes[1].Levels[1:] }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := twoPaths(t, 3)
			w.s.Roster.Nodes[2].Shared = []string{"nfs", "san"}
			w.view(1, 2)
			w.s.Node(2).Shared = nil
			if c.want == "" {
				w.must(1, w.rosterOf(c.edit))
				return
			}
			w.refused(1, w.rosterOf(c.edit), c.want)
			w.s.Node(3).Victim.Shared = nil // no cut can end it, so nothing is loosened for it
			w.must(1, w.rosterOf(c.edit))
		})
	}
}

// R18: nor while a cut life goes on: after a cold start it is read anew.
func TestRostersLoosenNothingForACutLife(t *testing.T) {
	w := cutWorld(t, 3)
	w.cut()
	w.refused(1, w.rosterOf(func(r *fence.Roster) { r.Shared[0].CutBy = [][]string{{"array"}} }), "less cuts off from san")
}

// R18: a life that was there before its paths became less may still have the old ones. It is cut off no more; its next boot is.
func TestALifeFromBeforeARecablingIsNotCut(t *testing.T) {
	for _, feature := range []int{2, 3} {
		w := twoPaths(t, feature)
		w.must(1, w.rosterOf(func(r *fence.Roster) {
			onePath(r)
			if feature < FeatureCut {
				r.Shared, r.Devices = nil, r.Devices[:3]
				for i := range r.Nodes {
					r.Nodes[i].Shared, r.Nodes[i].Levels = nil, r.Nodes[i].Levels[1:]
				}
			}
		}))
		if w.s.Node(3).Rewired != (feature == 3) {
			t.Fatalf("level %d: %+v", feature, w.s.Node(3))
		}
		if feature < FeatureCut {
			continue
		}
		for _, id := range []fence.NodeID{1, 2, 3} {
			w.announce(id, "san")
		}
		if w.s.covers(w.s.Node(3), 0) {
			t.Error("it is said to be fenceable")
		}
		w.view(1, 2)
		w.claim(1, 3)
		w.refused(1, Entry{Verdict: w.cutProof(3)}, "booted before its ways were configured")
		p := w.proof(3)
		p.Evidence.Level = 1
		w.must(1, Entry{Verdict: p})
		w.boots[3]++
		w.view(1, 2, 3)
		w.announce(3, "san")
		w.s.Node(3).PowerOn = nil
		w.view(1, 2)
		w.claim(1, 3)
		w.must(1, Entry{Verdict: w.cutProof(3)})
	}
}

// 0079: a switch gets another address while what a claim closed waits to be opened. It is opened there, and not forgotten.
func TestAnotherMappingForgetsNothingThatIsClosed(t *testing.T) {
	w := cutWorld(t, 3)
	w.view(1, 2)
	w.claim(1, 3)
	p := w.proof(3)
	p.Evidence.Level, p.Switched = 1, []int{0, 1}
	w.must(1, Entry{Verdict: p})
	w.must(1, w.rosterOf(func(r *fence.Roster) { r.Devices[len(r.Devices)-1].Mapping = "another address" }))
	if c := w.s.Node(3).Cut; !slices.Equal(c.Steps, []fence.Step{{Device: "fc", Target: "n3"}}) {
		t.Fatalf("%+v", c)
	}
	w.announce(1, "san")
	w.boots[3]++
	w.view(1, 2, 3)
	w.announce(3, "san")
	if w.s.Clean(3) {
		t.Error("admitted behind a port that a claim closed")
	}
}

// R9: a claim that runs speaks of the levels that it began with: under a roster with others it may have switched any.
func TestLevelsThatMoveUnderAClaimMayAllBeSwitched(t *testing.T) {
	for _, feature := range []int{2, 3} {
		w := cutWorld(t, feature)
		w.s.Node(3).Shared = nil
		w.view(1, 2)
		w.claim(1, 3)
		r := w.s.Roster
		r.Version++
		r.Nodes = slices.Clone(r.Nodes)
		l := r.Nodes[2].Levels
		r.Nodes[2].Levels = []fence.Level{l[1], l[0]}
		if feature < FeatureCut {
			r.Shared, r.Nodes[0].Shared, r.Nodes[1].Shared, r.Nodes[2].Shared = nil, nil, nil, nil
			r.Devices = slices.Clone(r.Devices)
			r.Devices[len(r.Devices)-1].Accepted = false
		}
		w.must(1, Entry{Roster: &Roster{Roster: r}})
		n := w.s.Node(3)
		if feature < FeatureSwitched {
			if n.Cut != nil || n.Switched != nil {
				t.Errorf("kept what an older build does not have: %+v", n)
			}
			continue
		}
		if n.Cut == nil || !slices.Equal(n.Cut.Steps, []fence.Step{{Device: "fc", Target: "n3"}}) || !slices.Equal(n.Switched, []int{0}) {
			t.Errorf("cut %+v, switched %v", n.Cut, n.Switched)
		}
	}
}

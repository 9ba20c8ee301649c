package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// R2, R16 (a), 0026: a life that may hold state ran on another machine under this node's name, and went away. An outlet that a drill has proven to feed
// the node's own machine says nothing about that life, though it reads off; below level 3, where an older build would believe it, so does this one.
func TestAnOutletProvesNothingOfALifeElsewhere(t *testing.T) {
	for _, c := range []struct {
		name      string
		feature   int
		elsewhere bool
		want      string
	}{
		{"its own machine", FeatureCut, false, ""},
		{"another machine", FeatureCut, true, "ran on machine"},
		{"among older builds", FeatureCut - 1, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 3)
			w.s.Feature = c.feature
			w.must(3, Entry{Leave: &Leave{}})
			w.view(1, 2)
			w.boots[3]++
			w.view(1, 2, 3)
			m := machine(3)
			if c.elsewhere {
				m = machine(9)
			}
			w.must(3, Entry{Announce: &Announce{Machine: m, Roster: w.s.RosterHash, Feature: c.feature}})
			w.view(1, 2)
			n := w.s.Node(3)
			if n.Victim == nil || n.Victim.Machine != m {
				t.Fatalf("%+v", n.Victim)
			}
			r, _ := w.s.Roster.Node(3)
			n.Proven = r.Levels[0].Proofs(w.s.Roster.Devices)
			w.claim(1, 3)
			p := w.proof(3)
			p.Evidence.Devices[0].First.Identity, p.Evidence.Devices[0].Final.Identity = fence.Identity{}, fence.Identity{}
			if c.want == "" {
				w.must(1, Entry{Verdict: p})
				return
			}
			w.refused(1, Entry{Verdict: p}, c.want)
		})
	}
}

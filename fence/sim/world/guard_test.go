package world

import (
	"testing"

	"github.com/fenced-project/fenced/fence/member"
)

// V14, R14: a watchdog is fed behind a lease that others gave; a node whose own votes are a quorum needs nobody's once no other machine uses anything.
func TestFeedingAloneIsJudged(t *testing.T) {
	for name, tt := range map[string]struct {
		split            string
		runs, uses, over bool
		breaks           bool
	}{
		"nobody else runs":           {split: lowestID},
		"the other uses nothing":     {split: lowestID, runs: true},
		"the other is over":          {split: lowestID, runs: true, uses: true, over: true},
		"the other uses something":   {split: lowestID, runs: true, uses: true, breaks: true},
		"its votes are not a quorum": {split: "freeze", breaks: true},
	} {
		w := newWorld(onCorosync(1, 2, 1))
		w.roster.Policy.EvenSplit = tt.split
		n, o := w.nodes[0], w.nodes[1]
		n.mach.boot, o.mach.boot = "n1.b1", "n2.b1"
		w.check.lives[o.mach.boot] = &life{boot: o.mach.boot, over: tt.over}
		o.mach.running, o.app.granted = tt.runs, tt.uses
		p := &proc{w: w, n: n, run: &runID{}}
		w.check.feeds(p, member.Feed{UntilMS: n.local() + w.roster.Timing.LeaseMS})
		if v := w.check.violation; (v != nil) != tt.breaks {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

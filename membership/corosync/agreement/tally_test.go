package agreement

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// What is committed is what voters that reach the quorum have on their disks, and not one entry more (R6): an entry that only some of them have goes with
// them.
//
// proves: R6
func TestWhatAQuorumHasIsCommitted(t *testing.T) {
	parts := []Participant{part(1, 4, 9, 9), part(2, 4, 9, 9), part(3, 4, 9, 9)} // one vote each, two needed; the log ends at 9
	for _, c := range []struct {
		name   string
		acked  map[fence.NodeID]uint64
		behind fence.NodeID // has not taken the log over
		want   uint64
	}{
		{name: "nobody", want: 9},
		{name: "one of three", acked: map[fence.NodeID]uint64{1: 12}, want: 9},
		{name: "two have as much as the slower of them", acked: map[fence.NodeID]uint64{1: 12, 2: 10}, want: 10},
		{name: "the third's does not need to be waited for", acked: map[fence.NodeID]uint64{1: 12, 2: 10, 3: 11}, want: 11},
		{name: "all the same", acked: map[fence.NodeID]uint64{1: 12, 2: 12, 3: 12}, want: 12},
		{name: "who has not taken the log over has nothing to say", acked: map[fence.NodeID]uint64{1: 12, 2: 12, 3: 10}, behind: 2, want: 10},
		{name: "what was never sent", acked: map[fence.NodeID]uint64{1: 40, 2: 40, 3: 11}, want: 11},
	} {
		plan := Decide(parts)
		m := &Machine{session: session{plan: &plan, synced: map[Process]bool{}, acked: map[Process]uint64{}, open: true, next: 13, commitTo: 9}}
		for _, p := range parts {
			m.synced[p.Process] = p.Process.Node != c.behind
			m.acked[p.Process] = c.acked[p.Process.Node]
		}
		m.tally()
		if m.commitTo != c.want {
			t.Errorf("%s: committed up to %d, want %d", c.name, m.commitTo, c.want)
		}
		m.acked = map[Process]uint64{}
		if m.tally(); m.commitTo != c.want {
			t.Errorf("%s: then up to %d, want %d again", c.name, m.commitTo, c.want)
		}
		m.open, m.commitTo = false, 9
		m.acked[parts[0].Process], m.acked[parts[1].Process], m.acked[parts[2].Process] = 12, 12, 12
		if m.tally(); m.commitTo != 9 {
			t.Errorf("%s: committed before the session was open", c.name)
		}
	}
}

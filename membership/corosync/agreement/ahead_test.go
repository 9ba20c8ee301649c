package agreement

import (
	"testing"

	"github.com/fenced-project/fenced/membership"
)

// lostOf are the words about the loss of quorum, and of its end.
func lostOf(m *Machine) (lost, held int) {
	events, _ := effectsOf(m)
	for _, e := range events {
		switch e.(type) {
		case membership.QuorumLost:
			lost++
		case membership.QuorumHeld:
			held++
		}
	}
	return lost, held
}

// The quorum service tells of a new ring before the group's does (S1.1). While that ring is quorate nothing is lost yet: programs are not frozen and
// thawed at every change. It is when the group's service says nothing of it for the failure timeout, and at once where the ring is not quorate.
func TestTheQuorumServiceIsAhead(t *testing.T) {
	for name, tt := range map[string]struct {
		quorate bool
		after   int64
		lost    int
	}{
		"a quorate ring":                        {true, 0, 0},
		"a quorate ring, and silence":           {true, 600, 1},
		"a ring that is not quorate":            {false, 0, 1},
		"a quorate ring, told of once and late": {true, 499, 0},
	} {
		w := agreed(t, 3)
		n := w.nodes[0]
		now := w.now + n.m.cfg.FailMS/2
		for ; now < w.now+4*n.m.cfg.FailMS; now += 100 { // long after the last change
			n.m.Deliver(n.process(), Message{Ping: &Ping{Seq: n.m.pings, Healthy: true}}, now)
			n.m.Tick(0, true, now)
		}
		lostOf(n.m)
		ahead := Ring{Node: 1, Seq: n.m.streams.group.Seq + 4}
		n.m.Quorum(ahead, tt.quorate, now)
		for end := now + tt.after; now < end; {
			now = min(now+100, end)
			n.m.Deliver(n.process(), Message{Ping: &Ping{Seq: n.m.pings, Healthy: true}}, now)
			n.m.Tick(0, true, now)
			n.m.Quorum(ahead, tt.quorate, now) // told again is no new change
		}
		if lost, _ := lostOf(n.m); lost != tt.lost {
			t.Errorf("%s: told of the loss %d times", name, lost)
		}
	}
}

package agreement

import (
	"testing"

	"github.com/fenced-project/fenced/membership"
)

// flush does everything that is under way, and lets no time pass: no ping is sent, and nothing is waited for.
func (w *world) flush(quorum bool) {
	for again := true; again; {
		again = false
		for _, n := range w.nodes {
			for n.m != nil && len(n.inbox) > 0 {
				n.deliver()
				again = true
			}
			for _, msg := range n.outbox {
				b, err := msg.Encode()
				if err != nil {
					w.t.Fatal(err)
				}
				n.ring.sequence(item{from: n.process(), frame: b})
				again = true
			}
			n.outbox = nil
			for n.m != nil && len(n.queue) > 0 {
				seq := n.queue[0].Seq
				n.writeOne()
				n.m.Written(seq, w.now)
				n.effects()
				again = true
			}
			for n.m != nil && quorum && len(n.quorum) > 0 {
				r := n.quorum[0]
				n.quorum = n.quorum[1:]
				n.m.Quorum(r.id, len(r.nodes) > len(w.nodes)/2, w.now)
				n.effects()
				again = true
			}
		}
	}
}

func (w *world) cut(one *node) {
	w.split(func(n *node) int {
		if n == one {
			return 1
		}
		return 0
	})
}

func (w *world) viewOf(want int, why string) {
	w.t.Helper()
	for _, n := range w.nodes[:2] {
		if len(n.view.Members) != want {
			w.t.Errorf("node %d has a view of %v, want %d: %s", n.id, names(n.view), want, why)
		}
	}
}

// Corosync says that a node left the ring, and both its services show the ring without it: nobody waits for a ping to make a view of that (S1.1). Who
// joins meanwhile waits as ever.
func TestWhoLeftTheRingLeavesTheViewAtOnce(t *testing.T) {
	for s := range uint64(20) {
		w := agreed(t, s)
		w.flush(true)
		three := w.nodes[2]
		w.cut(three)
		w.flush(false)
		w.viewOf(3, "the quorum service has not told of the ring")
		w.flush(true)
		w.viewOf(2, "both show the ring")
		if left := w.nodes[0].view.Left; len(left) != 1 || left[0].How != membership.HowNodeGone || left[0].Member.Node != three.id {
			t.Errorf("who left is %+v", left)
		}
		w.split(func(*node) int { return 0 })
		w.flush(true)
		w.viewOf(2, "a join waits for two pings")
		w.settle()
	}
}

// What corosync is not sure of is waited for: a process that ended, whose node is there; a node that left and is there again before anybody looked.
func TestWhatMayComeBackIsWaitedFor(t *testing.T) {
	for s := range uint64(20) {
		w := agreed(t, s)
		w.flush(true)
		w.cut(w.nodes[2])
		w.split(func(*node) int { return 0 })
		w.flush(true)
		w.viewOf(3, "it left and came in one burst")
		w.nodes[2].crash()
		w.flush(true)
		w.viewOf(3, "a process ended, and its node is there")
		for range 3000 {
			w.step()
		}
		w.viewOf(2, "it did not come back")
	}
}

// A member that was seen to leave the ring is not gone for certain while corosync shows anything of its node: the node in the ring, or a process of it in
// the group, be it a ghost.
func TestWhoIsShownIsNotGone(t *testing.T) {
	w := agreed(t, 1)
	w.flush(true)
	m := w.nodes[0].m
	if m.Ring(Ring{1, 98}, m.streams.nodes[:2], w.now); m.leftRing(m.applied.View.Members[2]) {
		t.Error("gone, and the group lists it")
	}
	m.Ring(Ring{1, 99}, w.nodes[1].m.streams.nodes, w.now)
	three := m.applied.View.Members[2]
	p := w.nodes[2].process()
	rest := []Process{w.nodes[0].process(), w.nodes[1].process()}
	m.Group(rest, []Left{{p, membership.HowNodeGone}}, w.now)
	if m.leftRing(three) {
		t.Error("gone, and its node is in the ring")
	}
	m.Ring(Ring{1, 100}, m.streams.nodes[:2], w.now)
	if !m.leftRing(three) {
		t.Error("not gone, and nothing of it is there")
	}
	m.Group(append(rest, p), nil, w.now)
	if m.leftRing(three) {
		t.Error("gone, and the group lists it again")
	}
	m.Group(rest, nil, w.now)
	m.gone = nil
	if m.leftRing(three) {
		t.Error("gone, and corosync never said that it went: this daemon began without it")
	}
}

// R20: a process that was stopped hears of a departure before its clock saw the stop. It proposes nothing of that before its next tick, nor for a lease.
func TestWhoWasStoppedWaitsWithALossToo(t *testing.T) {
	w := agreed(t, 1)
	w.flush(true)
	m := w.nodes[0].m
	w.now += m.cfg.FailMS/2 + m.cfg.FailMS/4
	w.cut(w.nodes[2])
	w.flush(true)
	w.viewOf(3, "nobody has seen the stop")
	for _, n := range w.nodes[:2] {
		if gap := n.m.Tick(0, true, w.now); gap == 0 {
			t.Fatal("it was not stopped")
		}
		n.effects()
	}
	w.flush(true)
	w.viewOf(3, "its lease after the stop is not over")
	for range 3000 {
		w.step()
	}
	w.viewOf(2, "it is over")
}

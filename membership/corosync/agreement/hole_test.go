package agreement

import (
	"slices"
	"testing"
)

// tellRing gives a daemon all that corosync tells it of rings, and leaves only its newest Hello to be sent.
func (n *node) tellRing() {
	for len(n.inbox) > 0 && n.inbox[0].frame == nil {
		n.deliver()
	}
	for len(n.quorum) > 0 {
		r := n.quorum[0]
		n.quorum = n.quorum[1:]
		n.m.Quorum(r.id, len(r.nodes) > len(n.w.nodes)/2, n.w.now)
	}
	n.effects()
	n.outbox = slices.DeleteFunc(n.outbox, func(m Message) bool { return m.Hello == nil || m.Hello.Count < n.m.count })
}

// Node 3 has entries that nobody else has. In a ring of all three its Hello is late: the others leave it out and commit something. It has missed that,
// its corosync is alone in the next ring, and so gives it the Hellos of the others, nothing of what they said since, and its own Hello behind that (a hole, as
// totemsrp leaves one). To node 3 that is another session, of all three: what the others promised in theirs is nothing to this one, or there are two
// logs of one epoch, and the longer one replaces what was committed (R6, I4).
func TestAPromiseIsOfOneSession(t *testing.T) {
	w := agreed(t, 1)
	one, two, three := w.nodes[0], w.nodes[1], w.nodes[2]
	one.still, two.still = true, true
	for range 8 {
		three.propose()
	}
	for range 300 {
		w.stepOf(three)
	}
	w.cruel = true
	w.split(func(n *node) int { return int(n.id) / 3 })
	w.split(func(*node) int { return 0 })
	one.still, two.still = false, false
	one.tellRing()
	two.tellRing()
	one.propose()
	for i := 0; len(one.open) > 0; i++ { // node 3 does nothing all that time
		if len(one.m.hellos) == 2 && len(two.m.hellos) == 2 || i > 100 {
			w.now++
		}
		w.stepOf(one)
		w.stepOf(two)
	}
	hellos := map[Process]item{}
	for _, it := range three.inbox {
		if it.frame != nil {
			if m, err := Decode(it.frame); err == nil && m.Hello != nil && hellos[it.from].frame == nil {
				hellos[it.from] = it
			}
		}
	}
	three.tellRing()
	if len(three.outbox) != 1 || len(hellos) != 2 {
		t.Fatalf("node 3 says %v, and heard %d Hellos", three.outbox, len(hellos))
	}
	b, err := three.outbox[0].Encode()
	if err != nil {
		t.Fatal(err)
	}
	three.outbox = nil
	three.inbox = []item{hellos[one.process()], hellos[two.process()], {from: three.process(), frame: b}}
	for len(three.inbox) > 0 {
		three.deliver()
	}
	if three.m.syncs {
		t.Errorf("node 3 takes a log over in a session that nobody else is in: epoch %d, up to %d; node 1 has committed up to %d in epoch %d", three.m.meta.Synced, three.m.last(), one.m.applied.Index, one.m.meta.Synced)
	}
	w.split(func(n *node) int { return int(n.id) / 3 })
	w.settle()
}

// A Hello is of no session, and so promises nothing, whatever it says (I4).
func TestAHelloPromisesNothing(t *testing.T) {
	w := agreed(t, 4)
	n, o := w.nodes[0], w.nodes[1]
	for _, d := range w.nodes[:2] {
		d.effects()
		d.m.Group([]Process{n.process(), o.process()}, nil, w.now)
	}
	for _, d := range w.nodes[:2] {
		_, sent := effectsOf(d.m)
		for _, m := range sent {
			if m.Hello != nil {
				if m.Hello.State.Pledge != 0 {
					t.Errorf("the Hello of node %d promises epoch %d", d.id, m.Hello.State.Pledge)
				}
				m.Hello.State.Pledge = m.Hello.State.Promised + 1
				n.m.Deliver(d.process(), m, w.now)
			}
		}
	}
	if n.m.plan == nil || len(n.m.promised) != 0 {
		t.Errorf("of the plan %+v the promises are %v", n.m.plan, n.m.promised)
	}
}

package agreement

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// A victim's pings are heard and not acknowledged (R14); that is no reason for it to think that nobody is there, and to leave them all out.
func TestWhoHearsAndDeniesIsThere(t *testing.T) {
	w := agreed(t, 1)
	n, o := w.nodes[0], w.nodes[1]
	ping := func(acks ...Heard) {
		n.m.Deliver(o.process(), Message{Ping: &Ping{Seq: n.m.peers[o.process()].ping.Seq + 1, Healthy: true, Acks: acks}}, w.now)
	}
	ping(Heard{Instance: n.self.Instance})
	if !n.m.answers(o.process()) {
		t.Error("who hears it and denies it is taken for gone")
	}
	ping()
	if n.m.answers(o.process()) {
		t.Error("who does not hear it is taken for there")
	}
}

// A view has a majority (R20): a node that nobody answers proposes none, although its session would commit it.
func TestNobodyProposesAViewWithoutAMajority(t *testing.T) {
	w := agreed(t, 2)
	n := w.nodes[0]
	views := func(who ...*node) (n0 int) {
		for now := w.now; now < w.now+n.m.cfg.FailMS/2; now += 50 {
			n.m.Deliver(n.process(), Message{Ping: &Ping{Seq: n.m.pings, Healthy: true}}, now)
			for _, o := range w.nodes[1:] {
				p := &Ping{Seq: n.m.peers[o.process()].ping.Seq + 1, Acks: []Heard{{Instance: n.self.Instance, Seq: n.m.pings}}}
				p.Healthy = slices.Contains(who, o)
				n.m.Deliver(o.process(), Message{Ping: p}, now)
			}
			n.m.Tick(0, true, now)
			_, sent := effectsOf(n.m)
			for _, m := range sent {
				if m.Entry != nil && m.Entry.View != nil {
					n0++
				}
			}
		}
		w.now += n.m.cfg.FailMS / 2
		return n0
	}
	if got := views(); got != 0 {
		t.Errorf("alone it proposes %d views", got)
	}
	if got := views(w.nodes[2]); got != 1 {
		t.Errorf("with one other it proposes %d views, not one", got)
	}
}

// R22: a victim does not lead; who comes behind it proposes the view. Where all are victims, the first does.
func TestVictimDoesNotLead(t *testing.T) {
	m := &Machine{}
	hs := []Hello{{Node: 1, Boot: "b"}, {Node: 2, Boot: "b"}}
	if got := m.leads(hs).Node; got != 1 {
		t.Errorf("node %d leads", got)
	}
	m.Deny(fence.Incarnation{Node: 1, Boot: "b"})
	if got := m.leads(hs).Node; got != 2 {
		t.Errorf("node %d leads, node 1 is a victim", got)
	}
	m.Deny(fence.Incarnation{Node: 2, Boot: "b"})
	if got := m.leads(hs).Node; got != 1 {
		t.Errorf("node %d leads where all are victims", got)
	}
}

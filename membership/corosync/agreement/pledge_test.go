package agreement

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// kinds counts what is sent while f runs.
func (w *world) kinds(f func()) map[string]int {
	sent := map[string]int{}
	w.said = func(_ *node, m Message) {
		switch {
		case m.State != nil:
			sent["state"]++
		case m.Promise:
			sent["promise"]++
		case m.Synced:
			sent["synced"]++
		case m.Hello != nil && m.Hello.State != nil:
			sent["hello with a state"]++
		case m.Hello != nil:
			sent["hello"]++
		}
	}
	f()
	w.said = nil
	return sent
}

// without makes a ring that the last node is not in, and runs until the others have a view of their own.
func (w *world) without(t *testing.T) {
	t.Helper()
	last := len(w.nodes) - 1
	w.split(func(n *node) int {
		if n == w.nodes[last] {
			return 1
		}
		return 0
	})
	for _, n := range w.nodes { // what is told of a ring comes at once, and the first of two Hellos has not gone out by then
		for len(n.inbox) > 0 {
			n.deliver()
		}
		newest := n.m.count
		n.outbox = slices.DeleteFunc(n.outbox, func(m Message) bool { return m.Hello != nil && m.Hello.Count < newest })
	}
	for range 200 {
		w.run(50)
		if len(w.nodes[0].view.Members) == last {
			return
		}
	}
	t.Fatalf("no view without node %d: %+v", last+1, w.nodes[0].m.Status())
}

// A ring that loses a member waits for no State until its session is open, they come with Hellos, and for no write of a promise. Where a version takes part
// that does not know that, all say everything one after the other, as it does.
func TestWhatARingChangeSays(t *testing.T) {
	for s := range uint64(10) {
		w := agreed(t, s)
		if got := w.kinds(func() { w.without(t) }); got["state"]+got["hello"] != 0 || got["hello with a state"] == 0 || got["promise"] != 2 || got["synced"] != 2 {
			t.Errorf("seed %d: all of this version say %v", s, got)
		}
		w = agreed(t, s, true)
		if got := w.kinds(func() { w.without(t) }); got["state"] < 2 || got["promise"] < 2 {
			t.Errorf("seed %d: beside another version they say %v", s, got)
		}
	}
}

// A State promises an epoch only if that is on the disk, and the next one knows of it: whoever heard the first may have counted it (R6).
func TestAPledgeIsOnTheDisk(t *testing.T) {
	w := agreed(t, 1)
	n := w.nodes[0]
	m := n.m
	pledged := m.meta.Promised
	for i := range promisesAhead {
		s := m.pledge(m.state())
		if s.Promised != pledged || s.Pledge != pledged+1 {
			t.Fatalf("State %d has promised %d and pledges %d, the one before had pledged %d", i, s.Promised, s.Pledge, pledged)
		}
		if n.disk.Meta.Promised < s.Pledge {
			t.Fatalf("State %d pledges %d, the disk has %d", i, s.Pledge, n.disk.Meta.Promised)
		}
		pledged = s.Pledge
	}
	if s := m.pledge(m.state()); s.Pledge != 0 || s.Promised != pledged {
		t.Errorf("it pledges %d, which the disk has not promised", s.Pledge)
	}
	m.write(Change{}, writeMeta, 0)
	if s := m.pledge(m.state()); s.Pledge != 0 {
		t.Errorf("it pledges %d while that is being written", s.Pledge)
	}
	m.Written(m.seq, w.now)
	if s := m.pledge(m.state()); s.Pledge != pledged+1 {
		t.Errorf("with %d on the disk it pledges %d", m.reserved, s.Pledge)
	}
}

// A pledge is a promise of no later epoch, and that of a store which was restored from a copy is none.
func TestAPledgeIsOfOneEpoch(t *testing.T) {
	pledges := func(node fence.NodeID, promised, pledge uint64) Participant {
		p := part(node, 4, 9, 9)
		p.State.Promised, p.State.Pledge = promised, pledge
		return p
	}
	ps := []Participant{pledges(1, 6, 7), pledges(2, 6, 7), pledges(3, 5, 6)}
	plan := Decide(ps)
	if plan.Epoch != 7 || !plan.pledged(ps[0]) || !plan.pledged(ps[1]) || plan.pledged(ps[2]) || plan.pledged(part(1, 4, 9, 9)) {
		t.Errorf("of %+v the promises of epoch %d are wrong", ps, plan.Epoch)
	}
	plan.Barred = []Process{ps[1].Process}
	if plan.pledged(ps[1]) {
		t.Error("a store that was restored from a copy has promised")
	}
}

// A Hello with a State is under way, and the one before makes a session: in that this node promises nothing, takes nothing over and has nothing new to
// say, or the State would not be true when it is heard.
func TestNothingChangesUnderAStateUnderWay(t *testing.T) {
	w := agreed(t, 2)
	n, o := w.nodes[0], w.nodes[1]
	for _, d := range w.nodes[:2] {
		d.effects()
		d.m.Group([]Process{n.process(), o.process()}, nil, w.now)
	}
	hellos := func(d *node) (hs []Message) {
		_, sent := effectsOf(d.m)
		for _, m := range sent {
			if m.Hello != nil {
				hs = append(hs, m)
			}
		}
		return hs
	}
	one, other := hellos(n)[0], hellos(o)[0]
	n.m.restart() // as the ring's own word does
	newer := hellos(n)[0]
	before := *n.m.state()
	n.m.Deliver(n.process(), one, w.now)
	n.m.Deliver(o.process(), other, w.now)
	if n.m.id == "" || n.m.plan != nil {
		t.Fatalf("session %q has the plan %+v", n.m.id, n.m.plan)
	}
	if now := *n.m.state(); fmt.Sprint(now) != fmt.Sprint(before) {
		t.Errorf("it says %+v, and its newer Hello %+v", now, before)
	}
	if err := n.m.Compacted(n.m.applied, []byte("{}"), w.now); err != nil || n.m.snapAt != before.SnapAt {
		t.Errorf("its log begins at %d, its newer Hello says at %d (%v)", n.m.snapAt, before.SnapAt, err)
	}
	id := n.m.id
	n.m.Deliver(n.process(), newer, w.now)
	if n.m.id == id || n.m.outdated {
		t.Error("the newer Hello makes no session in which it takes part")
	}
	_, sent := effectsOf(n.m)
	if !slices.ContainsFunc(sent, func(m Message) bool { return m.State != nil }) {
		t.Error("the other's State is used twice: it may have more to say since")
	}
}

// Who asks for another session says how far its log goes when that begins, not before: until then it goes on in this one, and acknowledges.
func TestAMemberSaysNothingAhead(t *testing.T) {
	w := agreed(t, 3)
	m := w.nodes[0].m
	effectsOf(m)
	m.again()
	_, sent := effectsOf(m)
	if len(sent) != 1 || sent[0].Hello == nil || sent[0].Hello.State != nil {
		t.Errorf("in a session it says %+v", sent)
	}
	m.restart()
	_, sent = effectsOf(m)
	if len(sent) != 1 || sent[0].Hello == nil || sent[0].Hello.State == nil || m.stated != m.count {
		t.Errorf("in none it says %+v", sent)
	}
}

// Two who heard other States with the same Hellos are in two sessions: what one says of its plan is nothing to the other (I4).
func TestASessionIsNamedByItsStates(t *testing.T) {
	session := func(commit uint64) Digest {
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
					m.Hello.State.Commit -= commit
					n.m.Deliver(d.process(), m, w.now)
				}
			}
		}
		if n.m.plan == nil {
			t.Fatal("no plan is made of the States that came with Hellos")
		}
		return n.m.id
	}
	if same, other := session(0), session(1); same != session(0) || same == other {
		t.Error("the name of a session does not say which States are in it")
	}
}

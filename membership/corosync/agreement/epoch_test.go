package agreement

import (
	"fmt"
	"testing"
)

// run lets the world go on for a while.
func (w *world) run(steps int) {
	for range steps {
		w.step()
	}
}

// agreed is a world of three whose log has a first view.
func agreed(t *testing.T, s uint64, old ...bool) *world {
	w := newWorld(t, 3, s)
	for i, n := range w.nodes {
		n.old = i < len(old) && old[i]
		n.start()
	}
	if err := w.nodes[0].m.Bootstrap("domain", w.now); err != nil {
		t.Fatal(err)
	}
	w.nodes[0].effects()
	w.settle()
	return w
}

// Node 1 has entries that nobody else has on disk. In a session with node 2 it promises an epoch; node 2 ends before its own promise is on disk,
// and comes back with node 3: they know nothing of that epoch and use its number. It must not be that of node 1's log too, or two logs of one epoch
// contradict each other, and the longer one replaces what was committed. Of a version that pledges, node 2's disk has that promise before it is asked.
func TestAnEpochIsNobodyElses(t *testing.T) {
	for _, old := range []bool{true, false} {
		for s := range uint64(25) {
			t.Run(fmt.Sprint(old, s), func(t *testing.T) { anEpochOfOne(agreed(t, s, old, old, old)) })
		}
	}
}

func anEpochOfOne(w *world) {
	one, two, three := w.nodes[0], w.nodes[1], w.nodes[2]
	two.stuck, three.still = true, true
	for range 8 {
		one.propose()
	}
	w.run(600)
	w.cruel = true // node 3 has delivered none of it, and never will
	w.split(func(n *node) int {
		if n == three {
			return 1
		}
		return 0
	})
	w.cruel, three.still = false, false
	w.run(900)
	two.crash()
	two.stuck = false
	w.split(func(n *node) int {
		if n == one {
			return 0
		}
		return 1
	})
	two.start()
	w.run(1500)
	two.propose()
	w.run(1500)
	w.settle()
}

// What is bound to another session changes nothing, whoever sends it (I4).
func TestMessagesOfAnotherSessionAreDropped(t *testing.T) {
	w := agreed(t, 1)
	n := w.nodes[0]
	for name, msg := range map[string]Message{
		"promise": {Promise: true}, "synced": {Synced: true}, "acknowledgement": {Ack: n.m.next + 5}, "entry": {Entry: &Entry{Number: 99}},
		"state": {State: &State{Domain: "domain"}}, "page": {Page: &Page{Entries: logOf(1, 2, 3)}},
	} {
		msg.Session = "another"
		next, dropped := n.m.next, n.m.dropped
		n.m.Deliver(w.nodes[1].process(), msg, w.now)
		n.effects()
		if n.m.dropped != dropped+1 || n.m.next != next {
			t.Errorf("%s: dropped %d times, next %d and was %d", name, n.m.dropped-dropped, n.m.next, next)
		}
	}
}

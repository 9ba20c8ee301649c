package agreement

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// merged is a ring of three in which node 3 was away, and is back as the life that the view had lost; the others deny it.
func merged(t *testing.T, away bool) (w *world, life fence.Incarnation) {
	w = agreed(t, 1)
	w.flush(true)
	life = w.nodes[2].view.Members[2].Incarnation
	if away {
		w.cut(w.nodes[2])
		w.flush(true)
		w.viewOf(2, "node 3 left the ring")
		w.split(func(*node) int { return 0 })
		w.flush(true)
	}
	for _, n := range w.nodes[:2] {
		n.m.Deny(life)
	}
	return w, life
}

// expels asks node 1, and says whether the corosync of node 3 is to end.
func (w *world) expels(life fence.Incarnation) bool {
	m := w.nodes[0].m
	m.Effects()
	said := m.Expel(life, w.now)
	if did := slices.Contains(m.Effects(), Effect(Expel{Node: life.Node})); did != said {
		w.t.Errorf("it says %v and does %v", said, did)
	}
	return said
}

// S1.3: the corosync of a stateful node that merges is ended, once; only that of a node that was away and is to be fenced, and only where those who are
// nobody's victims are a quorum without it (S2.6, R21).
func TestOnlyWhoMergedIsExpelled(t *testing.T) {
	w, life := merged(t, true)
	if !w.expels(life) {
		t.Error("who merged stays")
	}
	if w.expels(life) {
		t.Error("it is told twice")
	}
	w, life = merged(t, false)
	if w.expels(life) {
		t.Error("a victim that never left the ring is expelled")
	}
	w, life = merged(t, true)
	w.nodes[0].m.denied = nil
	if w.expels(life) {
		t.Error("who is nobody's victim is expelled")
	}
	w, life = merged(t, true)
	w.nodes[0].m.Deny(w.nodes[1].view.Members[1].Incarnation)
	if w.expels(life) {
		t.Error("the quorum goes with it: the other one is a victim too")
	}
	w, life = merged(t, true)
	w.nodes[0].m.two = true
	if w.expels(life) {
		t.Error("with two_node the other's end is a proof, and no means")
	}
	w, life = merged(t, true)
	w.nodes[0].m.streams.quorate = false
	if w.expels(life) {
		t.Error("without quorum")
	}
	w, life = merged(t, true)
	w.nodes[2].reconnects() // it is another instance now: whatever it was, it knows that it was away
	w.flush(true)
	if w.expels(life) {
		t.Error("another daemon of that life is expelled")
	}
}

package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Events happen by their instants, and those of one instant in the order in which they were put: a seed is replayed by that.
func TestOrderOfEvents(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var q Queue[*int]
	var want []Event[*int]
	for i := range 2000 {
		at := r.Int64N(100)
		q.Put(at, nil, nil)
		want = append(want, Event[*int]{At: at, Seq: uint64(i + 1)})
	}
	slices.SortStableFunc(want, func(a, b Event[*int]) int { return int(a.At - b.At) })
	for i, w := range want {
		if q.Next() != w.At {
			t.Fatalf("event %d is announced for %d, want %d", i, q.Next(), w.At)
		}
		if e := q.Take(); e.At != w.At || e.Seq != w.Seq {
			t.Fatalf("event %d is %d of %d, want %d of %d", i, e.Seq, e.At, w.Seq, w.At)
		}
	}
	if q.Len() != 0 {
		t.Errorf("%d events are left", q.Len())
	}
}

func TestNetwork(t *testing.T) {
	w := NewNetwork(3, rand.New(rand.NewPCG(1, 2)))
	w.Cut[0][1]++
	if w.Reach(0, 1) || !w.Reach(1, 0) || w.Both(1, 0) || !w.Both(1, 2) {
		t.Error("one direction of one link is cut, and no more")
	}
	w.Heal()
	if !w.Both(0, 1) {
		t.Error("a healed link is cut")
	}
	if w.Loses() {
		t.Error("a network without loss lost something")
	}
	for range 1000 {
		if d := w.Hop(); d < 100 || d >= 1500 {
			t.Fatalf("a hop of %d us", d)
		}
	}
	w.Slow = Second
	if far := func() bool {
		for range 100 {
			if w.Hop() > 100*MS {
				return true
			}
		}
		return false
	}(); !far {
		t.Error("a slow network is as fast as another")
	}
}

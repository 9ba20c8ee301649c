package main

import (
	"testing"

	"github.com/fenced-project/fenced/fence/domain"
)

// TestNoAllocationGrowsWithHistory holds an entry after many against one after few: what was decided long ago costs nothing, in allocations or in
// the size of a snapshot.
func TestNoAllocationGrowsWithHistory(t *testing.T) {
	w, err := newWorld(5)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.depart(); err != nil {
		t.Fatal(err)
	}
	actor := 0
	attempt := func() { // one claim, and its walk fails
		actor = actor%4 + 1
		n := w.s.Node(5)
		number := n.NextClaim
		if _, err := w.apply(actor, domain.Entry{Claim: &domain.ClaimEntry{Node: 5, Boot: n.Victim.Boot, Number: number, DurationMS: 1000}}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.apply(actor, domain.Entry{ClaimEnd: &domain.ClaimEnd{Node: 5, Number: number, Quiet: true}}); err != nil {
			t.Fatal(err)
		}
	}
	measure := func() (allocs float64, snapshot int) {
		allocs = testing.AllocsPerRun(400, attempt)
		b, err := w.s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		return allocs, len(b)
	}
	for range 100 {
		attempt()
	}
	few, small := measure()
	for range 20_000 {
		attempt()
	}
	many, large := measure()
	if few == 0 || many > few+1 {
		t.Errorf("%v allocations for an attempt after 100 of them, %v after 20,000", few, many)
	}
	const digits = 200 // numbers get longer
	if large > small+digits {
		t.Errorf("a snapshot has %d bytes after 500 attempts, %d after 20,000", small, large)
	}
}

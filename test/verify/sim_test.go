package main

import "testing"

func TestSeedsOfACommit(t *testing.T) {
	one, err := newSeeds("0000000003e8aaaaaaaaaaaaaaaaaaaaaaaaaaaa\n")
	if err != nil || one[0].from != 1000 {
		t.Fatalf("%v %+v", err, one)
	}
	other, err := newSeeds("00000000aaaa0000000000000000000000000000")
	if err != nil || other[0].from == one[0].from {
		t.Fatalf("%v: another commit gives %+v", err, other)
	}
	if n := one[0].to - one[0].from + 1; n < 3000 {
		t.Errorf("%d new seeds of %d nodes, CI runs at least 3000", n, one[0].nodes)
	}
	for _, bad := range []string{"", "main", "not a hash, at all"} {
		if s, err := newSeeds(bad); err == nil {
			t.Errorf("%q gives %+v", bad, s)
		}
	}
}

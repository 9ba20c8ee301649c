package main

import "testing"

// Every patch applies, by the tool's own rule: git finds a place for one that fits two, and which of them is broken then is chance. The stage of
// mutants, or that of canaries, would say so after many minutes.
func TestEveryPatchApplies(t *testing.T) {
	var ps []*Patch
	for _, dir := range []string{".", "../canaries"} {
		some, errs := readPatches(dir)
		for _, err := range errs {
			t.Error(err)
		}
		if len(some) == 0 {
			t.Errorf("there are no patches in %s", dir)
		}
		ps = append(ps, some...)
	}
	tr := &tree{dir: t.TempDir()}
	if err := copyTree("../..", tr.dir); err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		if err := tr.apply(p); err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		if err := tr.mend(); err != nil {
			t.Fatal(err)
		}
	}
}

package main

import "testing"

// Every patch applies, by the tool's own rule: git finds a place for one that fits two, and which of them is broken then is chance. The stage of
// mutants would say so after many minutes.
func TestEveryPatchApplies(t *testing.T) {
	ps, errs := readPatches(".")
	for _, err := range errs {
		t.Error(err)
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
	if len(ps) == 0 {
		t.Error("there are no patches")
	}
}

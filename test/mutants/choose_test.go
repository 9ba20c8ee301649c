package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryMutantIsDrawn: a share is about that share, another one with each commit, and in time everybody is drawn.
func TestEveryMutantIsDrawn(t *testing.T) {
	drawn := map[string]bool{}
	for commit := range 60 {
		c, taken := choice{share: 3, commit: fmt.Sprint("commit", commit)}, 0
		for i := range 300 {
			if name := fmt.Sprint("mutant-", i); c.takes(name) {
				drawn[name] = true
				taken++
			}
		}
		if taken < 60 || taken > 150 {
			t.Errorf("%s draws %d of 300 for a third", c.commit, taken)
		}
	}
	if len(drawn) != 300 {
		t.Errorf("60 commits drew %d of 300", len(drawn))
	}
}

// TestNewMutantsAreAlwaysProven: a patch of the last commits is proven whatever is drawn; and who asks for no share, or has no git, proves all.
func TestNewMutantsAreAlwaysProven(t *testing.T) {
	root := copyOfModule(t)
	if err := copyTree("testdata/patches", filepath.Join(root, "patches")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=t", "-c", "user.email=t@example", "commit", "-q", "-m", "all"}} {
		if said, err := exec.Command("git", append([]string{"-C", root}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, said)
		}
	}
	all, errs := readPatches("testdata/patches")
	if len(errs) > 0 || len(all) < 5 {
		t.Fatal(len(all), errs)
	}
	fresh, old := choose(t.Context(), root, "patches", 1000), choose(t.Context(), root, "elsewhere", 1000)
	if fresh.commit == "" || !strings.Contains(old.line(1, 2), "1 of 2") {
		t.Fatalf("git was not asked: %+v", fresh)
	}
	left := 0
	for _, p := range all {
		if !fresh.takes(p.Name) || !(choice{}).takes(p.Name) || !choose(t.Context(), t.TempDir(), "patches", 1000).takes(p.Name) {
			t.Errorf("%s is not proven", p.Name)
		}
		if !old.takes(p.Name) {
			left++
		}
	}
	if left == 0 {
		t.Error("one in a thousand took everything that is old")
	}
}

package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// recent is how many commits back a patch counts as new: about what one stop lands, so that each is proven in one run of CI at least.
const recent = 40

// choice is which mutants a run proves. All of them take longer with every rule, and CI's time does not grow: it proves a share that the commit
// draws, another one with each commit, and everything whose patch is new. `make mutants` proves all.
type choice struct {
	share  uint32 // one in so many; 0 and 1 are all
	commit string
	fresh  map[string]bool // names of new patches
}

// choose asks git what is new. Without git, as in an unpacked archive, all are proven.
func choose(ctx context.Context, root, dir string, share uint) choice {
	if share < 2 {
		return choice{}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	head, err := exec.CommandContext(ctx, "git", "-C", root, "rev-parse", "HEAD").Output()
	if err != nil {
		return choice{}
	}
	names, err := exec.CommandContext(ctx, "git", "-C", root, "log", fmt.Sprintf("-n%d", recent), "--format=", "--name-only").Output()
	if err != nil {
		return choice{}
	}
	c := choice{share: uint32(share), commit: strings.TrimSpace(string(head)), fresh: map[string]bool{}} // #nosec G115: a small flag
	for name := range strings.FieldsSeq(string(names)) {
		if filepath.Dir(name) == filepath.Clean(dir) {
			c.fresh[strings.TrimSuffix(filepath.Base(name), ".patch")] = true
		}
	}
	return c
}

// takes says whether the mutant is proven in this run.
func (c choice) takes(name string) bool {
	if c.share < 2 || c.fresh[name] {
		return true
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.commit + " " + name))
	return h.Sum32()%c.share == 0
}

// line says what was left out, so that nothing is skipped silently.
func (c choice) line(taken, all int) string {
	if taken == all {
		return fmt.Sprintf("mutants: all %d", all)
	}
	return fmt.Sprintf("mutants: %d of %d, one in %d drawn by commit %.12s and what is new; `make mutants` proves all", taken, all, c.share, c.commit)
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

const (
	// patchDir holds the mutants, canaryDir the patch that breaks nothing and must survive: without it a runner that calls everything killed would pass.
	patchDir  = "test/mutants"
	canaryDir = "test/mutants/testdata/canary"
	// budget ends a hang; two cores need two seconds for each.
	budget = 60 * time.Minute
)

func main() {
	run := flag.String("run", "", "only mutants whose name matches this regular expression")
	rev := flag.String("rev", "", "prove the tree of this git revision; empty means the files of the checkout as they are")
	dir := flag.String("dir", patchDir, "where the patches are")
	out := flag.String("out", "build/mutants.json", "where the summary goes")
	share := flag.Uint("share", 1, "prove one in so many, drawn by the commit, and every new one; 1 proves all")
	jobs := flag.Int("j", 2, "mutants at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, slow(budget))
	defer cancel()
	if err := command(ctx, *dir, *run, *rev, *out, *share, *jobs); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// command proves the mutants of the checkout that it is started in.
func command(ctx context.Context, dir, run, rev, out string, share uint, jobs int) error {
	root, err := findRoot()
	if err != nil {
		return err
	}
	only, err := regexp.Compile(run)
	if err != nil {
		return fmt.Errorf("cannot read -run: %w", err)
	}
	begin := time.Now()
	all, errs := readPatches(filepath.Join(root, dir))
	drawn, count := choose(ctx, root, dir, share), len(all)
	mutants := all[:0]
	for _, m := range all {
		if only.MatchString(m.Name) && drawn.takes(m.Name) {
			mutants = append(mutants, m)
		}
	}
	if len(mutants) == 0 {
		return errors.Join(append(errs, errors.New("no mutant to prove"))...)
	}
	canaries, cerrs := readPatches(filepath.Join(root, canaryDir))
	if len(canaries) == 0 {
		cerrs = append(cerrs, fmt.Errorf("%s holds no canary: nothing shows that a survivor would be seen", canaryDir))
	}
	for _, c := range canaries {
		c.canary = true
	}
	errs = append(errs, cerrs...)
	if run == "" {
		fmt.Println(drawn.line(len(mutants), count))
	}
	b := &bench{root: root, rev: rev, jobs: jobs, say: func(r Result) { fmt.Println(r.Line()) }}
	results, err := b.prove(ctx, append(canaries, mutants...))
	if err != nil {
		return err
	}
	failures := judge(results)
	if !filepath.IsAbs(out) {
		out = filepath.Join(root, out)
	}
	if err := write(out, results[len(canaries):]); err != nil {
		return err
	}
	fmt.Println(total(results[len(canaries):], time.Since(begin)))
	return errors.Join(append(errs, failures...)...)
}

// findRoot is the directory of the module that this is started in.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("cannot find go.mod: start it inside of the checkout")
		}
	}
}

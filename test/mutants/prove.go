package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// bench proves mutants on copies of one checkout.
type bench struct {
	root string
	rev  string
	jobs int
	say  func(Result) // called for each mutant as it is decided, by one goroutine at a time
}

// question is one named set of tests; they must pass before a mutant may fail them.
type question struct{ pkg, expr string }

func (p *Patch) question() question { return question{p.Package, p.Run} }

// prove returns a result for each mutant, in their order. The error says that nothing could be proven at all.
func (b *bench) prove(ctx context.Context, ps []*Patch) ([]Result, error) {
	scratch, err := os.MkdirTemp("", "fenced-mutants-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	trees, err := b.trees(ctx, scratch)
	if err != nil {
		return nil, err
	}
	sound := b.baseline(ctx, trees, ps)
	results := make([]Result, len(ps))
	order := make([]int, len(ps)) // package by package, so that what a mutant's neighbour compiled is in the cache
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, c int) int { return strings.Compare(ps[a].Package, ps[c].Package) })
	var mu sync.Mutex
	each(trees, len(ps), func(t *tree, i int) {
		i = order[i]
		r := one(ctx, t, ps[i], sound[ps[i].question()])
		mu.Lock()
		defer mu.Unlock()
		results[i] = r
		b.say(r)
	})
	return results, ctx.Err()
}

// trees makes a copy for each worker.
func (b *bench) trees(ctx context.Context, scratch string) ([]*tree, error) {
	var trees []*tree
	for i := range max(1, b.jobs) {
		t := &tree{dir: filepath.Join(scratch, fmt.Sprint(i), "tree")}
		if err := os.MkdirAll(t.dir, 0o755); err != nil {
			return nil, err
		}
		var err error
		if b.rev != "" {
			err = archive(ctx, b.root, b.rev, t.dir)
		} else {
			err = copyTree(b.root, t.dir)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot copy the sources: %w", err)
		}
		trees = append(trees, t)
	}
	return trees, nil
}

// each does n things, one at a time in each tree.
func each(trees []*tree, n int, do func(*tree, int)) {
	next := make(chan int)
	var all sync.WaitGroup
	for _, t := range trees {
		all.Go(func() {
			for i := range next {
				do(t, i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}

// baseline runs every question on the tree as it is; the map says why one proves nothing, nil where its tests pass.
func (b *bench) baseline(ctx context.Context, trees []*tree, ps []*Patch) map[question]error {
	packages := map[string][]question{}
	var names []string
	for _, p := range ps {
		q := p.question()
		if packages[q.pkg] == nil {
			names = append(names, q.pkg)
		}
		if !slices.Contains(packages[q.pkg], q) {
			packages[q.pkg] = append(packages[q.pkg], q)
		}
	}
	slices.Sort(names)
	var mu sync.Mutex
	sound := map[question]error{}
	each(trees, len(names), func(t *tree, i int) {
		qs := packages[names[i]]
		binary := binaryOf(filepath.Dir(t.dir), names[i])
		err := compile(ctx, t.dir, names[i], binary)
		for _, q := range qs {
			qerr := err
			if qerr == nil {
				qerr = passes(ctx, t, q, binary)
			}
			mu.Lock()
			sound[q] = qerr
			mu.Unlock()
		}
	})
	return sound
}

// passes demands that a question's tests exist, run and pass.
func passes(ctx context.Context, t *tree, q question, binary string) error {
	r, err := test(ctx, filepath.Join(t.dir, q.pkg), binary, q.expr, slow(defaultTimeout))
	switch {
	case err != nil:
		return err
	case r.ending != passed:
		return fmt.Errorf("its test does not pass without it:\n%s", last(r.output))
	case len(r.skip) > 0:
		return fmt.Errorf("its test is skipped here: %s", strings.Join(r.skip, " "))
	case len(r.ran) == 0:
		return fmt.Errorf("%s has no test that matches %s", q.pkg, q.expr)
	}
	return nil
}

// one breaks a tree, runs the named test, and mends the tree.
func one(ctx context.Context, t *tree, p *Patch, unsound error) Result {
	begin := time.Now()
	r := Result{Name: p.Name, Rule: p.Rule, Accident: p.Accident, Package: p.Package, Run: p.Run, canary: p.canary}
	r.Result, r.By, r.Text = decide(ctx, t, p, unsound)
	if err := t.mend(); err != nil {
		r.Result, r.Text = ResultError, "cannot mend the tree: "+err.Error()
	}
	if ctx.Err() != nil { // whatever it looks like, it was this process that ended it
		r.Result, r.By, r.Text = ResultError, "", "ended before it was decided: "+ctx.Err().Error()
	}
	r.Seconds = float64(time.Since(begin).Milliseconds()) / 1000
	return r
}

func decide(ctx context.Context, t *tree, p *Patch, unsound error) (Outcome, string, string) {
	if unsound != nil {
		return ResultError, "", unsound.Error()
	}
	if err := t.apply(p); err != nil {
		if errors.Is(err, errStale) {
			return ResultStale, "", err.Error()
		}
		return ResultError, "", err.Error()
	}
	binary := binaryOf(filepath.Dir(t.dir), p.Package)
	if err := compile(ctx, t.dir, p.Package, binary); err != nil {
		return ResultBroken, "", last(err.Error())
	}
	r, err := test(ctx, filepath.Join(t.dir, p.Package), binary, p.Run, slow(p.Timeout))
	switch {
	case err != nil:
		return ResultError, "", err.Error()
	case r.ending == passed:
		return ResultSurvived, "", ""
	case r.ending == failed:
		return ResultKilled, strings.Join(r.fail, " "), ""
	case r.ending == hung && p.Hangs:
		return ResultKilled, "timeout", ""
	case r.ending == hung:
		return ResultError, "", fmt.Sprintf("its test did not end within %s; say `hangs: yes` if that is how it notices", p.Timeout)
	}
	return ResultError, "", "the tests ended without a failed test:\n" + last(r.output)
}

// last is the end of a text, where programs say why they failed.
func last(s string) string {
	const most = 2000
	s = strings.TrimSpace(s)
	if len(s) > most {
		s = "…" + s[len(s)-most:]
	}
	return s
}

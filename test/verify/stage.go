package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Stage is one thing that is verified. Do returns nil only if it was: what could not run says so with Skip.
type Stage struct {
	Name   string
	Budget time.Duration // over it, the stage is killed and has failed
	// More is what the command line adds to the budget (COUNT, FUZZTIME); nil for nothing.
	More  func(options) time.Duration
	Needs []string // stages that must have passed
	Do    func(context.Context, *Bench) error
}

func (s Stage) budget(o options) time.Duration {
	if s.More == nil {
		return s.Budget
	}
	return s.Budget + s.More(o)
}

// Bench is what a stage works with.
type Bench struct {
	options
	Log   io.Writer // everything; shown when the stage fails, or as it comes with -stream
	Mark  string    // FENCED_TEST_VERIFY=Mark is in the environment of everything a stage starts
	Env   []string  // and this too
	skips []Skip
}

// Skip says that name was not run and why. With FENCED_TEST_REQUIRE=all it fails the stage unless test/skips.allow has the reason.
func (b *Bench) Skip(name, reason string) {
	b.skips = append(b.skips, Skip{Name: name, Reason: reason})
}

// Skip is one thing that was not run.
type Skip struct {
	Name    string `json:"name"`
	Reason  string `json:"reason"`
	Allowed bool   `json:"allowed,omitempty"`
}

func (s Skip) String() string { return fmt.Sprintf("SKIP %s: %s", s.Name, s.Reason) }

// Results of a stage.
const (
	resultPass    = "pass"
	resultFail    = "fail"
	resultTimeout = "timeout"
	resultBlocked = "blocked" // a stage it needs did not pass
)

// errSkips fails a stage whose skips are not allowed.
var errSkips = errors.New("skips are failures here (FENCED_TEST_REQUIRE=all) unless test/skips.allow has the reason")

type runner struct {
	options
	out    io.Writer
	allow  []string
	stamp  string
	report []Entry
}

// all runs the stages in order, goes on after a failure, and returns the exit code.
func (r *runner) all(ctx context.Context, stages []Stage) int {
	before, err := readReport(r.reportPath())
	if err != nil {
		r.say("%v", err)
	}
	code := exitOK
	for _, s := range stages {
		e := r.one(ctx, s, before)
		r.report = append(r.report, e)
		for _, k := range e.Skips {
			r.say("%s", k)
		}
		note := ""
		if e.Resumed {
			note = " (already, on the same sources)"
		}
		r.say("%s %.1f %s%s", e.Stage, e.Seconds, e.Result, note)
		if e.Result != resultPass {
			code = exitFail
		}
		if err := writeReport(r.reportPath(), r.report); err != nil {
			r.say("%v", err)
			code = exitFail
		}
	}
	return code
}

func (r *runner) reportPath() string { return filepath.Join(r.root, "build", "verify.json") }

func (r *runner) say(format string, args ...any) { _, _ = fmt.Fprintf(r.out, format+"\n", args...) }

// one runs one stage within its budget, judges its skips and checks that it left no process behind.
func (r *runner) one(ctx context.Context, s Stage, before []Entry) Entry {
	if e, ok := resumable(before, s.Name, r.stamp); ok && r.resume {
		e.Resumed = true
		return e
	}
	e := Entry{Stage: s.Name, Stamp: r.stamp}
	for _, n := range s.Needs {
		if got, ok := findEntry(r.report, n); ok && got.Result != resultPass {
			r.say("%s needs %s, which did not pass", s.Name, n)
			e.Result = resultBlocked
			return e
		}
	}
	log, err := newStageLog(r.root, s.Name, r.out, r.stream)
	if err != nil {
		r.say("%v", err)
		e.Result = resultFail
		return e
	}
	b := &Bench{options: r.options, Log: log, Mark: newMark()}
	began := time.Now()
	budget := s.budget(r.options)
	limited, cancel := context.WithTimeout(ctx, budget)
	err = s.Do(limited, b)
	late := limited.Err() != nil
	cancel()
	if left := endLeftBehind(b.Mark); len(left) > 0 {
		err = errors.Join(err, fmt.Errorf("left processes behind: %s", strings.Join(left, ", ")))
	}
	e.Seconds = time.Since(began).Seconds()
	e.Skips, err = judgeSkips(b.skips, r.allow, r.require, err)
	e.Result = verdict(err, late)
	if err != nil {
		_, _ = fmt.Fprintf(log, "%s: %v\n", s.Name, err)
	}
	if late {
		_, _ = fmt.Fprintf(log, "%s: over its budget of %s\n", s.Name, budget)
	}
	log.finish(e.Result != resultPass)
	return e
}

func verdict(err error, late bool) string {
	switch {
	case late:
		return resultTimeout
	case err != nil:
		return resultFail
	}
	return resultPass
}

// judgeSkips marks the allowed skips and adds an error if one is not allowed where none may be.
func judgeSkips(skips []Skip, allow []string, require bool, err error) ([]Skip, error) {
	bad := false
	for i := range skips {
		skips[i].Allowed = allowed(skips[i].Reason, allow)
		bad = bad || !skips[i].Allowed
	}
	if bad && require {
		err = errors.Join(err, errSkips)
	}
	return skips, err
}

// readAllow reads test/skips.allow: one reason a line, # begins a comment.
func readAllow(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the allowed skips: %w", err)
	}
	var allow []string
	for _, line := range strings.Split(string(data), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			allow = append(allow, line)
		}
	}
	return allow, nil
}

func allowed(reason string, allow []string) bool {
	for _, a := range allow {
		if a == reason {
			return true
		}
	}
	return false
}

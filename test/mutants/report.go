package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Outcome is what became of a mutant. Everything but killed is a failure.
type Outcome string

// The outcomes.
const (
	ResultKilled   Outcome = "killed"
	ResultSurvived Outcome = "SURVIVED" // no test noticed: a test is missing
	ResultStale    Outcome = "STALE"    // the patch does not apply any more
	ResultBroken   Outcome = "BROKEN"   // it does not compile, so no test can notice
	ResultError    Outcome = "ERROR"    // nothing can be said of it
)

// Result is a line of build/mutants.json.
type Result struct {
	Name     string  `json:"name"`
	Rule     string  `json:"rule"`
	Accident string  `json:"accident"`
	Package  string  `json:"package"`
	Run      string  `json:"run"`
	Result   Outcome `json:"result"`
	Seconds  float64 `json:"seconds"`
	// By are the tests that failed.
	By   string `json:"by,omitempty"`
	Text string `json:"text,omitempty"`

	canary bool
}

// Line is the result for people.
func (r Result) Line() string {
	s := fmt.Sprintf("%s %s %.1f", r.Result, r.Name, r.Seconds)
	switch {
	case r.canary && r.Result == ResultSurvived:
		return fmt.Sprintf("canary %s %.1f survived, as it must", r.Name, r.Seconds)
	case r.Result == ResultKilled:
		s += fmt.Sprintf(" by %s %s", r.Package, r.By)
	case r.Result == ResultSurvived:
		s += fmt.Sprintf(" %s -run %s passes although: %s", r.Package, r.Run, r.Accident)
	case r.Text != "":
		s += ": " + strings.ReplaceAll(r.Text, "\n", "\n    ")
	}
	return s
}

// judge says what failed: every mutant that was not killed, and every canary that did not survive.
func judge(rs []Result) []error {
	var errs []error
	for _, r := range rs {
		switch {
		case r.canary && r.Result != ResultSurvived:
			errs = append(errs, fmt.Errorf("canary %s breaks nothing and should survive, it is %s: %s%s", r.Name, r.Result, r.By, r.Text))
		case !r.canary && r.Result != ResultKilled:
			errs = append(errs, fmt.Errorf("%s %s (%s)", r.Result, r.Name, r.Rule))
		}
	}
	return errs
}

// total is the last line.
func total(rs []Result, took time.Duration) string {
	killed := 0
	for _, r := range rs {
		if r.Result == ResultKilled {
			killed++
		}
	}
	return fmt.Sprintf("mutants: %d of %d killed in %.0f s", killed, len(rs), took.Seconds())
}

func write(path string, rs []Result) error {
	b, err := json.MarshalIndent(rs, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644) // #nosec G306: a report that everybody may read
}

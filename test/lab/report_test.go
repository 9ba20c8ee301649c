package lab

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// entry is one scenario in build/lab.json: what came of it, and what was measured on the way, in seconds.
type entry struct {
	Scenario string             `json:"scenario"`
	Result   string             `json:"result"` // pass or fail
	At       string             `json:"at"`     // when it ended
	Seconds  float64            `json:"seconds"`
	Times    map[string]float64 `json:"times"`
}

var report struct {
	mu      sync.Mutex
	entries []*entry
}

// reported has the test's end written down.
func reported(t *testing.T) {
	begun, e := time.Now(), &entry{Scenario: t.Name(), Times: map[string]float64{}}
	report.mu.Lock()
	report.entries = append(report.entries, e)
	report.mu.Unlock()
	t.Cleanup(func() {
		e.At = time.Now().UTC().Format(time.RFC3339)
		e.Seconds, e.Result = round(time.Since(begun)), "pass"
		if t.Failed() {
			e.Result = "fail"
		}
	})
}

// measured tells a time from the fault to something, and writes it down.
func measured(t *testing.T, what string, d time.Duration) {
	t.Helper()
	t.Logf("fault to %s: %v", what, d.Round(time.Millisecond))
	report.mu.Lock()
	defer report.mu.Unlock()
	for _, e := range report.entries {
		if e.Scenario == t.Name() {
			e.Times[what] = round(d)
		}
	}
}

func round(d time.Duration) float64 { return d.Round(10 * time.Millisecond).Seconds() }

// writeReport writes build/lab.json of the tree in root. What this run did not try stays as the last run left it.
func writeReport(root string) error {
	report.mu.Lock()
	defer report.mu.Unlock()
	if len(report.entries) == 0 {
		return nil
	}
	dir := filepath.Join(root, "build")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	name := filepath.Join(dir, "lab.json")
	var all []*entry
	switch b, err := os.ReadFile(name); {
	case err == nil:
		if err := json.Unmarshal(b, &all); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	for _, e := range report.entries {
		all = slices.DeleteFunc(all, func(o *entry) bool { return o.Scenario == e.Scenario })
		all = append(all, e)
	}
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(b, '\n'), 0o644)
}

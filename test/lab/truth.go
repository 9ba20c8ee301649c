package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/checklog"
)

// lines reads what every life of every machine's fenced said, and what the shared disk took.
func (l *Lab) lines(pattern string) ([]checklog.Line, error) {
	files, err := filepath.Glob(filepath.Join(l.share(), "*", pattern))
	if err != nil {
		return nil, err
	}
	var all []checklog.Line
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		got, _, err := checklog.Read(name, f) // a machine whose power was cut leaves a torn line
		err = errors.Join(err, f.Close())
		if err != nil {
			return nil, err
		}
		all = append(all, got...)
	}
	return all, nil
}

// Check holds everything that was said and written against the invariants (I1 to I5).
func (l *Lab) Check() (checklog.Report, error) {
	events, err := l.lines("events.*.jsonl")
	if err != nil {
		return checklog.Report{}, err
	}
	writes, err := l.lines("writes.*.jsonl")
	if err != nil {
		return checklog.Report{}, err
	}
	r := checklog.Check(append(events, writes...), checklog.Options{OpenAllowed: true})
	if r.Lines == 0 || r.Writes == 0 {
		return r, fmt.Errorf("%d events and %d writes: there is nothing to check", r.Lines, r.Writes)
	}
	return r, nil
}

// Begin begins another scenario: what was said, written and switched until now is none of what Events, Written and Switched tell from here on.
func (l *Lab) Begin() error {
	files, err := filepath.Glob(filepath.Join(l.share(), "*", "*.jsonl"))
	if err != nil {
		return err
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		l.before[name] = bytes.Count(b, []byte("\n"))
	}
	for _, m := range l.Machines {
		m.mu.Lock()
		m.switched = nil
		m.mu.Unlock()
	}
	return nil
}

// Events are a machine's events of one kind about a node in this scenario, in the order in which they were said; kind "" is every kind.
func (l *Lab) Events(by *Machine, kind string, about *Machine) ([]client.Event, error) {
	all, err := l.lines("events.*.jsonl")
	var out []client.Event
	for _, e := range all {
		if filepath.Base(filepath.Dir(e.File)) == by.Name() && (kind == "" || e.Event.Event == kind) && e.Node == about.Name() && e.N > l.before[e.File] {
			out = append(out, e.Event)
		}
	}
	slices.SortStableFunc(out, func(a, b client.Event) int { return a.At.Compare(b.At.Time) })
	return out, err
}

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Patch is one mutant: what it breaks, and the test that must notice.
type Patch struct {
	Name string
	// Rule is the rule's name, Accident what would happen if nobody noticed.
	Rule, Accident string
	// Package and Run name the test: a package's path from the root, and the expression for -run.
	Package, Run string
	// Timeout bounds the test. Hangs says that the test may notice by not ending: then its timeout is a kill.
	Timeout time.Duration
	Hangs   bool
	Edits   []edit

	canary bool
}

// edit replaces lines of one file. Line numbers are not looked at: the old lines must stand there exactly once.
type edit struct {
	File     string
	Old, New []string
}

const (
	defaultTimeout = 60 * time.Second
	// maxChanged bounds the changed lines: a mutant is a small mistake.
	maxChanged = 8
)

// readPatches reads the *.patch files of a directory, by name. A bad one is an error and does not hide the others.
func readPatches(dir string) ([]*Patch, []error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.patch"))
	if err != nil {
		return nil, []error{err}
	}
	slices.Sort(files)
	var ps []*Patch
	var errs []error
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil {
			var p *Patch
			if p, err = parsePatch(strings.TrimSuffix(filepath.Base(f), ".patch"), string(b)); err == nil {
				ps = append(ps, p)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot read mutant %s: %w", filepath.Base(f), err))
		}
	}
	return ps, errs
}

// parsePatch reads the header (`# key: value`) and the diff.
func parsePatch(name, text string) (*Patch, error) {
	p := &Patch{Name: name, Timeout: defaultTimeout}
	file := ""
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		var err error
		switch {
		case len(p.Edits) == 0 && strings.HasPrefix(line, "# "):
			err = p.header(line[2:])
		case strings.HasPrefix(line, "--- "):
		case strings.HasPrefix(line, "+++ b/"):
			file = strings.TrimPrefix(line, "+++ b/")
		case strings.HasPrefix(line, "@@ ") && file != "":
			p.Edits = append(p.Edits, edit{File: file})
		case len(p.Edits) > 0:
			err = p.Edits[len(p.Edits)-1].line(line)
		default:
			err = fmt.Errorf("%q is neither header nor diff", line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return p, p.check()
}

func (p *Patch) header(s string) error {
	key, value, _ := strings.Cut(s, ":")
	value = strings.TrimSpace(value)
	switch key {
	case "rule":
		p.Rule = value
	case "accident":
		p.Accident = value
	case "test":
		var ok bool
		if p.Package, p.Run, ok = strings.Cut(value, " -run "); !ok {
			return fmt.Errorf("%q is not PACKAGE -run EXPRESSION", value)
		}
	case "timeout":
		d, err := time.ParseDuration(value)
		if err != nil {
			return err
		}
		p.Timeout = d
	case "hangs":
		p.Hangs = value == "yes"
	default:
		return fmt.Errorf("a mutant has no %q", key)
	}
	return nil
}

func (e *edit) line(s string) error {
	switch {
	case strings.HasPrefix(s, "-"):
		e.Old = append(e.Old, s[1:])
	case strings.HasPrefix(s, "+"):
		e.New = append(e.New, s[1:])
	case strings.HasPrefix(s, " "), s == "":
		s = strings.TrimPrefix(s, " ")
		e.Old, e.New = append(e.Old, s), append(e.New, s)
	default:
		return fmt.Errorf("%q is no line of a diff", s)
	}
	return nil
}

// resetRoom is the only code that can end a machine.
const resetRoom = "internal/reset"

func (p *Patch) check() error {
	switch {
	case p.Rule == "" || p.Accident == "" || p.Package == "" || p.Run == "":
		return errors.New("it must name rule, accident and test")
	case !strings.HasPrefix(p.Package, "./") || !filepath.IsLocal(p.Package):
		return fmt.Errorf("package %q is not a path from the root, as ./fence", p.Package)
	case p.Timeout <= 0:
		return errors.New("its timeout is not positive")
	case len(p.Edits) == 0:
		return errors.New("it changes nothing")
	}
	changed := 0
	for _, e := range p.Edits {
		switch {
		case !filepath.IsLocal(e.File) || !strings.HasSuffix(e.File, ".go"):
			return fmt.Errorf("%q is no Go file of the tree", e.File)
		case strings.HasSuffix(e.File, "_test.go"):
			return fmt.Errorf("%s is a test: a mutant breaks the code that tests guard", e.File)
		case filepath.Clean(e.File) == resetRoom+"/means_linux.go":
			return fmt.Errorf("%s makes the real calls that end this machine: nobody breaks it to see what happens", e.File)
		case strings.HasPrefix(filepath.Clean(e.File), resetRoom+"/") && filepath.Clean(p.Package) != resetRoom:
			return fmt.Errorf("%s may be broken only under the tests of its own package, which have replaced the real calls", e.File)
		case len(e.Old) == 0 || slices.Equal(e.Old, e.New):
			return fmt.Errorf("a hunk of %s has no place or changes nothing", e.File)
		}
		changed += len(e.Old) + len(e.New) - 2*common(e.Old, e.New)
	}
	if changed > maxChanged {
		return fmt.Errorf("it changes %d lines, a small mistake changes at most %d", changed, maxChanged)
	}
	return nil
}

// common is how many lines both begin and end with; what is between them is changed.
func common(a, b []string) int {
	n := min(len(a), len(b))
	head := 0
	for head < n && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < n-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	return head + tail
}

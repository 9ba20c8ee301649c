package config

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong, where it is, and what to do about it.
type Problem struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"` // from 1; 0 where the problem is of no line
	Col    int    `json:"col,omitempty"`  // from 1
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"`
	// Warning says that the configuration can be used all the same.
	Warning bool `json:"warning,omitempty"`
	// later: it may be over when this node's corosync answers.
	later bool
	from  origin
}

// origin is what showed a problem.
type origin int

const (
	fromFiles  origin = iota
	fromSchema        // a plugin's own list of options
	fromDevice        // a plugin that opened the device
)

// Schema returns the mistakes that the plugins' own lists of options showed.
func (ps Problems) Schema() Problems {
	return slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return p.from != fromSchema || p.Warning })
}

// OfPlugins returns everything that plugins showed, and where they could not be asked.
func (ps Problems) OfPlugins() Problems {
	return slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return p.from == fromFiles })
}

// String is FILE:LINE:COL: TEXT; REMEDY, on one line.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			b.WriteString(":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col))
		}
		b.WriteString(": ")
	}
	if p.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.Text)
	if p.Remedy != "" {
		b.WriteString("; " + p.Remedy)
	}
	return b.String()
}

// Problems is everything that Load found, in the order of the files. With a Problem that is no warning the exit code is 78.
type Problems []Problem

// Fatal reports whether the configuration cannot be used.
func (ps Problems) Fatal() bool {
	for _, p := range ps {
		if !p.Warning {
			return true
		}
	}
	return false
}

// Later reports whether nothing is wrong but that corosync, whose nodelist is wanted, does not answer yet.
func (ps Problems) Later() bool {
	for _, p := range ps {
		if !p.Warning && !p.later {
			return false
		}
	}
	return ps.Fatal()
}

// Warnings returns the problems that do not keep the configuration from being used.
func (ps Problems) Warnings() Problems {
	var w Problems
	for _, p := range ps {
		if p.Warning {
			w = append(w, p)
		}
	}
	return w
}

// Error makes Problems an error: one line for each.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// report gathers problems. At maxProblems mistakes, and at as many warnings, it stops gathering and says so: a file of garbage must not fill the screen,
// and many warnings neither hide a mistake nor are one.
type report struct {
	list    Problems
	order   map[string]int // file -> its place in the reading order
	kept    map[bool]int   // how many are in the list, of warnings (true) and of mistakes
	dropped map[bool]int
	from    origin // of what is added now
}

// by has what f adds come from somebody else than the files.
func (r *report) by(from origin, f func()) {
	r.from = from
	f()
	r.from = fromFiles
}

const maxProblems = 200

func (r *report) add(p Problem) {
	if r.kept == nil {
		r.kept, r.dropped = map[bool]int{}, map[bool]int{}
	}
	if r.kept[p.Warning] >= maxProblems {
		r.dropped[p.Warning]++
		return
	}
	r.kept[p.Warning]++
	p.from = r.from
	r.list = append(r.list, p)
}

// at reports an error at a place; remedy may be empty.
func (r *report) at(n *node, remedy, format string, args ...any) {
	r.add(Problem{File: n.file, Line: n.line, Col: n.col, Text: fmt.Sprintf(format, args...), Remedy: remedy})
}

// warn reports a warning at a place.
func (r *report) warn(n *node, remedy, format string, args ...any) {
	r.add(Problem{File: n.file, Line: n.line, Col: n.col, Text: fmt.Sprintf(format, args...), Remedy: remedy, Warning: true})
}

// sorted returns the problems by file in reading order, then by place; problems of no file come last.
func (r *report) sorted() Problems {
	place := func(p Problem) int {
		if i, ok := r.order[p.File]; ok {
			return i
		}
		return len(r.order)
	}
	sort.SliceStable(r.list, func(i, j int) bool {
		a, b := r.list[i], r.list[j]
		switch {
		case place(a) != place(b):
			return place(a) < place(b)
		case a.Line != b.Line:
			return a.Line < b.Line
		}
		return a.Col < b.Col
	})
	list := r.list
	if n := r.dropped[false]; n > 0 {
		list = append(list, Problem{Text: fmt.Sprintf("and %d more problems", n), Remedy: "repair those above first"})
	}
	if n := r.dropped[true]; n > 0 {
		list = append(list, Problem{Text: fmt.Sprintf("and %d more", n), Remedy: "see to those above first", Warning: true})
	}
	return list
}

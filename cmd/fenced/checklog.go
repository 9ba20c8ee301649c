package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/fenced-project/fenced/internal/checklog"
	"github.com/fenced-project/fenced/internal/cli"
)

// checkLog reads every file and checks their lines together.
func checkLog(files []string, o cli.LogCheck) (cli.LogReport, error) {
	var lines []checklog.Line
	var text strings.Builder
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return cli.LogReport{}, err
		}
		got, torn, err := checklog.Read(name, f)
		_ = f.Close() // only read
		if err != nil {
			return cli.LogReport{}, err
		}
		if torn {
			fmt.Fprintf(&text, "%s: its last line is torn and was dropped\n", name)
		}
		lines = append(lines, got...)
	}
	r := checklog.Check(lines, checklog.Options{Bound: o.Bound, OpenAllowed: o.OpenAllowed})
	fmt.Fprintf(&text, "%d lines of %d nodes: %d victims, %d verdicts, %d releases, %d writes\n", r.Lines, len(r.Nodes), r.Victims, r.Verdicts, r.Releases, r.Writes)
	for _, v := range r.Violations {
		fmt.Fprintln(&text, v)
	}
	if len(r.Violations) == 0 {
		text.WriteString("no invariant is broken\n")
	} else {
		fmt.Fprintf(&text, "%d VIOLATIONS\n", len(r.Violations))
	}
	return cli.LogReport{Holds: len(r.Violations) == 0, Text: text.String(), Document: r}, nil
}

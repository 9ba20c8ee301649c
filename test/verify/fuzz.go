package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// fuzz runs every fuzz function for a short while.
func (b *Bench) fuzz(ctx context.Context) error {
	files, err := b.output(ctx, "go", "list", "-f", `{{$d := .Dir}}{{$p := .ImportPath}}{{range .TestGoFiles}}{{$p}} {{$d}}/{{.}}
{{end}}{{range .XTestGoFiles}}{{$p}} {{$d}}/{{.}}
{{end}}`, "./...")
	if err != nil {
		return err
	}
	found := 0
	for _, line := range strings.Split(strings.TrimSpace(files), "\n") {
		pkg, file, ok := strings.Cut(line, " ")
		if !ok {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("cannot look for fuzz functions: %w", err)
		}
		for _, m := range fuzzFunc.FindAllSubmatch(data, -1) {
			found++
			if err := b.fuzzOne(ctx, pkg, string(m[1])); err != nil {
				return err
			}
		}
	}
	if found == 0 {
		return fmt.Errorf("there is no fuzz function at all, which proves nothing")
	}
	_, _ = fmt.Fprintf(b.Log, "%d fuzz functions, %s each\n", found, b.fuzzTime)
	return nil
}

// fuzzOne runs one fuzz function for its time. The go command sometimes ends one whose time is over with "context deadline exceeded" and nothing
// else, where a worker was busy at that moment: that is no finding, which would name its input.
func (b *Bench) fuzzOne(ctx context.Context, pkg, name string) error {
	var out bytes.Buffer
	err := b.exec(ctx, io.MultiWriter(b.Log, &out), "go", "test", "-run", "^$", "-fuzz", "^"+name+"$", "-fuzztime", b.fuzzTime.String(), pkg)
	if err != nil && ctx.Err() == nil && endedLate(out.String()) {
		_, _ = fmt.Fprintf(b.Log, "%s of %s had its %s without a finding; the go command was late to end it\n", name, pkg, b.fuzzTime)
		return nil
	}
	return err
}

// endedLate recognises that, and only that: the one line under the failure is the deadline, and no input is named.
func endedLate(out string) bool {
	return lateEnd.MatchString(out) && !strings.Contains(out, "Failing input") && !strings.Contains(out, "panic:")
}

var lateEnd = regexp.MustCompile(`(?m)^--- FAIL: Fuzz\w+ \([\d.]+s\)\n    context deadline exceeded\nFAIL$`)

var fuzzFunc = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

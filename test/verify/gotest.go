package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// goTest runs go test on packages and shows what go test shows: the closing line of each package and the output of tests that failed.
// Tests that were skipped are collected by name. Nothing is taken from go test's cache: what a test reads of this machine is not in its key.
func (b *Bench) goTest(ctx context.Context, packages []string, extra ...string) error {
	if len(packages) == 0 {
		return fmt.Errorf("no packages to test")
	}
	args := []string{"test", "-json", "-count", strconv.Itoa(b.count)}
	if b.tests != "" {
		args = append(args, "-run", b.tests)
	}
	if end, ok := ctx.Deadline(); ok {
		// A little before the stage is killed, so that the hanging test is named with its goroutines.
		args = append(args, "-timeout", max(time.Until(end)-testGrace, time.Second).Round(time.Second).String())
	}
	args = append(append(args, extra...), packages...)
	reader, writer := io.Pipe()
	shown := make(chan error, 1)
	go func() {
		t := testStream{log: b.Log, skip: b.Skip}
		err := t.read(reader)
		_, _ = io.Copy(io.Discard, reader)
		shown <- err
	}()
	err := b.exec(ctx, writer, "go", args...)
	_ = writer.Close()
	if serr := <-shown; err == nil {
		err = serr
	}
	if err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	return nil
}

// event is one line of go test -json.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
}

// testStream turns go test -json into what a person reads.
type testStream struct {
	log  io.Writer
	skip func(name, reason string)
	held map[string][]string // output of tests that have not ended
}

func (t *testStream) read(r io.Reader) error {
	t.held = map[string][]string{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.print(lines.Text() + "\n") // go's own words, before or beside the tests
			continue
		}
		t.event(e)
	}
	return lines.Err()
}

func (t *testStream) print(s string) { _, _ = io.WriteString(t.log, s) }

func (t *testStream) event(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		t.print(e.Output)
	case "output":
		switch {
		case strings.HasPrefix(e.Output, "=== "): // RUN, PAUSE, CONT, NAME
		case e.Test != "":
			t.held[key] = append(t.held[key], e.Output)
		case e.Output != "PASS\n":
			t.print(e.Output)
		}
	case "fail":
		if e.Test != "" {
			t.print(strings.Join(t.held[key], ""))
		}
		delete(t.held, key)
	case "skip":
		if e.Test != "" {
			name, reason := skipReason(e, t.held[key])
			t.skip(name, reason)
		}
		delete(t.held, key)
	case "pass":
		delete(t.held, key)
	}
}

var (
	skipWords = regexp.MustCompile(`SKIP (\S+): (.*)`)
	skipLine  = regexp.MustCompile(`^\s+\S+\.go:\d+: (.*)`)
)

// skipReason finds `SKIP NAME: reason` in a test's output; a test that skips with other words is named by package and test.
func skipReason(e event, output []string) (name, reason string) {
	name, reason = e.Package+"."+e.Test, "no reason given"
	for _, line := range output {
		if m := skipWords.FindStringSubmatch(line); m != nil {
			return m[1], strings.TrimSpace(m[2])
		}
		if m := skipLine.FindStringSubmatch(line); m != nil {
			reason = strings.TrimSpace(m[1])
		}
	}
	return name, reason
}

// packages lists the module's packages but for those under the given folders.
func (b *Bench) packages(ctx context.Context, without ...string) ([]string, error) {
	list, err := b.output(ctx, "go", "list", "./...")
	if err != nil {
		return nil, err
	}
	var kept []string
	for _, p := range strings.Fields(list) {
		if !under(p, without) {
			kept = append(kept, p)
		}
	}
	return kept, nil
}

func under(pkg string, folders []string) bool {
	for _, f := range folders {
		if strings.HasSuffix(pkg, "/"+f) || strings.Contains(pkg, "/"+f+"/") {
			return true
		}
	}
	return false
}

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// totalBudget is when verify as a whole fails itself; its aim is 60 minutes (INTERFACES.md).
const totalBudget = 80 * time.Minute

const (
	exitOK    = 0
	exitFail  = 1
	exitUsage = 64
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, stages())
	stop()
	os.Exit(code)
}

// run is main without the process: it parses args, runs the chosen stages in their order and returns the exit code.
func run(ctx context.Context, args []string, out io.Writer, all []Stage) int {
	o, err := parse(args, out)
	if err != nil {
		_, _ = fmt.Fprintln(out, err)
		return exitUsage
	}
	chosen, err := choose(all, o.only)
	if err != nil {
		_, _ = fmt.Fprintln(out, err)
		return exitUsage
	}
	allow, err := readAllow(filepath.Join(o.root, "test", "skips.allow"))
	if err != nil {
		_, _ = fmt.Fprintln(out, err)
		return exitFail
	}
	stamp, err := sourceStamp(o.root, o.stampSalt())
	if err != nil {
		_, _ = fmt.Fprintln(out, err)
		return exitFail
	}
	total := totalBudget
	for _, s := range chosen {
		total += s.budget(o) - s.Budget
	}
	ctx, cancel := context.WithTimeout(ctx, total)
	defer cancel()
	r := &runner{options: o, out: out, allow: allow, stamp: stamp}
	return r.all(ctx, chosen)
}

// options are the command line's.
type options struct {
	root     string
	only     []string
	stream   bool
	resume   bool
	tests    string // -run of go test
	count    int
	fuzzTime time.Duration
	require  bool // FENCED_TEST_REQUIRE=all: a skip is a failure
}

func parse(args []string, out io.Writer) (options, error) {
	o := options{require: os.Getenv("FENCED_TEST_REQUIRE") == "all"}
	var only string
	f := flag.NewFlagSet("verify", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.root, "root", ".", "the checkout")
	f.StringVar(&only, "only", "", "stages, separated by commas; all of them if empty")
	f.BoolVar(&o.stream, "stream", false, "show what stages print while they run, not only when they fail")
	f.BoolVar(&o.resume, "resume", false, "take over stages that passed on the very same sources and settings")
	f.StringVar(&o.tests, "run", "", "only tests that match this regular expression")
	f.IntVar(&o.count, "count", 1, "run each test so many times")
	f.DurationVar(&o.fuzzTime, "fuzztime", fuzzTime, "for each fuzz function")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", f.Arg(0))
	}
	for _, s := range strings.Split(only, ",") {
		if s = strings.TrimSpace(s); s != "" {
			o.only = append(o.only, s)
		}
	}
	root, err := filepath.Abs(o.root)
	o.root = root
	return o, err
}

// stampSalt is every setting that changes what a pass means: a pass without FENCED_TEST_REQUIRE is not a pass with it.
func (o options) stampSalt() string {
	return fmt.Sprint(o.tests, o.count, o.require, os.Getenv("FENCED_TEST_SLOW"), os.Getuid() == 0)
}

// choose returns the named stages, and what they need, in the order of all. An unknown name is an error: a typo must not skip a stage.
func choose(all []Stage, only []string) ([]Stage, error) {
	if len(only) == 0 {
		return all, nil
	}
	want := map[string]bool{}
	for _, name := range only {
		s, ok := find(all, name)
		if !ok {
			return nil, fmt.Errorf("no such stage %q; there are: %s", name, strings.Join(names(all), " "))
		}
		want[name] = true
		for _, n := range s.Needs {
			want[n] = true
		}
	}
	var chosen []Stage
	for _, s := range all {
		if want[s.Name] {
			chosen = append(chosen, s)
		}
	}
	return chosen, nil
}

func find(all []Stage, name string) (Stage, bool) {
	for _, s := range all {
		if s.Name == name {
			return s, true
		}
	}
	return Stage{}, false
}

func names(all []Stage) []string {
	var n []string
	for _, s := range all {
		n = append(n, s.Name)
	}
	return n
}

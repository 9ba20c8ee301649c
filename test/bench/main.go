package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/test/product"
)

// budget ends a run that hangs; a whole one takes about five minutes.
const budget = 30 * time.Minute

// measure is one thing that can be measured; names are those of all lines it gives, for -run.
type measure struct {
	names []string
	do    func(context.Context, *run) error
}

// measures, the cheap ones first.
var measures = []measure{
	{[]string{nameFsync}, fsync},
	{[]string{nameApplyEntry, nameApplyView, nameTick, nameGrowth}, pure},
	{[]string{nameScan, nameScanLarge}, scans},
	{[]string{nameDogMemory, nameDogGap}, holder},
	{[]string{nameSim}, simulator},
	{[]string{nameEngine}, engineShare},
	{[]string{nameCold}, coldStart},
	{[]string{nameWarm}, warmCall},
	{[]string{nameLeaderActs, nameNode, nameNodeStart, nameLevel}, leaderActs},
	{[]string{nameFollowerActs}, followerActs},
	{[]string{nameDaemonRSS, namePluginRSS, nameDaemonCPU, namePluginCPU}, idle},
	{[]string{nameKill, nameKillFollower, nameKillLeader}, kill},
	rivalry(nameIPMI, kindIPMI),
	rivalry(namePDU, kindPDU),
	rivalry(nameRedfish, kindRedfish),
	{[]string{nameCrowd100, nameCrowd100CPU}, crowd100},
	{[]string{nameCrowd500, nameCrowd500CPU}, crowd500},
	{[]string{nameCrowdDummy, nameCrowdDummyCPU}, crowdDummy},
	{[]string{nameFootRSS, nameFootRoutines, nameFootFiles}, footprint},
	{[]string{nameRingActs}, ringActs},
	{ringCostNames, ringCosts},
}

// run is what a measure works with.
type run struct {
	root  string // of the module
	build string // with fenced, fenced-dev and plugins/
	quick bool
	only  *regexp.Regexp
	log   io.Writer
	lines []Line
	// skipped are names that this machine cannot measure, and says why.
	skipped map[string]bool
}

// n is how many samples are taken of something that costs seconds: 20, or 3 in a quick run.
func (r *run) n() int {
	if r.quick {
		return 3
	}
	return 20
}

// rounds is how often something is repeated of which each round takes seconds of both processors: in a quick run once.
func (r *run) rounds() int {
	if r.quick {
		return 1
	}
	return r.n()
}

// skip says that names are not measured here; where everything is demanded (CI) that is a failure.
func (r *run) skip(why string, names ...string) error {
	if os.Getenv("FENCED_TEST_REQUIRE") == "all" {
		return errors.New(why)
	}
	for _, n := range names {
		r.say("SKIP %s: %s", n, why)
		r.skipped[n] = true
	}
	return nil
}

// wants reports whether -run chose a name.
func (r *run) wants(name string) bool { return r.only.MatchString(name) }

func (r *run) say(format string, args ...any) { fmt.Fprintf(r.log, format+"\n", args...) }

// add keeps a line, unless -run chose others.
func (r *run) add(l Line) {
	if r.wants(l.Name) || r.wants(strings.SplitN(l.Name, ":", 2)[0]) {
		l.Load = loadAverage()
		r.lines = append(r.lines, l)
	}
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == hardwareWord {
		if err := beHardware(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintf(os.Stderr, "bench: hardware: %v\n", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(bench(os.Args[1:], os.Stdout, os.Stderr))
}

func bench(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	quick := f.Bool("quick", false, "few samples: proves that everything can be measured, and says little about how much")
	only := f.String("run", "", "measure only what this regular expression matches")
	out := f.String("out", "", "where the lines go (default build/bench.jsonl of the module)")
	if f.Parse(args) != nil {
		return 64
	}
	re, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintf(stderr, "bench: -run: %v\n", err)
		return 64
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	r := &run{quick: *quick, only: re, log: stderr, skipped: map[string]bool{}}
	if err := r.all(ctx, *out); err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		table(stdout, r.lines)
		return 1
	}
	table(stdout, r.lines)
	return 0
}

// all measures what was chosen and goes on after a measure that could not run; its error names each of them.
func (r *run) all(ctx context.Context, out string) error {
	var err error
	if r.root, err = product.ModuleRoot(); err != nil {
		return err
	}
	if out == "" {
		out = filepath.Join(r.root, "build", "bench.jsonl")
	}
	if err := r.product(); err != nil {
		return err
	}
	var errs []error
	ran := 0
	for _, m := range measures {
		if !r.wantsAny(m.names) {
			continue
		}
		ran++
		r.say("%s", strings.Join(m.names, ", "))
		if err := m.do(ctx, r); err != nil {
			errs = append(errs, fmt.Errorf("cannot measure %s: %w", strings.Join(m.names, ", "), err))
		} else if err := r.gave(m.names); err != nil {
			errs = append(errs, err)
		}
	}
	if ran == 0 {
		errs = append(errs, fmt.Errorf("-run %q matches nothing", r.only))
	}
	return errors.Join(append(errs, write(out, r.lines))...)
}

// gave checks that each name that was wanted has a line with samples, of its own or of its parts.
func (r *run) gave(names []string) error {
	for _, n := range names {
		if r.wants(n) && !r.skipped[n] && !slices.ContainsFunc(r.lines, func(l Line) bool { return l.N > 0 && (l.Name == n || strings.HasPrefix(l.Name, n+":")) }) {
			return fmt.Errorf("%s was measured and gave no line", n)
		}
	}
	return nil
}

func (r *run) wantsAny(names []string) bool {
	for _, n := range names {
		if r.wants(n) {
			return true
		}
	}
	return false
}

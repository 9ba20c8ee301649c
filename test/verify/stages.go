package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ownStages are not part of the unit stage: they are stages of their own.
var (
	ownStages = []string{"test/e2e", "test/systemd", "test/secrets", "test/nonsense", "test/corosync", "test/foreign", "test/lab", "test/layers", "test/scenarios", "docs"}
)

// pureRooms have no goroutine (test/layers proves it), so the race detector finds nothing in them and takes minutes to say so. What runs them in
// goroutines (engine, memory, daemon) is in that stage.
var pureRooms = []string{"fence/domain", "fence/member", "fence/operation", "fence/sim", "membership/corosync/agreement"}

// stages is everything that CI runs, cheap and telling ones first. Budgets are far above what two cores need: they end a hang, no more.
func stages() []Stage {
	return []Stage{
		{Name: "build", Budget: 7 * time.Minute, Do: build},
		{Name: "vet", Budget: 3 * time.Minute, Do: vet},
		{Name: "tidy", Budget: time.Minute, Do: tidy},
		{Name: "generate", Budget: time.Minute, Do: generated},
		{Name: "layers", Budget: 2 * time.Minute, Do: testOnly("./test/layers/...")},
		{Name: "docs", Budget: 2 * time.Minute, Do: testOnly("./docs/...")},
		{Name: "unit", Budget: 10 * time.Minute, More: times(10 * time.Minute), Do: unit},
		{Name: "e2e", Budget: 10 * time.Minute, More: times(10 * time.Minute), Needs: []string{"build"}, Do: clusters("test/e2e", "-skip", onRings)},
		{Name: "systemd", Budget: 3 * time.Minute, More: times(3 * time.Minute), Needs: []string{"build"}, Do: clusters("test/systemd")},
		{Name: "secrets", Budget: 4 * time.Minute, More: times(4 * time.Minute), Needs: []string{"build"}, Do: clusters("test/secrets")},
		{Name: "nonsense", Budget: 3 * time.Minute, More: times(3 * time.Minute), Needs: []string{"build"}, Do: clusters("test/nonsense")},
		{Name: "corosync", Budget: 12 * time.Minute, More: times(12 * time.Minute), Needs: []string{"build"}, Do: testRings},
		{Name: "foreign", Budget: 3 * time.Minute, More: times(3 * time.Minute), Do: testOnly("./test/foreign")},
		{Name: "bench", Budget: 6 * time.Minute, Needs: []string{"build"}, Do: benches},
		{Name: "demo", Budget: time.Minute, Needs: []string{"build"}, Do: demo},
		{Name: "scenarios", Budget: 5 * time.Minute, Do: scenarios},
		{Name: "canaries", Budget: 8 * time.Minute, Do: canaries},
		{Name: "sim", Budget: 12 * time.Minute, Needs: []string{"build"}, Do: sim},
		{Name: "model", Budget: 4 * time.Minute, Do: model},
		{Name: "lint", Budget: 8 * time.Minute, Do: lint},
		{Name: "race", Budget: 11 * time.Minute, More: times(11 * time.Minute), Do: race},
		{Name: "fuzz", Budget: 6 * time.Minute, More: longerFuzz, Do: func(ctx context.Context, b *Bench) error { return b.fuzz(ctx) }},
		{Name: "mutants", Budget: 14 * time.Minute, Do: mutants},
		{Name: "cross", Budget: 5 * time.Minute, Do: cross},
		{Name: "lab", Budget: 18 * time.Minute, More: times(18 * time.Minute), Do: lab},
	}
}

// fuzzTime is how long each fuzz function runs unless FUZZTIME says otherwise; mostFuzz is more functions than there are.
const (
	fuzzTime = 3 * time.Second
	mostFuzz = 50
)

func longerFuzz(o options) time.Duration { return max(0, o.fuzzTime-fuzzTime) * mostFuzz }

// times gives a stage its budget again for each repetition that COUNT asks for.
func times(budget time.Duration) func(options) time.Duration {
	return func(o options) time.Duration { return time.Duration(max(0, o.count-1)) * budget }
}

func build(ctx context.Context, b *Bench) error { return b.sh(ctx, "make", "build") }

// vet is the compiler's own opinion and gofmt's.
func vet(ctx context.Context, b *Bench) error {
	if err := b.sh(ctx, "go", "vet", "./..."); err != nil {
		return err
	}
	files, err := b.output(ctx, "go", "list", "-f", `{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}} {{end}}{{range .TestGoFiles}}{{$d}}/{{.}} {{end}}{{range .XTestGoFiles}}{{$d}}/{{.}} {{end}}`, "./...")
	if err != nil {
		return err
	}
	bad, err := b.output(ctx, "gofmt", append([]string{"-l"}, strings.Fields(files)...)...)
	if err == nil && bad != "" {
		err = fmt.Errorf("gofmt would change:\n%s", bad)
	}
	return err
}

func tidy(ctx context.Context, b *Bench) error { return b.sh(ctx, "go", "mod", "tidy", "-diff") }

// generated checks that the committed Go code is what protoc makes of the committed proto.
func generated(ctx context.Context, b *Bench) error {
	if _, err := exec.LookPath("protoc"); err != nil {
		b.Skip("generate", "protoc is not installed")
		return nil
	}
	dir, err := os.MkdirTemp("", "fenced-generate-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := b.sh(ctx, "make", "generate", "OUT="+dir); err != nil {
		return err
	}
	made, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err == nil && len(made) == 0 {
		err = fmt.Errorf("protoc made no Go code")
	}
	for _, m := range made {
		name := filepath.Base(m)
		// The first lines name the versions of the tools, which differ between distributions and say nothing of the code.
		derr := b.sh(ctx, "diff", "-u", "-I", "^//.*protoc", filepath.Join("plugins", "proto", name), m)
		if derr != nil {
			err = fmt.Errorf("plugins/proto/%s is not current, run make generate: %w", name, derr)
		}
	}
	return err
}

func testOnly(pattern string) func(context.Context, *Bench) error {
	return func(ctx context.Context, b *Bench) error {
		if b.tests != "" {
			b.tests = "" // RUN chooses among the tests of unit, race and e2e; these are seconds
		}
		return b.goTest(ctx, []string{pattern})
	}
}

// together is how many packages are tested beside each other: the longest of them wait, for deadlines that are the subject, and leave both processors idle
// when there are only as many packages as processors. In the same order as always: the one that waits longest is in the first half.
var together = []string{"-p", "4"}

// scenarios plays the scenario files, and demands a proof of every scenario of the families that decisions and rings can prove.
func scenarios(ctx context.Context, b *Bench) error {
	if err := testOnly("./test/scenarios/...")(ctx, b); err != nil {
		return err
	}
	return b.sh(ctx, "go", "run", "./test/scenarios/list", "--require", "S0,S1,S3,S5")
}

func unit(ctx context.Context, b *Bench) error {
	pkgs, err := b.packages(ctx, ownStages...)
	if err != nil {
		return err
	}
	return b.goTest(ctx, pkgs, together...)
}

func race(ctx context.Context, b *Bench) error {
	if _, err := exec.LookPath("gcc"); err != nil {
		b.Skip("race", "gcc is not installed")
		return nil
	}
	pkgs, err := b.packages(ctx, slices.Concat(ownStages, pureRooms)...)
	if err != nil {
		return err
	}
	return b.goTest(ctx, pkgs, append([]string{"-race"}, together...)...)
}

// clusters runs the tests of one package that starts whole daemons: what `make build` made, not another copy of it.
func clusters(pkg string, more ...string) func(context.Context, *Bench) error {
	return func(ctx context.Context, b *Bench) error {
		b.Env = []string{"FENCED_TEST_BUILD=" + filepath.Join(b.root, "build")}
		return b.goTest(ctx, []string{"./" + pkg}, append([]string{"-p", "1"}, more...)...)
	}
}

// onRings are the tests of whole clusters whose membership is corosync; they are in the package of the others for the sake of what they share.
const (
	onRings    = "^TestRing"
	notOnRings = "^Test([^R]|R[^i]|Ri[^n]|Rin[^g])"
)

// testRings runs the tests that need real corosync instances: the provider by itself, one ring after the other because their tokens are short, then
// whole clusters.
func testRings(ctx context.Context, b *Bench) error {
	b.Env = []string{"FENCED_TEST_BUILD=" + filepath.Join(b.root, "build")}
	return errors.Join(b.goTest(ctx, []string{"./test/corosync/..."}, "-p", "1"), b.goTest(ctx, []string{"./test/e2e"}, "-p", "1", "-skip", notOnRings))
}

// mutants breaks one rule at a time; each must be caught by the test that its patch names. All of them take longer than CI has: it proves a quarter,
// drawn by the commit, and all that are new. `make mutants` proves all.
func mutants(ctx context.Context, b *Bench) error {
	return b.sh(ctx, "go", "run", "./test/mutants", "-share", "4")
}

// model searches the formal model to its end and looks for its deliberate mistakes.
func model(ctx context.Context, b *Bench) error {
	for _, tool := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.Skip("model", tool+" is not installed")
			return nil
		}
	}
	return b.sh(ctx, "bash", "docs/model/check.sh")
}

// benches proves that everything can be measured: each benchmark runs and gives a line. How long anything took decides nothing here.
func benches(ctx context.Context, b *Bench) error {
	b.Env = []string{"FENCED_TEST_BUILD=" + filepath.Join(b.root, "build")}
	return b.sh(ctx, "go", "run", "./test/bench", "-quick", "-out", filepath.Join(b.root, "build", "bench-quick.jsonl"))
}

// demo is the main job by itself, under a minute once it is built.
func demo(ctx context.Context, b *Bench) error {
	return b.sh(ctx, filepath.Join(b.root, "build", "fenced"), "dev", "--script", "fail-one")
}

// canaries puts known bugs in, one at a time; the simulator must find each.
func canaries(ctx context.Context, b *Bench) error {
	return b.sh(ctx, "go", "run", "./test/mutants", "-dir", "test/canaries", "-out", "build/canaries.json")
}

func lint(ctx context.Context, b *Bench) error {
	if err := b.sh(ctx, "make", "tools"); err != nil {
		return err
	}
	return b.sh(ctx, filepath.Join(b.root, "build", "tools", "golangci-lint"), "run", "./...")
}

// cross builds everything that is shipped for both architectures, without cgo.
func cross(ctx context.Context, b *Bench) error {
	for _, arch := range []string{"amd64", "arm64"} {
		b.Env = []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch}
		if err := b.sh(ctx, "go", "build", "-buildvcs=false", "./..."); err != nil {
			return fmt.Errorf("linux/%s: %w", arch, err)
		}
	}
	b.Env = []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=riscv64"} // embedded membership only: corosync's libraries are not called there
	if err := b.sh(ctx, "go", "build", "-buildvcs=false", "-o", os.DevNull, "./cmd/fenced"); err != nil {
		return fmt.Errorf("linux/riscv64: %w", err)
	}
	return nil
}

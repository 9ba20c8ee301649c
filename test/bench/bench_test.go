package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestQuantiles(t *testing.T) {
	for _, c := range []struct {
		samples     []float64
		median, p95 float64
	}{
		{nil, 0, 0},
		{[]float64{7}, 7, 7},
		{[]float64{4, 1}, 2.5, 4},
		{[]float64{3, 1, 2}, 2, 3},
		{[]float64{20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 10.5, 19},
	} {
		if l := line("x", "ms", "", c.samples); l.Median != c.median || l.P95 != c.p95 || l.N != len(c.samples) || l.Value != c.median {
			t.Errorf("%v: median %v, p95 %v, n %d, value %v", c.samples, l.Median, l.P95, l.N, l.Value)
		}
	}
}

func TestALineIsHeldAgainstAimAndPeer(t *testing.T) {
	l := line(nameNode, "ms", "", []float64{26})
	if *l.Met || *l.Aim != 15 || *l.Peer != 13 || *l.Ratio != 2 {
		t.Errorf("%+v", l)
	}
	if l = l.judge(14.9); !*l.Met {
		t.Errorf("14.9 is under 15: %+v", l)
	}
	if l = l.judge(15); *l.Met {
		t.Errorf("15 is not under 15: %+v", l)
	}
	b, err := json.Marshal(line(nameFsync, "ms", "", []float64{1}))
	if err != nil || !strings.Contains(string(b), `"aim":null,"met":null,"peer":null,"ratio":null`) {
		t.Errorf("%s %v", b, err)
	}
}

func TestGoBenchmarksAreRead(t *testing.T) {
	out := "goos: linux\nBenchmarkOperation-2   \t     200\t     40405 ns/op\t    9000 B/op\nBenchmarkOperationOfAnother-2 1 5 ns/op\nBenchmarkOperation \t 1 2000000 ns/op\nPASS\n"
	got := nsPerOp(out, "BenchmarkOperation")
	if len(got) != 2 || got[0] != 0.040405 || got[1] != 2 {
		t.Errorf("%v", got)
	}
}

// A missed aim is no failure; what could not be measured is one, and what could be measured is written all the same.
func TestExitCodes(t *testing.T) {
	old := goals[nameFsync]
	defer func() { goals[nameFsync] = old }()
	goals[nameFsync] = goal{aim: 1e-9}
	out := filepath.Join(t.TempDir(), "deep", "bench.jsonl")
	t.Setenv("FENCED_TEST_BUILD", t.TempDir()) // empty: no daemon can be started
	for _, c := range []struct {
		only string
		code int
		text string
	}{
		{"^fsync$", 0, "MISSED"},
		{"^(fsync|operation-leader-acts)$", 1, "MISSED"},
		{"^nothing-of-this-name$", 1, "NAME"},
		{"(", 64, ""},
	} {
		var stdout, stderr bytes.Buffer
		code := bench([]string{"-quick", "-run", c.only, "-out", out}, &stdout, &stderr)
		if code != c.code || !strings.Contains(stdout.String(), c.text) {
			t.Errorf("-run %s: exit %d, want %d\n%s%s", c.only, code, c.code, stdout.String(), stderr.String())
		}
		if c.text != "MISSED" {
			continue
		}
		b, err := os.ReadFile(out)
		var l Line
		if err != nil || json.Unmarshal(b, &l) != nil || l.Name != nameFsync || l.N == 0 || l.Value <= 0 || *l.Met {
			t.Errorf("-run %s wrote %s %v", c.only, b, err)
		}
	}
}

// What is timed in the deciding code must have happened: a verdict, an admission, a victim.
func TestThePureMeasuresMeasureSomething(t *testing.T) {
	w, err := newWorld(5)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.tick(); err != nil {
		t.Error(err)
	}
	if err := w.live(); err != nil {
		t.Error(err)
	}
	if _, err := w.depart(); err != nil {
		t.Error(err)
	}
	if err := w.operation(); err != nil || w.s.Node(5).Last == nil || w.s.Node(5).PowerOn != nil {
		t.Errorf("no verdict, or no power: %v", err)
	}
	for _, kind := range kinds {
		if w.took[kind] == 0 {
			t.Errorf("%s was not timed", kind)
		}
	}
	if err := w.s.CheckIndex(); err != nil || len(w.took) != len(kinds) {
		t.Errorf("%d kinds, %v", len(w.took), err)
	}
}

// A measure that ends well and says nothing of one of its names is a mistake.
func TestEveryNameHasALine(t *testing.T) {
	r := &run{only: regexp.MustCompile("")}
	r.add(line(nameFsync, "ms", "", []float64{1}))
	r.add(line(nameTick+":5", "µs", "", []float64{1}))
	r.add(line(nameCold, "ms", "", nil))
	if err := r.gave([]string{nameFsync, nameTick}); err != nil {
		t.Error(err)
	}
	for _, n := range []string{nameCold, nameWarm} {
		if r.gave([]string{nameFsync, n}) == nil {
			t.Errorf("%s has no line with samples, and nobody minds", n)
		}
	}
}

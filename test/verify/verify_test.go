package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// checkout makes a tree with nothing in it but a list of allowed skips.
func checkout(t *testing.T, allow string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "test"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "test", "skips.allow"), []byte(allow), 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

func pass(context.Context, *Bench) error { return nil }

func fail(_ context.Context, b *Bench) error {
	_, _ = b.Log.Write([]byte("what the tool said\n"))
	return errors.New("broken")
}

func skipping(reason string) func(context.Context, *Bench) error {
	return func(_ context.Context, b *Bench) error {
		b.Skip("thing", reason)
		return nil
	}
}

// verify runs stages over root and returns exit code, output and report.
func verify(t *testing.T, root string, all []Stage, args ...string) (int, string, []Entry) {
	t.Helper()
	var out bytes.Buffer
	code := run(t.Context(), append([]string{"-root", root}, args...), &out, all)
	data, err := os.ReadFile(filepath.Join(root, "build", "verify.json"))
	if err != nil {
		return code, out.String(), nil
	}
	var es []Entry
	if err := json.Unmarshal(data, &es); err != nil {
		t.Fatal(err)
	}
	return code, out.String(), es
}

func TestEveryStageIsReported(t *testing.T) {
	t.Setenv("FENCED_TEST_REQUIRE", "")
	all := []Stage{
		{Name: "good", Budget: time.Minute, Do: pass},
		{Name: "bad", Budget: time.Minute, Do: fail},
		{Name: "after", Budget: time.Minute, Needs: []string{"bad"}, Do: pass},
		{Name: "odd", Budget: time.Minute, Do: skipping("no such tool")},
	}
	code, out, es := verify(t, checkout(t, ""), all)
	if code != exitFail {
		t.Errorf("exit code %d, want %d", code, exitFail)
	}
	want := map[string]string{"good": resultPass, "bad": resultFail, "after": resultBlocked, "odd": resultPass}
	if len(es) != len(want) {
		t.Fatalf("report has %d stages, want %d", len(es), len(want))
	}
	for _, e := range es {
		if e.Result != want[e.Stage] {
			t.Errorf("stage %s: %s, want %s", e.Stage, e.Result, want[e.Stage])
		}
		if e.Skips == nil {
			t.Errorf("stage %s: skips is null, not an empty list", e.Stage)
		}
	}
	for _, line := range []string{`good \d+\.\d pass`, `bad \d+\.\d fail`, `after 0\.0 blocked`, `SKIP thing: no such tool`, `  what the tool said`, `  bad: broken`} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(out) {
			t.Errorf("output lacks %q:\n%s", line, out)
		}
	}
}

func TestSkipIsAFailureInCI(t *testing.T) {
	all := []Stage{{Name: "odd", Budget: time.Minute, Do: skipping("no such tool")}}
	for _, c := range []struct {
		require, allow string
		want           int
	}{
		{"", "", exitOK},
		{"all", "", exitFail},
		{"all", "# why\nno such tool # until later\n", exitOK},
		{"all", "no such\n", exitFail}, // a part of a reason allows nothing
	} {
		t.Setenv("FENCED_TEST_REQUIRE", c.require)
		if code, out, _ := verify(t, checkout(t, c.allow), all); code != c.want {
			t.Errorf("require %q, allow %q: exit %d, want %d\n%s", c.require, c.allow, code, c.want, out)
		}
	}
}

// A stage over its budget is killed with everything it started, also what left its process group, and is named.
func TestOverBudgetIsKilled(t *testing.T) {
	hang := func(ctx context.Context, b *Bench) error {
		return b.sh(ctx, "sh", "-c", "setsid sleep 300 & sleep 300")
	}
	began := time.Now()
	code, out, es := verify(t, checkout(t, ""), []Stage{{Name: "hang", Budget: 3 * time.Second, Do: hang}})
	if code != exitFail || len(es) != 1 || es[0].Result != resultTimeout {
		t.Errorf("exit %d, report %+v, want a timeout", code, es)
	}
	if !strings.Contains(out, "left processes behind") || !strings.Contains(out, "sleep 300") {
		t.Errorf("what it left behind is not named:\n%s", out)
	}
	if d := time.Since(began); d > time.Minute {
		t.Errorf("took %s", d)
	}
}

func TestResumeOnlyOnTheSameSources(t *testing.T) {
	t.Setenv("FENCED_TEST_REQUIRE", "")
	runs := 0
	all := []Stage{{Name: "counted", Budget: time.Minute, Do: func(context.Context, *Bench) error { runs++; return nil }}}
	root := checkout(t, "")
	verify(t, root, all)
	if _, out, _ := verify(t, root, all, "-resume"); runs != 1 || !strings.Contains(out, "already") {
		t.Errorf("%d runs on the same sources, want 1:\n%s", runs, out)
	}
	t.Setenv("FENCED_TEST_REQUIRE", "all")
	if verify(t, root, all, "-resume"); runs != 2 {
		t.Errorf("a pass without FENCED_TEST_REQUIRE=all was taken for one with it")
	}
	if err := os.WriteFile(filepath.Join(root, "new.go"), []byte("package x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if verify(t, root, all, "-resume"); runs != 3 {
		t.Errorf("a pass on other sources was taken over")
	}
	if verify(t, root, all); runs != 4 {
		t.Errorf("a pass was taken over without -resume")
	}
}

// Whoever asks for twenty repetitions gets the time for them.
func TestBudgetGrowsWithTheWork(t *testing.T) {
	e2e, _ := find(stages(), "e2e")
	if once, often := e2e.budget(options{count: 1}), e2e.budget(options{count: 20}); once != e2e.Budget || often != 20*e2e.Budget {
		t.Errorf("budget %s once, %s for twenty times", once, often)
	}
	fuzz, _ := find(stages(), "fuzz")
	if short, long := fuzz.budget(options{fuzzTime: fuzzTime}), fuzz.budget(options{fuzzTime: time.Minute}); short != fuzz.Budget || long <= short {
		t.Errorf("budget %s for short fuzzing, %s for long", short, long)
	}
}

func TestChoose(t *testing.T) {
	all := stages()
	got, err := choose(all, []string{"demo", "vet"})
	if err != nil || strings.Join(names(got), " ") != "build vet demo" {
		t.Errorf("chose %v, %v; want what demo needs too, in the order of the list", names(got), err)
	}
	if _, err := choose(all, []string{"unti"}); err == nil {
		t.Error("a misspelt stage was accepted: nothing would have run")
	}
}

func TestStagesAreSound(t *testing.T) {
	seen := map[string]bool{}
	var sum time.Duration
	for _, s := range stages() {
		for _, n := range s.Needs {
			if !seen[n] {
				t.Errorf("stage %s needs %s, which does not run before it", s.Name, n)
			}
		}
		if seen[s.Name] || s.Budget <= 0 || s.Do == nil {
			t.Errorf("stage %q is twice there, without a budget or does nothing", s.Name)
		}
		seen[s.Name] = true
		sum += s.Budget
	}
	if sum > 2*totalBudget {
		t.Errorf("budgets add up to %s, far over the whole's %s", sum, totalBudget)
	}
}

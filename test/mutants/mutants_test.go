package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOutcomes breaks the small module in testdata in every way that the runner must tell apart: above all, a mutant that no test notices
// is SURVIVED, and nothing but a failed test is a kill.
func TestOutcomes(t *testing.T) {
	ps, errs := readPatches("testdata/patches")
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := map[string]struct {
		result Outcome
		text   string // part of By or Text
	}{
		"killed":    {ResultKilled, "TestQuorate"},
		"survived":  {ResultSurvived, ""},
		"stale":     {ResultStale, "no line"},
		"ambiguous": {ResultStale, "2 times"},
		"broken":    {ResultBroken, "cannot use have"},
		"hung":      {ResultError, "did not end"},
		"hangs":     {ResultKilled, "timeout"},
		"crashed":   {ResultError, "without a failed test"},
		"absent":    {ResultError, "no test that matches"},
		"unsound":   {ResultError, "does not pass without it"},
		"skipped":   {ResultError, "skipped here"},
	}
	root, said := copyOfModule(t), 0
	before := contents(t, root)
	b := &bench{root: root, jobs: 2, say: func(Result) { said++ }}
	results, err := b.prove(t.Context(), ps)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != len(want) || said != len(want) {
		t.Fatalf("%d results, %d told, want %d", len(results), said, len(want))
	}
	for i, r := range results {
		w, ok := want[r.Name]
		if !ok || r.Name != ps[i].Name || r.Result != w.result || !strings.Contains(r.By+r.Text, w.text) {
			t.Errorf("%s: want %s with %q", r.Line(), w.result, w.text)
		}
	}
	if got := contents(t, root); got != before {
		t.Error("the runner wrote into the checkout")
	}
	failures := judge(results)
	if len(failures) != len(want)-2 {
		t.Errorf("%d failures for two killed of %d: %v", len(failures), len(want), failures)
	}
}

// TestCanaryMustSurvive: a runner that calls everything killed is found out by a patch that breaks nothing.
func TestCanaryMustSurvive(t *testing.T) {
	for result, failures := range map[Outcome]int{ResultSurvived: 0, ResultKilled: 1, ResultStale: 1} {
		if got := judge([]Result{{Name: "c", Result: result, canary: true}}); len(got) != failures {
			t.Errorf("a canary that is %s: %v", result, got)
		}
	}
}

// TestResetIsOutOfReach: the environment and the places by which a mutant could come near a real reset.
func TestResetIsOutOfReach(t *testing.T) {
	t.Setenv("FENCED_ALLOW_RESET", "1")
	t.Setenv("FENCED_TEST_SLOW", "1")
	env := strings.Join(environment(), "\n")
	if strings.Contains(env, "ALLOW_RESET") || !strings.Contains(env, "FENCED_TEST_SLOW=1") {
		t.Errorf("environment of tests:\n%s", env)
	}
	for file, words := range map[string]string{
		"internal/reset/means_linux.go":           "real calls",
		"internal/daemon/../reset/means_linux.go": "real calls",
		"internal/reset/reset.go":                 "tests of its own package",
	} {
		_, err := parsePatch("x", header+"--- a/x\n+++ b/"+file+"\n@@ -1 +1 @@\n-a\n+b\n")
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

const header = "# rule: R\n# accident: a\n# test: ./fence -run ^T$\n"

func TestBadPatches(t *testing.T) {
	diff := func(file, body string) string { return "--- a/x\n+++ b/" + file + "\n@@ -1 +1 @@\n" + body }
	for name, c := range map[string]struct{ text, words string }{
		"good":             {header + diff("a.go", "-a\n+b\n"), ""},
		"no rule":          {"# accident: a\n# test: ./x -run y\n" + diff("a.go", "-a\n+b\n"), "must name rule"},
		"no test":          {"# rule: r\n# accident: a\n" + diff("a.go", "-a\n+b\n"), "must name rule"},
		"test without run": {"# rule: r\n# accident: a\n# test: ./x\n" + diff("a.go", "-a\n+b\n"), "PACKAGE -run"},
		"unknown word":     {header + "# tset: x\n" + diff("a.go", "-a\n+b\n"), "tset"},
		"no diff":          {header, "changes nothing"},
		"same lines":       {header + diff("a.go", "-a\n+a\n"), "changes nothing"},
		"no place":         {header + diff("a.go", "+b\n"), "no place"},
		"a test":           {header + diff("a_test.go", "-a\n+b\n"), "is a test"},
		"outside":          {header + diff("../a.go", "-a\n+b\n"), "no Go file of the tree"},
		"no Go file":       {header + diff("Makefile", "-a\n+b\n"), "no Go file of the tree"},
		"too much":         {header + diff("a.go", strings.Repeat("-a\n", 9)+"+b\n"), "changes 10 lines"},
		"noise":            {header + diff("a.go", "-a\n+b\nx\n"), "no line of a diff"},
	} {
		_, err := parsePatch("x", c.text)
		if (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v, want %q", name, err, c.words)
		}
	}
}

func copyOfModule(t *testing.T) string {
	root := filepath.Join(t.TempDir(), "checkout")
	if err := copyTree("testdata/module", root); err != nil {
		t.Fatal(err)
	}
	return root
}

// contents is every file of a tree, in order.
func contents(t *testing.T, root string) string {
	var b strings.Builder
	if err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(p)
		b.WriteString(p + "\n" + string(text))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

package proof

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree is a project with one of each: a scenario, a test with markers, a mutant.
func tree() map[string]string {
	rules := ""
	for i := 1; i <= 31; i++ {
		rules += "| R" + string(rune('0'+i/10)) + string(rune('0'+i%10)) + " | says | kept |\n"
	}
	rules = strings.ReplaceAll(rules, "| R0", "| R")
	return map[string]string{
		rulesFile:                 rules,
		idsFile:                   "# what is demanded\nS0.1 | A | B dies | C\nS0.2 | A | A dies | B\nS1.1 | a | b | c\n",
		openFile:                  "S1.1: not yet\n",
		"test/scenarios/S0.1.txt": "proves S0.1 R2\nnodes A B C\nstart\n",
		"fence/domain/a_test.go":  "package domain\n\n// TestA looks.\n// part of: S0.2\nfunc TestA(t *testing.T) {}\n\nfunc TestB(t *testing.T) {}\n",
		"test/e2e/a_test.go":      "package e2e\n\n// Whole.\n//\n// proves: S0.2, R3\nfunc TestE(t *testing.T) {}\n",
		"test/mutants/R1-x.patch": "# rule: R1, V4\n# accident: x\n# test: ./fence/domain -run ^TestB$\n",
		"test/mutants/R1-y.patch": "# rule: R1\n# accident: y\n# test: ./fence/domain -run ^TestB$\n",
	}
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestCollect(t *testing.T) {
	table, err := Collect(write(t, tree()))
	if err != nil {
		t.Fatal(err)
	}
	for id, open := range map[string]bool{"S0.1": false, "S0.2": false, "S1.1": true, "R1": false, "R2": false, "R3": false, "R4": true} {
		if table.Open(id) != open {
			t.Errorf("%s open: %v", id, !open)
		}
	}
	page := table.Markdown()
	for _, want := range []string{
		"| S0.1 | A | B dies | C | sim [S0.1](../test/scenarios/S0.1.txt) |",
		"| S0.2 | A | A dies | B | e2e [TestE](../test/e2e/a_test.go). Parts: unit [TestA](../fence/domain/a_test.go) |",
		"| S1.1 | a | b | c | **open**: not yet |",
		"| R1 | says | unit [TestB](../fence/domain/a_test.go) |",
		"| S1 | 1 | 0 | S1.1 |",
	} {
		if !strings.Contains(page, want+"\n") {
			t.Errorf("the page lacks %s", want)
		}
	}
}

// A part alone leaves a scenario open.
func TestAPartIsNoProof(t *testing.T) {
	files := tree()
	files["test/e2e/a_test.go"] = "package e2e\n"
	files[openFile] += "S0.2: only a part\n"
	table, err := Collect(write(t, files))
	if err != nil || !table.Open("S0.2") {
		t.Fatalf("%v", err)
	}
}

// What cannot be true is refused, with the place.
func TestWhatIsNotTrueIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ file, text, says string }{
		"marker above a helper":     {"x/a_test.go", "package x\n\n// proves: S0.1\nfunc help() {}\n", `x/a_test.go:3: "// proves: S0.1" stands above no test function`},
		"marker inside a test":      {"x/a_test.go", "package x\n\nfunc TestA(t *testing.T) {\n\t// proves: S0.1\n}\n", "x/a_test.go:4: "},
		"marker above TestMain":     {"x/a_test.go", "package x\n\n// proves: S0.1\nfunc TestMain(m *testing.M) {}\n", "stands above no test function"},
		"marker of a removed test":  {"x/a_test.go", "package x\n\n// proves: S0.1\n\nvar x int\n", "stands above no test function"},
		"id that nobody demands":    {"x/a_test.go", "package x\n\n// proves: S9.9\nfunc TestA(t *testing.T) {}\n", "x/a_test.go:3: nobody demands S9.9"},
		"twice":                     {"x/a_test.go", "package x\n\n// proves: S0.1, S0.1\nfunc TestA(t *testing.T) {}\n", "TestA is named twice for S0.1"},
		"file of another id":        {"test/scenarios/S0.2.txt", "proves S0.1\nnodes A B C\nstart\n", "S0.2.txt proves S0.1 first"},
		"bad scenario":              {"test/scenarios/S0.2.txt", "proves S0.2\nnodes A B C\nexplode\n", `S0.2.txt:3: unknown command "explode"`},
		"reason for what is proven": {openFile, "S0.1: no\nS1.1: not yet\n", "open.txt:1: S0.1 is proven by S0.1"},
		"reason for nothing":        {openFile, "S7.1: no\n", "open.txt:1: nobody demands S7.1"},
		"reason without a reason":   {openFile, "S1.1\n", "open.txt:1: wants id: why"},
		"id twice":                  {idsFile, "S0.1 | a | b | c\nS0.1 | a | b | c\n", "ids.txt:2: S0.1 stands here twice"},
		"id without a then":         {idsFile, "S0.1 | a | b\n", "ids.txt:1: wants id | given | when | then"},
	} {
		t.Run(name, func(t *testing.T) {
			files := tree()
			files[c.file] = c.text
			if _, err := Collect(write(t, files)); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %s", err, c.says)
			}
		})
	}
}

func TestFamilies(t *testing.T) {
	table, err := Collect(write(t, tree()))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"S0": 2, "S1": 1, "S0.2": 1, "R": 31, "R13": 1} {
		if ids, err := table.Of(name); err != nil || len(ids) != want {
			t.Errorf("%s: %v %v", name, ids, err)
		}
	}
	for _, name := range []string{"S", "S7", "R99", "", "s0"} {
		if ids, err := table.Of(name); err == nil {
			t.Errorf("%q: %v", name, ids)
		}
	}
	if !slices.Equal(table.IDs()[:3], []string{"S0.1", "S0.2", "S1.1"}) || len(slices.Collect(maps.Keys(table.Proofs))) == 0 {
		t.Errorf("%v", table.IDs())
	}
}

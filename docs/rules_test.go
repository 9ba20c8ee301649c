package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	ruleRow  = regexp.MustCompile(`(?m)^\| ([RV]\d+) \|[^|]*\|(.*)\|$`)
	ruleName = regexp.MustCompile(`\b[RV]\d{1,2}\b`)
	goFile   = regexp.MustCompile("`([^`]+\\.go)`")
)

// A file that the page names as the keeper of a rule names the rule itself: who changes it learns what depends on it.
func TestRulesAreKeptWhereThePageSays(t *testing.T) {
	rows := ruleRow.FindAllStringSubmatch(read(t, "docs/reference/rules.md"), -1)
	if len(rows) < 40 {
		t.Fatalf("found only %d rules", len(rows))
	}
	for _, row := range rows {
		for _, f := range goFile.FindAllStringSubmatch(row[2], -1) {
			if named := ruleName.FindAllString(read(t, f[1]), -1); !strings.Contains(" "+strings.Join(named, " ")+" ", " "+row[1]+" ") {
				t.Errorf("docs/reference/rules.md says that %s keeps %s; it does not name it", f[1], row[1])
			}
		}
	}
}

var (
	oneScenario  = regexp.MustCompile(`\bS\d\.\d+\b|\bR\d+-[a-z-]+\.txt\b`)
	oneInvariant = regexp.MustCompile(`\b(I[1-5]|V\d{1,2}|L\d)\b`)
	comments     = regexp.MustCompile(`(?m)(^//.*\n)+`)
)

// Whoever changes what keeps a rule finds beside its name a scenario that plays it and an invariant that it is for, and some mutant proves that a test
// guards it. No rule is excepted.
func TestEveryRuleNamesScenarioInvariantAndMutant(t *testing.T) {
	mutants := map[string]int{}
	patches, err := filepath.Glob(filepath.Join(root, "test/mutants/*.patch"))
	if err != nil || len(patches) < 100 {
		t.Fatalf("%d mutants: %v", len(patches), err)
	}
	for _, p := range patches {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(b), "\n")
		for _, r := range ruleName.FindAllString(head, -1) {
			mutants[r]++
		}
	}
	rules := 0
	for _, row := range ruleRow.FindAllStringSubmatch(read(t, "docs/reference/rules.md"), -1) {
		rule := row[1]
		if !strings.HasPrefix(rule, "R") {
			continue
		}
		if rules++; mutants[rule] == 0 {
			t.Errorf("no mutant breaks %s", rule)
		}
		said := false
		for _, f := range goFile.FindAllStringSubmatch(row[2], -1) {
			for _, c := range comments.FindAllString(read(t, f[1]), -1) {
				said = said || slices.Contains(ruleName.FindAllString(c, -1), rule) && oneScenario.MatchString(c) && oneInvariant.MatchString(c)
			}
		}
		if !said {
			t.Errorf("no comment in the files that keep %s names the rule, a scenario and an invariant", rule)
		}
	}
	if rules != 31 {
		t.Errorf("%d rules, SAFETY.md has 31", rules)
	}
}

// Every rule that the code names can be looked up.
func TestRulesNamedAreExplained(t *testing.T) {
	page := read(t, "docs/reference/rules.md")
	for _, rel := range sources(t) {
		for _, name := range ruleName.FindAllString(read(t, rel), -1) {
			if !strings.Contains(page, "| "+name+" |") && !strings.Contains(page, name+" (") {
				t.Errorf("%s names %s, which docs/reference/rules.md does not explain", rel, name)
			}
		}
	}
}

// sources lists the Go files of the pure rooms and of membership, which are the ones that name rules.
func sources(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, room := range []string{"fence", "membership", "residual", "internal", "plugins"} {
		err := filepath.WalkDir(filepath.Join(root, room), func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".pb.go") && !strings.Contains(path, "/testdata/") {
				rel, _ := filepath.Rel(root, path)
				found = append(found, rel)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 50 {
		t.Fatalf("found only %d sources", len(found))
	}
	return found
}

package docs

import (
	"os"
	"path/filepath"
	"regexp"
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

package proof

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	mutantRule = regexp.MustCompile(`(?m)^# rule: (.*)$`)
	mutantTest = regexp.MustCompile(`(?m)^# test: \./(\S+) .*-run \^?\(?(Test[A-Za-z0-9_]+)`)
	ruleName   = regexp.MustCompile(`\bR\d+`)
)

// mutants takes, for each rule, the tests that fail when it is broken. Scenarios are not proven by that: a mutant breaks one rule of many.
func (t *Table) mutants(root string) error {
	where := map[string]string{} // package and test, to file
	err := tests(root, func(path string, _ *token.FileSet, f *ast.File) error {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && isTest(fn) {
				where[filepath.ToSlash(filepath.Dir(path))+" "+fn.Name.Name] = path
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	patches, err := filepath.Glob(filepath.Join(root, "test/mutants/*.patch"))
	if err != nil || len(patches) == 0 {
		return fmt.Errorf("no mutants: %w", err)
	}
	for _, patch := range patches {
		data, err := os.ReadFile(patch)
		if err != nil {
			return err
		}
		rule, test := mutantRule.FindSubmatch(data), mutantTest.FindSubmatch(data)
		if rule == nil || test == nil {
			continue // test/mutants says what is wrong with it
		}
		pkg, name := strings.TrimSuffix(string(test[1]), "/..."), string(test[2])
		path := where[pkg+" "+name]
		if path == "" {
			continue // a pattern that names more than one test
		}
		for _, id := range slices.Compact(slices.Sorted(slices.Values(ruleName.FindAllString(string(rule[1]), -1)))) {
			t.count(id, Proof{Name: name, Path: path, Layer: layer(path), Mutants: 1})
		}
	}
	return nil
}

// count adds a mutant to the test that catches it.
func (t *Table) count(id string, p Proof) {
	if i := slices.IndexFunc(t.Proofs[id], func(o Proof) bool { return o.Name == p.Name && o.Path == p.Path && o.Mutants > 0 }); i >= 0 {
		t.Proofs[id][i].Mutants++
		return
	}
	t.Proofs[id] = append(t.Proofs[id], p)
}

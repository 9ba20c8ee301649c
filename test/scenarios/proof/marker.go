package proof

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/test/scenarios/script"
)

// files takes the scenarios of test/scenarios. A file is named by the first id that it proves, with a word behind it where there are several.
func (t *Table) files(root string) error {
	paths, err := filepath.Glob(filepath.Join(root, "test/scenarios/*.txt"))
	if err != nil {
		return err
	}
	n := 0
	for _, path := range paths {
		name := filepath.Base(path)
		if !strings.HasPrefix(name, "S") {
			continue
		}
		n++
		f, err := script.Read(path)
		if err != nil {
			return err
		}
		id, _, _ := strings.Cut(strings.TrimSuffix(name, ".txt"), "-")
		if all := append(slices.Clone(f.Proves), f.Parts...); all[0] != id {
			return fmt.Errorf("%s proves %s first: a file is named by what it proves", name, all[0])
		}
		p := Proof{Name: strings.TrimSuffix(name, ".txt"), Path: "test/scenarios/" + name}
		if err := t.addAll(name, p, f.Proves, f.Parts); err != nil {
			return err
		}
	}
	if n == 0 {
		return fmt.Errorf("no scenario file in test/scenarios")
	}
	return nil
}

func (t *Table) addAll(where string, p Proof, proves, parts []string) error {
	for _, id := range proves {
		if err := t.add(where, id, p); err != nil {
			return err
		}
	}
	p.Part = true
	for _, id := range parts {
		if err := t.add(where, id, p); err != nil {
			return err
		}
	}
	return nil
}

// marker is a line that says what the test below it proves.
var marker = regexp.MustCompile(`^// (proves|part of): (.*)$`)

var separator = regexp.MustCompile(`[,\s]+`)

// markers takes the markers of all tests. One that is not in the doc comment of a test function says nothing that could be checked: an error.
func (t *Table) markers(root string) error {
	return tests(root, func(path string, set *token.FileSet, f *ast.File) error {
		owner := map[*ast.CommentGroup]string{}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Doc != nil && isTest(fn) {
				owner[fn.Doc] = fn.Name.Name
			}
		}
		for _, group := range f.Comments {
			for _, c := range group.List {
				m := marker.FindStringSubmatch(c.Text)
				if m == nil {
					continue
				}
				where := fmt.Sprintf("%s:%d", path, set.Position(c.Pos()).Line)
				name := owner[group]
				if name == "" {
					return fmt.Errorf("%s: %q stands above no test function", where, c.Text)
				}
				ids := separator.Split(strings.TrimSpace(m[2]), -1)
				parts := ids
				if m[1] == "proves" {
					parts = nil
				} else {
					ids = nil
				}
				if err := t.addAll(where, Proof{Name: name, Path: path}, ids, parts); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// isTest reports whether go test runs a function as a test.
func isTest(f *ast.FuncDecl) bool {
	return f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") && f.Name.Name != "TestMain" && f.Type.Params.NumFields() == 1
}

// tests parses every test file below root.
func tests(root string, f func(path string, set *token.FileSet, file *ast.File) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel == "build" || strings.HasPrefix(d.Name(), ".") && rel != "." || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, rel, data, parser.ParseComments)
		if err != nil {
			return err
		}
		return f(rel, set, file)
	})
}

package client

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// Every code has one explanation, whole, in order; none explains a code that nothing can send.
func TestExplanations(t *testing.T) {
	codes := attentionCodes(t)
	if len(codes) < 20 {
		t.Fatalf("found only %d codes", len(codes))
	}
	var explained []string
	for _, e := range Explanations() {
		explained = append(explained, e.Code)
		for what, text := range map[string]string{"title": e.Title, "cause": e.Cause, "risk": e.Risk, "fix": e.Fix} {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s has no %s", e.Code, what)
			}
		}
	}
	if !slices.Equal(explained, codes) {
		t.Errorf("explained %v\ncodes     %v", explained, codes)
	}
	if !slices.IsSorted(codes) || len(slices.Compact(slices.Clone(codes))) != len(codes) {
		t.Errorf("codes are not in order, or one has two names: %v", codes)
	}
	if _, ok := Explain("E999"); ok {
		t.Error("E999 is explained")
	}
}

// attentionCodes reads the constants from the source, so that a new one cannot be forgotten.
func attentionCodes(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "attention.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Attention") {
			out = append(out, strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`))
		}
		return true
	})
	return out
}

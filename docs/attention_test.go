package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/client"
)

const attentionHead = `# Codes of attention

What ` + "`fenced status`" + ` lists under attention has a stable code: E wants a person now, W before it hurts. One code has one meaning for good.
` + "`fenced explain CODE`" + ` prints the same on any machine, without a daemon. This page is made from ` + "`client/explanations.go`" + ` (FENCED_UPDATE=1).

`

// The page is what the program says, word by word.
func TestAttentionCodes(t *testing.T) {
	var b strings.Builder
	b.WriteString(attentionHead)
	for _, e := range client.Explanations() {
		fmt.Fprintf(&b, "## %s: %s\n\n- **Cause**: %s\n- **Risk**: %s\n- **Fix**: %s\n\n", e.Code, e.Title, e.Cause, e.Risk, e.Fix)
	}
	want := strings.TrimSuffix(b.String(), "\n")
	page := filepath.Join(root, "docs/reference/attention.md")
	if os.Getenv("FENCED_UPDATE") != "" {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, "docs/reference/attention.md"); got != want {
		t.Error("docs/reference/attention.md is not what client.Explanations says: FENCED_UPDATE=1 go test ./docs")
	}
}

// A daemon names codes by their constants, so that no code gets a second meaning.
func TestAttentionByName(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "internal/daemon/*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	literal, named := regexp.MustCompile(`"[EW]\d{3}"`), regexp.MustCompile(`client\.(Attention[A-Z]\w+)`)
	uses := map[string]int{}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f) //nolint:gosec // the project's own source
		if err != nil {
			t.Fatal(err)
		}
		if m := literal.FindString(string(text)); m != "" {
			t.Errorf("%s writes %s: use its name from client/attention.go", f, m)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			uses[m[1]]++
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\t(Attention\w+) +=`).FindAllStringSubmatch(read(t, "client/attention.go"), -1) {
		if uses[m[1]] != 1 {
			t.Errorf("%s is used in %d places: a code has one meaning and one place that says it", m[1], uses[m[1]])
		}
	}
}

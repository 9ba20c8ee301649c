package docs

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/residual"
)

// The page has every probe with the class and the answer to a reset that the code declares, in the code's order, and no other (R25).
func TestProbes(t *testing.T) {
	page := read(t, "docs/reference/residual.md")
	at := 0
	for _, p := range residual.Probes() {
		resets := map[bool]string{true: "yes", false: "no"}[p.Reset]
		row := fmt.Sprintf("\n| `%s` | %s | %s |", p.Name, p.Class, resets)
		i := strings.Index(page[at:], row)
		if i < 0 {
			t.Errorf("docs/reference/residual.md lacks, in this order: %q", row)
			continue
		}
		at += i
	}
	if rows := regexp.MustCompile("(?m)^\\| `[a-z0-9]+` \\|").FindAllString(page, -1); len(rows) != len(residual.Probes()) {
		t.Errorf("%d probes on the page, %d in the code", len(rows), len(residual.Probes()))
	}
}

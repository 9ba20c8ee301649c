package docs

import (
	"regexp"
	"strings"
	"testing"
)

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```\n")

// The plugin that the tutorial shows is the one that `fenced plugin new` writes, and is as short as it is said to be. (test/foreign builds it and
// does everything else that the page says.)
func TestTutorialShowsThePluginThatIsWritten(t *testing.T) {
	m := goBlock.FindStringSubmatch(read(t, "docs/tutorial/write-a-plugin.md"))
	if m == nil {
		t.Fatal("docs/tutorial/write-a-plugin.md has no Go code")
	}
	if m[1] != read(t, "internal/cli/skeleton/main.go.txt") {
		t.Error("docs/tutorial/write-a-plugin.md shows another plugin than internal/cli/skeleton/main.go.txt")
	}
	if n := strings.Count(m[1], "\n"); n >= 100 {
		t.Errorf("the plugin of the tutorial has %d lines, fewer than 100 are promised", n)
	}
}

package docs

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```\n")

// The plugin that the how-to shows compiles against the SDK as it is.
func TestExamplePluginCompiles(t *testing.T) {
	m := goBlock.FindStringSubmatch(read(t, "docs/howto/write-a-plugin.md"))
	if m == nil {
		t.Fatal("docs/howto/write-a-plugin.md has no Go code")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(m[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(absolute, "plugins", "strip", "main.go"): source}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-overlay", file, "-o", filepath.Join(dir, "strip"), "./plugins/strip")
	cmd.Dir = absolute
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the example does not compile: %v\n%s", err, out)
	}
}

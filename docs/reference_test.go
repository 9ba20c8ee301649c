package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/client"
)

// The table of exit codes is the code's, number by number and word by word.
func TestExitCodes(t *testing.T) {
	text := read(t, "docs/reference/exit-codes.md")
	for _, c := range client.Codes() {
		if row := fmt.Sprintf("| %d | %s |", int(c), c); !strings.Contains(text, row) {
			t.Errorf("docs/reference/exit-codes.md lacks %q", row)
		}
	}
	rows := regexp.MustCompile(`(?m)^\| \d+ \|`).FindAllString(text, -1)
	if len(rows) != len(client.Codes()) {
		t.Errorf("docs/reference/exit-codes.md has %d codes, the code has %d", len(rows), len(client.Codes()))
	}
}

// Every event word that a daemon can send is explained, and none that it cannot.
func TestEvents(t *testing.T) {
	text := read(t, "docs/reference/events.md")
	words := constants(t, "client/event.go", "Event")
	if len(words) < 10 {
		t.Fatalf("found only %d event words", len(words))
	}
	for word := range words {
		if !strings.Contains(text, "| `"+word+"` |") {
			t.Errorf("docs/reference/events.md does not explain %q", word)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(text, -1) {
		if !words[m[1]] {
			t.Errorf("docs/reference/events.md explains %q, which nothing sends", m[1])
		}
	}
}

// constants returns the values of the string constants of a file whose names begin with prefix.
func constants(t *testing.T, rel, prefix string) map[string]bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, rel), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) == 0 || !strings.HasPrefix(spec.Names[0].Name, prefix) {
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			word, _ := strconv.Unquote(lit.Value)
			found[word] = true
		}
		return true
	})
	return found
}

// Every method, message and field of the wire is in the reference.
func TestPluginProtocol(t *testing.T) {
	proto := read(t, "plugins/proto/plugin.proto")
	text := read(t, "docs/reference/plugin-protocol.md")
	names := regexp.MustCompile(`(?m)^\s+rpc (\w+)|^message (\w+)|^\s+(?:repeated )?(?:[\w.]+|map<[\w, ]+>) (\w+) = \d+;|\{ \w+ (\w+) = \d+; \}`)
	n := 0
	for _, m := range names.FindAllStringSubmatch(proto, -1) {
		name := m[1] + m[2] + m[3] + m[4]
		if n++; !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/reference/plugin-protocol.md does not explain %s", name)
		}
	}
	if n < 40 {
		t.Fatalf("found only %d names in the proto", n)
	}
}

// Every key of the sample configuration is in the reference.
func TestConfigurationKeys(t *testing.T) {
	text := read(t, "docs/reference/configuration.md")
	sample := regexp.MustCompile(`(?s)nodes:\n.*?\n# Devices`).ReplaceAllString(read(t, "configs/fenced.yaml"), "") // names of nodes are no keys
	n := 0
	for _, m := range regexp.MustCompile(`(?m)^(?:[ ]*#?[ ]{0,4}|#   )([a-z_0-9]+)(?::|  +\S)`).FindAllStringSubmatch(sample, -1) {
		key := m[1]
		if strings.HasPrefix(key, "bmc") || strings.HasPrefix(key, "pdu") || key == "community_file" {
			continue // names and options of the example's devices
		}
		if n++; !strings.Contains(text, "`"+key+"`") {
			t.Errorf("docs/reference/configuration.md does not explain %q", key)
		}
	}
	if n < 30 {
		t.Fatalf("found only %d keys in the sample", n)
	}
}

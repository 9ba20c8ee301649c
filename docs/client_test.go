package docs

import (
	"slices"
	"strings"
	"testing"
)

// What the how-to shows of a program is part of the example that is run, line by line and in its order.
func TestExampleClientIsTheOneThatIsRun(t *testing.T) {
	m := goBlock.FindStringSubmatch(read(t, "docs/howto/use-from-a-program.md"))
	if m == nil {
		t.Fatal("docs/howto/use-from-a-program.md has no Go code")
	}
	if !strings.Contains(read(t, "client/example_session_test.go"), m[1]) {
		t.Error("docs/howto/use-from-a-program.md shows something else than client/example_session_test.go does")
	}
}

// Every word and field of the stream is in the reference, and every word there is one of the stream.
func TestStreamOfClients(t *testing.T) {
	text := read(t, "docs/reference/clients.md")
	words := constants(t, "client/notice.go", "Notice")
	if len(words) != 8 {
		t.Fatalf("found %d words", len(words))
	}
	for word := range words {
		if !strings.Contains(text, "| `"+word+"` |") {
			t.Errorf("docs/reference/clients.md does not explain %q", word)
		}
	}
	var fields []string
	for _, line := range strings.Split(read(t, "client/notice.go"), "\n") {
		if _, tag, ok := strings.Cut(line, "`json:\""); ok {
			name, _, _ := strings.Cut(strings.Trim(tag, "\"`"), ",")
			fields = append(fields, strings.Trim(name, "\"`"))
		}
	}
	slices.Sort(fields)
	if fields = slices.Compact(fields); len(fields) < 15 {
		t.Fatalf("found only the fields %v", fields)
	}
	for _, f := range fields {
		if !strings.Contains(text, "`"+f+"`") {
			t.Errorf("docs/reference/clients.md does not explain %q", f)
		}
	}
}

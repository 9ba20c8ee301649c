// Package docs holds the documents, and the tests that keep them true: no dead link, no file named that is not there, nothing of a
// reference missing. Start reading at README.md.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = ".."

// documents lists every Markdown file of the project, relative to the root.
func documents(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() && (rel == "build" || rel == ".git" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(rel, ".md") {
			found = append(found, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 5 {
		t.Fatalf("found only %d documents", len(found))
	}
	return found
}

func read(t *testing.T, rel string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, rel))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var (
	fenced   = regexp.MustCompile("(?ms)^```.*?^```\n")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notWord  = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
	fileName = regexp.MustCompile("`((?:[a-zA-Z0-9_.-]+/)+[a-zA-Z0-9_.-]+\\.(?:go|md|txt|proto|yaml|yml|sh|service|allow))`")
)

// anchors are the names under which a document's headings can be linked to.
func anchors(text string) []string {
	var names []string
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		name := strings.ToLower(strings.ReplaceAll(m[1], "`", ""))
		names = append(names, strings.ReplaceAll(notWord.ReplaceAllString(name, ""), " ", "-"))
	}
	return names
}

// deadLinks returns the relative links of a document that lead nowhere.
func deadLinks(text, rel string, have func(path string) (string, bool)) []string {
	var dead []string
	for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		to := m[1]
		if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
			continue
		}
		path, anchor, _ := strings.Cut(to, "#")
		target := rel
		if path != "" {
			target = filepath.Join(filepath.Dir(rel), path)
		}
		body, ok := have(target)
		if !ok || (anchor != "" && !slices.Contains(anchors(body), anchor)) {
			dead = append(dead, to)
		}
	}
	return dead
}

func onDisk(path string) (string, bool) {
	data, err := os.ReadFile(filepath.Join(root, path))
	if err == nil {
		return string(data), true
	}
	info, err := os.Stat(filepath.Join(root, path))
	return "", err == nil && info.IsDir()
}

func TestLinks(t *testing.T) {
	for _, rel := range documents(t) {
		for _, dead := range deadLinks(read(t, rel), rel, onDisk) {
			t.Errorf("%s links to %s, which is not there", rel, dead)
		}
	}
}

func TestDeadLinksAreFound(t *testing.T) {
	have := func(path string) (string, bool) { return "# One thing\n", path == "docs/a.md" || path == "docs/b.md" }
	text := "[ok](b.md) [ok](#one-thing) [ok](b.md#one-thing) [ok](https://x.y) [dead](c.md) [dead](b.md#two) [dead](../a.md)\n```\n[code](d.md)\n```\n"
	want := []string{"c.md", "b.md#two", "../a.md"}
	if got := deadLinks(text, "docs/a.md", have); !slices.Equal(got, want) {
		t.Errorf("dead links %q, want %q", got, want)
	}
}

// A path in `code` that looks like a file of ours must be one: an account of the code that has moved on is worse than none.
func TestFilesNamedExist(t *testing.T) {
	for _, rel := range documents(t) {
		if rel == "CHANGELOG.md" {
			continue // tells of the past
		}
		for _, m := range fileName.FindAllStringSubmatch(read(t, rel), -1) {
			if strings.HasPrefix(m[1], "build/") {
				continue // made
			}
			if _, ok := onDisk(m[1]); !ok {
				t.Errorf("%s names %s, which is not there", rel, m[1])
			}
		}
	}
}

// Every document below docs can be reached from its map.
func TestMapIsWhole(t *testing.T) {
	seen := map[string]bool{}
	todo := []string{"docs/README.md"}
	for len(todo) > 0 {
		rel := todo[0]
		todo = todo[1:]
		if seen[rel] {
			continue
		}
		seen[rel] = true
		for _, m := range link.FindAllStringSubmatch(read(t, rel), -1) {
			path, _, _ := strings.Cut(m[1], "#")
			if strings.HasSuffix(path, ".md") && !strings.Contains(path, "://") {
				todo = append(todo, filepath.Join(filepath.Dir(rel), path))
			}
		}
	}
	for _, rel := range documents(t) {
		if strings.HasPrefix(rel, "docs/") && !seen[rel] {
			t.Errorf("nobody finds %s: no way leads there from docs/README.md", rel)
		}
	}
}

// README is for somebody who has a minute.
func TestReadmeIsShort(t *testing.T) {
	if n := strings.Count(read(t, "README.md"), "\n"); n >= 100 {
		t.Errorf("README.md has %d lines, fewer than 100 are promised", n)
	}
}

// Every room that is there has its row in ARCHITECTURE.md.
func TestEveryRoomIsShown(t *testing.T) {
	text := read(t, "ARCHITECTURE.md")
	n := 0
	for _, m := range regexp.MustCompile(`(?m)^room (\S+)`).FindAllStringSubmatch(read(t, "test/layers.txt"), -1) {
		room := m[1]
		if _, there := onDisk(room); !there || strings.Contains(room, "*") || room == "docs" || room == "internal/keep" {
			continue
		}
		if n++; !strings.Contains(text, "`"+room+"`") {
			t.Errorf("ARCHITECTURE.md does not show %s", room)
		}
	}
	if n < 20 {
		t.Fatalf("found only %d rooms", n)
	}
}

package product

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tree is a module with the places that a product is built of, and nothing of the product: seconds instead of minutes.
func tree(t *testing.T) Source {
	t.Helper()
	s := Source{Root: t.TempDir()}
	s.write(t, "go.mod", "module example.test/m\n\ngo 1.26\n")
	for _, dir := range []string{"cmd/fenced", "cmd/fenced-watchdog", "cmd/fenced-dev", "plugins/one"} {
		s.write(t, dir+"/main.go", "package main\n\nvar says = \"first\"\n\nfunc main() { println(says) }\n")
	}
	s.write(t, "plugins/sdk/sdk.go", "package sdk\n")
	return s
}

func (s Source) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.Root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (s Source) built(t *testing.T) string {
	t.Helper()
	dir, err := s.Build()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func says(t *testing.T, dir, program string) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(dir, program)).CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// The same sources are one build; other sources, or other variables, are another, beside the first.
func TestEachSourceHasItsBuild(t *testing.T) {
	s := tree(t)
	first := s.built(t)
	st, err := os.Stat(filepath.Join(first, "fenced"))
	if err != nil {
		t.Fatal(err)
	}
	if again := s.built(t); again != first {
		t.Errorf("the same sources are in %s and in %s", first, again)
	}
	if now, err := os.Stat(filepath.Join(first, "fenced")); err != nil || !now.ModTime().Equal(st.ModTime()) {
		t.Errorf("what is current was written again: %v", err)
	}
	s.write(t, "plugins/one/main.go", "package main\n\nfunc main() { println(\"second\") }\n")
	second := s.built(t)
	s.Vars = map[string]string{"main.says": "a third thing"}
	third := s.built(t)
	if first == second || second == third {
		t.Fatalf("%s, %s, %s", first, second, third)
	}
	for _, want := range [][3]string{{first, "plugins/fenced-plugin-one", "first"}, {second, "plugins/fenced-plugin-one", "second"}, {second, "fenced", "first"}, {third, "fenced", "a third thing"}, {third, "fenced-dev", "a third thing"}} {
		if got := says(t, want[0], want[1]); got != want[2] {
			t.Errorf("%s in %s says %q, want %q", want[1], want[0], got, want[2])
		}
	}
	if _, err := os.Stat(filepath.Join(first, "plugins", "fenced-plugin-sdk")); err == nil {
		t.Error("what is no program was built")
	}
}

func TestADaemonOfAnotherSource(t *testing.T) {
	s := tree(t)
	t.Setenv(EnvBuild, s.built(t))
	s.Vars = map[string]string{"main.says": "another"}
	dir := t.TempDir()
	if err := s.Daemon(dir); err != nil {
		t.Fatal(err)
	}
	if d, p := says(t, dir, "fenced"), says(t, dir, "plugins/fenced-plugin-one"); d != "another" || p != "first" {
		t.Errorf("the daemon says %q, the plugin %q", d, p)
	}
}

func TestOldBuildsGo(t *testing.T) {
	s := tree(t)
	first := s.built(t)
	old := time.Now().Add(-2 * keepUnused)
	if err := os.Chtimes(first, old, old); err != nil {
		t.Fatal(err)
	}
	s.write(t, "cmd/fenced/main.go", "package main\n\nfunc main() {}\n")
	second := s.built(t)
	if _, err := os.Stat(first); !os.IsNotExist(err) {
		t.Errorf("a build of two days ago is there: %v", err)
	}
	if again := s.built(t); again != second {
		t.Error("the present build went")
	}
}

func TestBuildErrorsNameTheirCause(t *testing.T) {
	s := tree(t)
	s.write(t, "cmd/fenced/main.go", "package main\n\nfunc main() { nonsense }\n")
	if _, err := s.Build(); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("%v", err)
	}
	if _, err := (Source{Root: t.TempDir()}).Build(); err == nil || !strings.Contains(err.Error(), "go.mod") {
		t.Errorf("%v", err)
	}
}

// A directory that is named is taken as it is, and a copy of it is a copy.
func TestNamedBuild(t *testing.T) {
	made := t.TempDir()
	for _, f := range []string{"fenced", "fenced-watchdog", "fenced-dev", "plugins/fenced-plugin-x"} {
		(Source{Root: made}).write(t, f, f)
	}
	t.Setenv(EnvBuild, made)
	if dir, err := Dir(); err != nil || dir != made {
		t.Errorf("%s %v", dir, err)
	}
	to := t.TempDir()
	if err := Copy(to); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "plugins/fenced-plugin-x"), []byte("spoiled"), 0o755); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(made, "plugins/fenced-plugin-x")); err != nil || string(b) != "plugins/fenced-plugin-x" {
		t.Errorf("the original says %q %v", b, err)
	}
}

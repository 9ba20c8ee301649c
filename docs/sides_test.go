package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/test/scenarios/proof"
)

// The page of both memberships says what is true now; what differs between them has a reason, and no reason is left of what does not.
func TestTheMembershipsSideBySide(t *testing.T) {
	table, err := proof.Collect(root)
	if err != nil {
		t.Fatal(err)
	}
	want, err := table.SidesMarkdown(root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, proof.SidesPage))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not current (go run ./test/scenarios/list --write)", proof.SidesPage)
	}
}

// A difference that nobody explains is told, and so is an explanation of none.
func TestADifferenceOfTheMembershipsNeedsAReason(t *testing.T) {
	table, err := proof.Collect(root)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(root, "test/scenarios/sides.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"does not say why": strings.Replace(string(data), "\nS5.4: ", "\n# S5.4: ", 1),
		"nothing differs":  string(data) + "\nS1.14: for no reason\n",
		"no cluster lives": string(data) + "\nS0.4: for no reason\n",
		"wants id: why":    string(data) + "\nS9.99: for no reason\n",
	} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "test/scenarios"), 0o755); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(root, "test/scenarios/*.txt"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Base(f) == "sides.txt" {
				b = []byte(text)
			}
			if err := os.WriteFile(filepath.Join(dir, "test/scenarios", filepath.Base(f)), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := table.Sides(dir); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want an error that says %q", err, what)
		}
	}
}

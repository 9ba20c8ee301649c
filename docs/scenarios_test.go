package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/test/scenarios/proof"
)

// The page says what is true now: who proves what, and what is open. FENCED_UPDATE=1 writes it.
func TestThePageIsCurrent(t *testing.T) {
	table, err := proof.Collect(root)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, proof.Page)
	want := table.Markdown()
	if os.Getenv("FENCED_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		have := strings.Split(string(got), "\n")
		for i, l := range strings.Split(want, "\n") {
			if i >= len(have) || have[i] != l {
				t.Fatalf("%s is not current (go run ./test/scenarios/list --write), line %d should be\n%s", proof.Page, i+1, l)
			}
		}
		t.Fatalf("%s has more than it should (go run ./test/scenarios/list --write)", proof.Page)
	}
}

// Every open scenario says why.
func TestWhatIsOpenSaysWhy(t *testing.T) {
	table, err := proof.Collect(root)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(table.IDs()); n < 83+31 {
		t.Errorf("only %d ids are demanded", n)
	}
	for _, id := range table.IDs() {
		if table.Open(id) && table.Why[id] == "" {
			t.Errorf("nothing proves %s, and test/scenarios/open.txt does not say why", id)
		}
	}
}

package scenarios

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/test/scenarios/script"
)

// TestScenarios plays every file of this directory: its expectations, the simulator's checkers and its log must hold with every seed.
// FENCED_UPDATE=1 writes the logs anew; whoever does so reads them against the "then" of the scenario.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("[RS]*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenario files: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(path, ".txt"), func(t *testing.T) {
			t.Parallel()
			f, err := script.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			var trace func(string)
			if os.Getenv("FENCED_SEED") != "" || testing.Verbose() && os.Getenv("FENCED_TRACE") != "" {
				trace = func(l string) { t.Log(l) }
			}
			got, err := f.Play(trace)
			if err != nil {
				t.Fatalf("%v\n%s", err, got)
			}
			if os.Getenv("FENCED_UPDATE") != "" {
				if err := script.Update(path, got); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := script.Difference(f.Log, got); d != "" {
				t.Errorf("%s gives another log (FENCED_UPDATE=1 writes it anew, if that is right):\n%s", path, d)
			}
		})
	}
}

package main

import "testing"

// Only the go command's own lateness is no finding.
func TestEndedLate(t *testing.T) {
	t.Parallel()
	const late = "fuzz: elapsed: 10m0s, execs: 14832216 (0/sec), new interesting: 0 (total: 18)\n--- FAIL: FuzzRecord (600.07s)\n    context deadline exceeded\nFAIL\nexit status 1\n"
	for name, c := range map[string]struct {
		out  string
		late bool
	}{
		"late":          {late, true},
		"passed":        {"PASS\nok  	x	1s\n", false},
		"a finding":     {"--- FAIL: FuzzX (0.01s)\n    --- FAIL: FuzzX (0.00s)\n        x_test.go:9: bad\n    \n    Failing input written to testdata/fuzz/FuzzX/1\nFAIL\n", false},
		"late and more": {late + "    Failing input written to testdata/fuzz/FuzzX/1\n", false},
		"a test's own":  {"--- FAIL: FuzzX (0.01s)\n    x_test.go:9: context deadline exceeded\nFAIL\n", false},
		"a panic":       {"panic: boom\n" + late, false},
		"build":         {"FAIL	x [build failed]\n", false},
	} {
		if got := endedLate(c.out); got != c.late {
			t.Errorf("%s: %t", name, got)
		}
	}
}

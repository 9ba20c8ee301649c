package cli

import "testing"

func TestSeedRanges(t *testing.T) {
	for s, want := range map[string]bool{"0..9": true, "5..5": true, "9..0": false, "x": false, "1..": false, "..3": false, "0..99999999999": false, "-1..3": false} {
		var o SimRun
		if err := parseSeeds(s, &o); (err == nil) != want {
			t.Errorf("%q: %v", s, err)
		}
	}
}

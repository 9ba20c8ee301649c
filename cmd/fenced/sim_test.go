package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/cli"
)

func TestSimCountsWhatItDid(t *testing.T) {
	r, err := simulate(t.Context(), cli.SimRun{From: 3, To: 12, Nodes: 3, Minutes: 2, Hash: true}, func(string) {})
	if err != nil || !r.Holds {
		t.Fatal(err, r.Text)
	}
	s, ok := r.Document.(simSummary)
	if !ok || s.Seeds != 10 || len(s.Hashes) != 10 || s.Hashes[0].Seed != 3 || s.SimulatedHours < 10*2/60.0 || s.Events == 0 || s.Violations != 0 || s.Failing == nil {
		t.Fatalf("%+v", s)
	}
}

func TestSimRefusesTheImpossible(t *testing.T) {
	for words, o := range map[string]cli.SimRun{
		"3 to 64":       {Nodes: 2, Minutes: 1},
		"1 and 1440":    {Nodes: 3},
		"no fault kind": {Nodes: 3, Minutes: 1, Without: []string{"weather"}},
	} {
		_, err := simulate(t.Context(), o, func(string) {})
		var coded *client.Error
		if !errors.As(err, &coded) || coded.Code != client.CodeUsage || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want a usage error with %q", err, words)
		}
	}
}

func TestSimTellsOneSeed(t *testing.T) {
	lines := 0
	if _, err := simulate(t.Context(), cli.SimRun{From: 1, To: 1, Nodes: 3, Minutes: 1, Verbose: true}, func(string) { lines++ }); err != nil || lines < 10 {
		t.Fatal(err, lines)
	}
}

package lab

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fenced-project/fenced/client"
)

// A scenario on a cluster that another one used sees nothing of what was said, written and switched there; check-log sees all of it.
func TestAScenarioBeginsWithNothing(t *testing.T) {
	l := &Lab{dir: t.TempDir(), before: map[string]int{}}
	a := &Machine{ID: 1, lab: l, switched: []Switching{{On: false}}}
	l.Machines = []*Machine{a}
	must(t, os.MkdirAll(a.Share(), 0o755))
	say := func(name, line string) {
		f, err := os.OpenFile(filepath.Join(a.Share(), name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		must(t, err)
		_, err = f.WriteString(line + "\n")
		must(t, err)
		must(t, f.Close())
	}
	verdict := `{"api":"fenced/v1","seq":1,"event":"verdict","node":"node-1","incarnation":"x","index":5}`
	say("events.x.jsonl", verdict)
	say("writes.x.jsonl", `{"event":"write","node":"node-1","incarnation":"x","block":1,"seq":1,"at":"2026-01-01T00:00:00.000Z"}`)
	if e, err := l.Events(a, client.EventVerdict, a); err != nil || len(e) != 1 || a.Written("x") != 1 || a.Offs() != 1 {
		t.Fatalf("%v, %v, %d, %d", e, err, a.Written("x"), a.Offs())
	}
	must(t, l.Begin())
	if e, err := l.Events(a, "", a); err != nil || len(e) != 0 || a.Written("x") != 0 || a.Offs() != 0 {
		t.Errorf("what was before is told: %v, %v, %d, %d", e, err, a.Written("x"), a.Offs())
	}
	say("events.x.jsonl", verdict)
	if e, err := l.Events(a, client.EventVerdict, a); err != nil || len(e) != 1 {
		t.Errorf("what is new is not told: %v, %v", e, err)
	}
	if all, err := l.lines("events.*.jsonl"); err != nil || len(all) != 2 {
		t.Errorf("check-log would see %d lines (%v)", len(all), err)
	}
}

package checklog

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// good is a whole fence as two survivors saw it, with what the disk saw.
const good = `{"api":"fenced/v1","by":"a","stream":"s","seq":1,"index":1,"at":"2026-01-01T00:00:00.000Z","event":"view","members":["a","b","c"],"quorate":true}
{"api":"fenced/v1","event":"write","node":"c","incarnation":"c1","block":7,"seq":1,"at":"2026-01-01T00:00:01.000Z"}
{"api":"fenced/v1","by":"a","stream":"s","seq":2,"index":5,"at":"2026-01-01T00:00:02.000Z","event":"view","members":["a","b"],"quorate":true}
{"api":"fenced/v1","by":"a","stream":"s","seq":3,"index":5,"at":"2026-01-01T00:00:02.001Z","event":"victim","node":"c","incarnation":"c1","cause":"failed"}
{"api":"fenced/v1","by":"a","stream":"s","seq":4,"index":6,"at":"2026-01-01T00:00:02.002Z","event":"claim","node":"c","incarnation":"c1","claim":1,"actor":"a"}
{"event":"power","node":"c","action":"off","at":"2026-01-01T00:00:02.050Z"}
{"api":"fenced/v1","by":"a","stream":"s","seq":5,"index":7,"at":"2026-01-01T00:00:02.200Z","event":"verdict","node":"c","incarnation":"c1","claim":1,"actor":"a","verdict":"reset","evidence":{"kind":"power-off-read","read_index":6}}
{"api":"fenced/v1","by":"a","stream":"s","seq":6,"index":7,"at":"2026-01-01T00:00:02.201Z","event":"release","node":"c","incarnation":"c1"}
{"api":"fenced/v1","by":"b","stream":"t","seq":1,"index":5,"at":"2026-01-01T00:00:02.001Z","event":"victim","node":"c","incarnation":"c1","cause":"failed"}
{"api":"fenced/v1","by":"b","stream":"t","seq":2,"index":7,"at":"2026-01-01T00:00:02.202Z","event":"verdict","node":"c","incarnation":"c1","claim":1,"actor":"a","verdict":"reset","evidence":{"kind":"power-off-read","read_index":6}}
{"api":"fenced/v1","by":"b","stream":"t","seq":3,"index":7,"at":"2026-01-01T00:00:02.210Z","event":"release","node":"c","incarnation":"c1"}
`

// was is a committed event as node a saw it, granted a grant on a node that had applied index.
func was(event, node string, index int) string {
	return fmt.Sprintf(`{"api":"fenced/v1","by":"a","stream":"s","index":%d,"at":"2026-01-01T00:00:09.000Z","event":%q,"node":%q}`+"\n", index, event, node)
}

func granted(by, stream string, index int) string {
	return fmt.Sprintf(`{"api":"fenced/v1","by":%q,"stream":%q,"index":%d,"at":"2026-01-01T00:00:09.000Z","event":"granted","node":%q,"client":"db"}`+"\n", by, stream, index, by)
}

// claimed is a claim on node c, drilled a step of a drill of it; claim 0 names none.
func claimed(actor string, claim int) string {
	return fmt.Sprintf(`{"api":"fenced/v1","by":"a","stream":"s","index":9,"at":"2026-01-01T00:00:09.000Z","event":"claim","node":"c","incarnation":"c2","claim":%d,"actor":%q}`+"\n", claim, actor)
}

func drilled(step string, claim int) string {
	return fmt.Sprintf(`{"api":"fenced/v1","by":"a","stream":"s","index":9,"at":"2026-01-01T00:00:09.000Z","event":"drill","node":"c","incarnation":"c2","action":"drill","result":%q,"claim":%d}`+"\n", step, claim)
}

func check(t *testing.T, log string) Report {
	t.Helper()
	lines, torn, err := Read("log", strings.NewReader(log))
	if err != nil || torn {
		t.Fatal(err, torn)
	}
	return Check(lines, Options{})
}

// R18: a life that was cut off may get a stronger verdict, and no second cut; what its ports read before it was a victim proves nothing; an opening
// ends the claim that it was done under.
func TestCuts(t *testing.T) {
	cut := strings.ReplaceAll(strings.ReplaceAll(good, `"verdict":"reset"`, `"verdict":"cut"`), "power-off-read", "storage-cut-read")
	again := func(verdict string) string {
		return `{"api":"fenced/v1","by":"a","stream":"s","index":9,"at":"2026-01-01T00:00:04.000Z","event":"verdict","node":"c","incarnation":"c1","verdict":"` + verdict + `","evidence":{"kind":"power-off-read","read_index":8}}` + "\n"
	}
	opened := `{"api":"fenced/v1","by":"a","stream":"s","index":9,"at":"2026-01-01T00:00:09.000Z","event":"unfence","node":"c","incarnation":"c2","result":"on","claim":2}` + "\n"
	for _, c := range []struct{ name, log, invariant string }{
		{"a cut", cut, ""},
		{"a reset of what was cut", cut + again("reset"), ""},
		{"a second cut", cut + again("cut"), "V8"},
		{"a cut of what was reset", good + again("cut"), "V8"},
		{"ports that were read too early", strings.ReplaceAll(cut, `"read_index":6`, `"read_index":4`), "V1"},
		{"a claim behind an opening", cut + claimed("a", 2) + opened + claimed("a", 3), ""},
		{"a claim beside an opening", cut + claimed("a", 2) + claimed("a", 3), "I5"},
	} {
		r := check(t, c.log)
		if c.invariant == "" && len(r.Violations) > 0 || c.invariant != "" && (len(r.Violations) == 0 || r.Violations[0].Invariant != c.invariant) {
			t.Errorf("%s: %v", c.name, r.Violations)
		}
	}
}

func TestAGoodLogIsAccepted(t *testing.T) {
	r := check(t, good)
	if len(r.Violations) != 0 {
		t.Fatal(r.Violations)
	}
	if r.Victims != 1 || r.Verdicts != 1 || r.Releases != 2 || r.Writes != 1 || r.PowerOffs["c"] != 1 || fmt.Sprint(r.Nodes) != "[a b]" {
		t.Fatalf("%+v", r)
	}
}

// TestGrantsThatAreRight: what a checker must not cry about.
func TestGrantsThatAreRight(t *testing.T) {
	for _, c := range []struct{ name, tail string }{
		{"when all is resolved", granted("a", "s", 7)},
		{"by a daemon that started after the verdict", `{"api":"fenced/v1","by":"b","stream":"u","index":8,"event":"view","members":["a","b"],"quorate":true}` + "\n" + granted("b", "u", 8)},
		{"after a cold start, when all are clean", was("clean", "b", 1) + was("cold-start", "", 8) + was("clean", "a", 9) + was("clean", "b", 10) + granted("a", "s", 10)},
		{"after a cold start, when one was fenced", was("clean", "b", 1) + was("cold-start", "", 8) + was("clean", "a", 9) + was("victim", "b", 10) + strings.Replace(was("verdict", "b", 11), "}", `,"evidence":{"kind":"operator"}}`, 1) + granted("a", "s", 11)},
		{"after arming", was("disarm", "", 8) + was("arm", "", 9) + granted("a", "s", 9)},
		{"when quorum is back", `{"api":"fenced/v1","by":"a","stream":"s","event":"frozen"}` + "\n" + `{"api":"fenced/v1","by":"a","stream":"s","event":"thawed"}` + "\n" + granted("a", "s", 0)},
		{"beside a client that is frozen", `{"api":"fenced/v1","by":"a","stream":"s","event":"frozen","client":"gfs"}` + "\n" + granted("a", "s", 0)},
		{"after a drill", claimed("b", 2) + drilled("off", 2) + claimed("a", 3) + drilled("failed", 3) + claimed("b", 4) + was("power-on", "a", 9) + drilled("passed", 0) + granted("a", "s", 9)},
		{"after it came back", was("left", "a", 8) + was("clean", "a", 9) + granted("a", "s", 9)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r := check(t, good+c.tail); len(r.Violations) != 0 {
				t.Fatal(r.Violations)
			}
		})
	}
}

// TestLogsThatMustBeRefused has a log for each invariant that breaks just that one.
func TestLogsThatMustBeRefused(t *testing.T) {
	line := func(s string) func(string) string { return func(log string) string { return log + s + "\n" } }
	swap := func(old, fresh string) func(string) string {
		return func(log string) string {
			if !strings.Contains(log, old) {
				t.Fatalf("the good log has no %q", old)
			}
			return strings.Replace(log, old, fresh, 1)
		}
	}
	drop := func(part string) func(string) string {
		return func(log string) string {
			var out []string
			for _, l := range strings.Split(log, "\n") {
				if !strings.Contains(l, part) {
					out = append(out, l)
				}
			}
			return strings.Join(out, "\n")
		}
	}
	for _, c := range []struct {
		name, invariant string
		spoil           func(string) string
	}{
		{"a write after the release", "I1", line(`{"event":"write","node":"c","incarnation":"c1","block":7,"seq":2,"at":"2026-01-01T00:00:02.300Z"}`)},
		{"a release without a verdict", "I1", drop(`"verdict":"reset"`)},
		{"a release before the verdict was applied here", "I1", drop(`"by":"b","stream":"t","seq":2`)},
		{"a grant while a victim is open", "I1", swap(`{"event":"power"`, `{"api":"fenced/v1","by":"a","event":"granted","node":"a","at":"2026-01-01T00:00:02.010Z"}`+"\n"+`{"event":"power"`)},
		{"a grant on a node that has not read its log since it started", "I1", swap(`{"event":"power"`, granted("b", "t", 5)+`{"event":"power"`)},
		{"a grant after a cold start, before a node said that it is clean", "I1", line(was("clean", "b", 1) + was("cold-start", "", 8) + was("clean", "a", 9) + granted("a", "s", 9))},
		{"a grant beside what a disarmed cluster would have fenced", "I1", line(was("would", "b", 8) + was("arm", "", 9) + granted("a", "s", 9))},
		{"a grant in a cluster that is not armed", "R12", line(was("arm", "", 8) + was("disarm", "", 9) + granted("a", "s", 9))},
		{"a grant in a view without quorum", "R12", line(`{"api":"fenced/v1","by":"a","stream":"s","index":8,"event":"view","members":["a"],"quorate":false}` + "\n" + granted("a", "s", 8))},
		{"a grant on a node that lost its quorum", "R12", line(`{"api":"fenced/v1","by":"a","stream":"s","event":"frozen"}` + "\n" + granted("a", "s", 0))},
		{"a grant on a node that has left", "R12", line(was("left", "a", 8) + granted("a", "s", 8))},
		{"a victim that nobody resolved", "I2", line(`{"api":"fenced/v1","by":"a","index":9,"at":"2026-01-01T00:00:03.000Z","event":"victim","node":"b","incarnation":"b1"}`)},
		{"two members disagree on a victim's life", "I3", swap(`"by":"b","stream":"t","seq":1,"index":5,"at":"2026-01-01T00:00:02.001Z","event":"victim","node":"c","incarnation":"c1"`, `"by":"b","stream":"t","seq":1,"index":5,"at":"2026-01-01T00:00:02.001Z","event":"victim","node":"c","incarnation":"c2"`)},
		{"a claim by one who is not in the view", "I4", swap(`"claim":1,"actor":"a"}`, `"claim":1,"actor":"z"}`)},
		{"a victim made without quorum", "I4", swap(`"members":["a","b"],"quorate":true`, `"members":["a","b"],"quorate":false`)},
		{"two active claims", "I5", swap(`{"event":"power"`, `{"api":"fenced/v1","by":"b","index":6,"at":"2026-01-01T00:00:02.010Z","event":"claim","node":"c","incarnation":"c1","claim":2,"actor":"b"}`+"\n"+`{"event":"power"`)},
		{"a claim while another's drill is asked for", "I5", line(claimed("b", 2) + drilled("asked", 0) + claimed("a", 3))},
		{"a claim while another drills", "I5", line(claimed("b", 2) + drilled("ready", 0) + claimed("a", 3))},
		{"a claim when an earlier drill has failed", "I5", line(claimed("b", 2) + drilled("failed", 0) + claimed("a", 3))},
		{"a verdict without evidence", "V1", func(s string) string {
			return strings.ReplaceAll(s, `,"evidence":{"kind":"power-off-read","read_index":6}`, "")
		}},
		{"a verdict from an older read", "V1", func(s string) string { return strings.ReplaceAll(s, `"read_index":6`, `"read_index":4`) }},
		{"a power-on while a victim is open", "V5", swap(`"claim":1,"actor":"a"}`, `"claim":1,"actor":"a","action":"on"}`)},
		{"a second verdict on a life", "V8", line(`{"api":"fenced/v1","by":"a","stream":"s","index":9,"at":"2026-01-01T00:00:04.000Z","event":"verdict","node":"c","incarnation":"c1","evidence":{"kind":"operator"}}`)},
		{"a fenced life is clean again", "V11", line(`{"api":"fenced/v1","by":"a","stream":"s","index":9,"at":"2026-01-01T00:00:04.000Z","event":"clean","node":"c","incarnation":"c1"}`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := check(t, c.spoil(good))
			for _, v := range r.Violations {
				if v.Invariant == c.invariant && v.Where != "" {
					return
				}
			}
			t.Fatalf("not refused for %s: %v", c.invariant, r.Violations)
		})
	}
}

func TestTheBoundOfAVictim(t *testing.T) { // I2
	lines, _, err := Read("log", strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	if r := Check(lines, Options{Bound: 100 * time.Millisecond}); len(r.Violations) != 1 || r.Violations[0].Invariant != "I2" {
		t.Fatal(r.Violations)
	}
	if r := Check(lines, Options{Bound: time.Second}); len(r.Violations) != 0 {
		t.Fatal(r.Violations)
	}
}

func TestReadIsStrict(t *testing.T) {
	if _, _, err := Read("x", strings.NewReader("garbage\n"+good)); err == nil || !strings.Contains(err.Error(), "x:1") {
		t.Fatal("garbage in the middle was accepted:", err)
	}
	if _, _, err := Read("x", strings.NewReader(`{"api":"fenced/v1"}`)); err == nil {
		t.Fatal("a line without an event was accepted")
	}
	lines, torn, err := Read("x", strings.NewReader(good+`{"api":"fen`))
	if err != nil || !torn || len(lines) != 11 {
		t.Fatal(len(lines), torn, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("{}"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if lines, _, err := Read("x", strings.NewReader(string(b))); err == nil {
			Check(lines, Options{})
		}
	})
}

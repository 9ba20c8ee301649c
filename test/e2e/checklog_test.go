package e2e

import (
	"sync"
	"testing"

	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/internal/checklog"
)

// checkLog ends every test: what all nodes said is held against the invariants (I1 to I5, V1, V5, V8, V11). A victim may be open where a test
// ends with one.
func checkLog(t *testing.T, c *playground.Cluster) {
	t.Helper()
	var lines, former []checklog.Line
	for i, n := range c.Nodes() {
		for k, e := range c.Events(i + 1) {
			l := checklog.Line{Event: e.Event, File: n.Name, N: k + 1}
			if _, ok := emptied.Load(e.Stream); ok {
				former = append(former, l)
			} else {
				lines = append(lines, l)
			}
		}
	}
	judge(t, lines)
	if len(former) > 0 {
		judge(t, former)
	}
}

// emptied are the runs of daemons whose node has got an empty store since: what they said is of another log.
var emptied sync.Map // client.Event.Stream to true

func judge(t *testing.T, lines []checklog.Line) {
	t.Helper()
	r := checklog.Check(lines, checklog.Options{OpenAllowed: true})
	for _, v := range r.Violations {
		t.Errorf("check-log: %s", v)
	}
	if r.Lines == 0 {
		t.Error("check-log: nobody said anything")
	}
	t.Logf("check-log: %d lines of %v, %d victims, %d verdicts, %d releases, %d violations", r.Lines, r.Nodes, r.Victims, r.Verdicts, r.Releases, len(r.Violations))
}

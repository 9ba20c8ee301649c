package e2e

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// history asks every node what happened: one operation, one verdict, one proof, and the same line from all.
func (f *fencing) history(ctx context.Context, want expectation) {
	f.t.Helper()
	var names, lines []string
	for _, n := range f.c.Nodes() {
		line, ok := f.lineOf(ctx, n)
		if !ok {
			continue
		}
		f.line(n.Name, line, want)
		names, lines = append(names, n.Name), append(lines, story(line))
	}
	for i, l := range lines {
		if l != lines[0] {
			f.t.Errorf("histories differ:\n%s: %s\n%s: %s", names[0], lines[0], names[i], lines[i])
		}
	}
}

// lineOf returns the one finished operation on the victim's life in one node's history.
func (f *fencing) lineOf(ctx context.Context, n *playground.Node) (client.HistoryLine, bool) {
	f.t.Helper()
	var found []client.HistoryLine
	err := f.c.Await(ctx, "the finished operation in the history of "+n.Name, func() bool {
		h, err := n.Client().History(ctx, client.HistoryQuery{Node: f.victim.Name})
		found = slices.DeleteFunc(h.Lines, func(l client.HistoryLine) bool { return l.Incarnation != f.life })
		return err == nil && len(found) > 0 && found[0].Resolution != ""
	})
	if err != nil {
		f.t.Errorf("%v: it has %+v", err, found)
		return client.HistoryLine{}, false
	}
	if len(found) != 1 {
		f.t.Errorf("%s remembers %d operations on one life: %+v", n.Name, len(found), found)
	}
	return found[0], true
}

// line checks one node's history line.
func (f *fencing) line(name string, l client.HistoryLine, want expectation) {
	f.t.Helper()
	if l.Verdict != client.VerdictReset || l.Resolution != client.ResolutionVerdict || l.Cause != client.CauseFailed {
		f.t.Errorf("%s: verdict %q, resolution %q, cause %q", name, l.Verdict, l.Resolution, l.Cause)
	}
	e := l.Evidence
	if e.Kind != client.EvidencePowerOff || !strings.Contains(e.Device, want.device) || e.ReadIndex == 0 {
		f.t.Errorf("%s: the evidence is %+v, want power-off-read by %s", name, e, want.device)
	}
	if !slices.ContainsFunc(f.survivors(), func(n *playground.Node) bool { return n.Name == l.Actor }) {
		f.t.Errorf("%s: the actor is %q", name, l.Actor)
	}
	if want.actor != "" && l.Actor != want.actor {
		f.t.Errorf("%s: the actor is %q, want %s", name, l.Actor, want.actor)
	}
	f.failedAttempts(name, l, want.failed)
	ok := slices.ContainsFunc(l.Attempts, func(a client.Attempt) bool {
		return a.Device == want.device && a.Class == client.ClassOK && a.Action == client.ActionOff
	})
	if !ok {
		f.t.Errorf("%s: no attempt at %s succeeded: %+v", name, want.device, l.Attempts)
	}
}

// failedAttempts checks that history shows why the devices before the last one did not give the proof.
func (f *fencing) failedAttempts(name string, l client.HistoryLine, want map[string][]string) {
	f.t.Helper()
	for device, classes := range want {
		shown := slices.ContainsFunc(l.Attempts, func(a client.Attempt) bool { return a.Device == device && slices.Contains(classes, a.Class) })
		if !shown {
			f.t.Errorf("%s: no attempt at %s failed as one of %v: %+v", name, device, classes, l.Attempts)
		}
	}
}

// story is what all nodes must agree on; durations are each node's own.
func story(l client.HistoryLine) string {
	l.Times, l.Started, l.Finished = client.Times{}, client.Time{}, client.Time{}
	l.Evidence.At = client.Time{}
	b, _ := json.Marshal(l)
	return string(b)
}

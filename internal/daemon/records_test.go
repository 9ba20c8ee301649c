package daemon

import (
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/internal/api"

	"github.com/fenced-project/fenced/client"
)

// TestTheReplayedPastKeepsItsTimes: a daemon that joins later shows when things happened, not when it heard of them, and tells no watcher of
// the past as if it were news.
func TestTheReplayedPastKeepsItsTimes(t *testing.T) {
	l := newLab(t)
	l.stop(3)
	l.until(1, "node-3 fenced", func(s client.Status) bool { return s.Nodes[2].State == client.StateFenced })
	fenced := time.Now()
	first, err := l.nodes[1].d.History(l.ctx(), api.HistoryQuery{Limit: 10})
	if err != nil || len(first.Lines) != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	l.start(3, "boot-2")
	l.until(3, "three members", func(s client.Status) bool { return members(s) == 3 })
	late, err := l.nodes[3].d.History(l.ctx(), api.HistoryQuery{Limit: 10})
	if err != nil || len(late.Lines) != 1 {
		t.Fatalf("%+v, %v", late, err)
	}
	a, b := first.Lines[0], late.Lines[0]
	if b.ID != a.ID || b.Verdict != a.Verdict || b.Evidence.Kind != a.Evidence.Kind || len(b.Attempts) != len(a.Attempts) {
		t.Errorf("the joiner remembers another operation:\n%+v\n%+v", a, b)
	}
	if d := b.Finished.Sub(a.Finished.Time).Abs(); d > time.Second || b.Finished.After(fenced) {
		t.Errorf("finished %s there, %s here", a.Finished, b.Finished)
	}
	if n := l.nodes[3].d.feed.Last(); n > 20 {
		t.Errorf("%d events were told to a node that has just come", n)
	}
}

// TestALineFromDiskGetsTheAttemptsItLacks: a daemon that died between verdict and power-on hears of the power-on from the log.
func TestALineFromDiskGetsTheAttemptsItLacks(t *testing.T) {
	rec := &record{loaded: true, line: client.HistoryLine{Attempts: []client.Attempt{{Level: 1, Device: "bmc", Action: "off", Class: "ok", MS: 5}}}}
	on := domain.Attempt{Level: 0, Device: "bmc", Action: "on", Class: "ok", MS: 7}
	for range 2 { // told twice, kept once
		rec.missing([]domain.Attempt{{Level: 0, Device: "bmc", Action: "off", Class: "ok", MS: 5}, on})
	}
	if n := len(rec.line.Attempts); n != 2 || rec.line.Attempts[1].Action != "on" {
		t.Fatalf("%+v", rec.line.Attempts)
	}
}

// TestHistoryHasWhatADisarmedClusterWouldHaveDone: who observes before trusting finds it there, over as it began; it is no failed operation.
func TestHistoryHasWhatADisarmedClusterWouldHaveDone(t *testing.T) {
	l := newLab(t)
	d := l.nodes[1].d
	if _, err := d.Arm(l.ctx(), api.ArmArgs{Reason: "observing"}); err != nil {
		t.Fatal(err)
	}
	l.until(1, "the feature level that numbers it", func(client.Status) bool {
		level := 0
		err := d.ask(l.ctx(), func() { level = d.member.Domain().Feature })
		return err == nil && level >= domain.FeatureWould
	})
	l.stop(3)
	var lines []client.HistoryLine
	l.until(1, "a line of history", func(client.Status) bool {
		h, err := d.History(l.ctx(), api.HistoryQuery{Limit: 10})
		lines = h.Lines
		return err == nil && len(lines) > 0
	})
	got := lines[0]
	if len(lines) != 1 || got.Victim != "node-3" || got.Resolution != client.ResolutionWould || got.Action != client.ActionOff || got.Cause != client.CauseFailed ||
		got.Incarnation != "boot-1" || got.Verdict != "" || got.Finished.IsZero() || got.Text == "" {
		t.Errorf("%+v", lines)
	}
	if h, err := d.History(l.ctx(), api.HistoryQuery{Limit: 10, Failed: true}); err != nil || len(h.Lines) != 0 {
		t.Errorf("it is shown as failed: %+v, %v", h.Lines, err)
	}
	if s, err := d.Show(l.ctx(), got.ID); err != nil || !s.Done || s.Code != client.CodeOK {
		t.Errorf("%+v, %v", s, err)
	}
	if n := l.count(3); n != 0 {
		t.Errorf("a disarmed cluster cut power %d times", n)
	}
}

package playground

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
)

const oldLife, newLife = "old-life", "new-life"

// fenceOf is one whole fence of node-3 as the actor node-1 sees it, one event each 100 ms after the kill at 1 s.
func fenceOf(from int) []Event {
	words := []client.Event{
		{Event: client.EventSuspect, Node: "node-3"},
		{Event: client.EventVictim, Node: "node-3", Incarnation: oldLife, Cause: client.CauseFailed},
		{Event: client.EventClaim, Node: "node-3", Incarnation: oldLife, Actor: "node-1"},
		{Event: client.EventAttempt, Node: "node-3", Incarnation: oldLife, Action: client.ActionOff, Class: client.ClassOK, Result: "off", Device: "bmc-3"},
		{Event: client.EventVerdict, Node: "node-3", Incarnation: oldLife, Verdict: client.VerdictReset, Evidence: &client.Evidence{Kind: "power-off-read"}},
		{Event: client.EventRelease, Node: "node-3", Incarnation: oldLife},
		{Event: client.EventPowerOn, Node: "node-3", Incarnation: oldLife, Action: client.ActionOn, Result: "on"},
		{Event: client.EventClean, Node: "node-3", Incarnation: newLife},
	}
	var out []Event
	for i, e := range words {
		e.Seq = uint64(i + 1)
		out = append(out, Event{Event: e, From: from, Since: time.Second + time.Duration(i+1)*100*time.Millisecond})
	}
	return out
}

// without drops the events of a kind.
func without(s []Event, kind string) []Event {
	var out []Event
	for _, e := range s {
		if e.Event.Event != kind {
			out = append(out, e)
		}
	}
	return out
}

// toldLater is the stream of a node that did not act: it hears of the attempt with the verdict.
func toldLater(s []Event) []Event {
	s[3], s[4] = s[4], s[3]
	s[4].Actor, s[4].By = "node-1", "node-2"
	return s
}

// whole is the outcome of a perfect demo.
func whole() outcome {
	v := &Node{Index: 3, Name: "node-3"}
	v.bmcs = []*BMC{{Name: "bmc-3"}}
	return outcome{
		victim: v, oldLife: oldLife, newLife: newLife, killed: time.Second,
		streams:   map[int][]Event{1: fenceOf(1), 2: toldLater(fenceOf(2))},
		counts:    map[string]Counts{"bmc-1": {}, "bmc-2": {Status: 4}, "bmc-3": {Off: 1, On: 1, Status: 5, AppliedOff: 1, AppliedOn: 1}},
		power:     map[string]bool{"node-1": true, "node-2": true, "node-3": true},
		survivors: []string{"node-1", "node-2"}, rejoined: []string{"node-1", "node-2", "node-3"},
	}
}

func TestJudgePassesAWholeFence(t *testing.T) {
	o := whole()
	sum := o.judge()
	if sum.Result != resultPassed || len(sum.Violations) > 0 {
		t.Fatalf("%s: %v", sum.Result, sum.Violations)
	}
	if sum.DetectionMS != 200 || sum.FenceMS != 500 || sum.ReleaseMS != 600 || sum.RejoinMS != 800 || sum.Evidence != "power-off-read" {
		t.Errorf("the times are %+v", sum)
	}
}

func TestJudgeRefuses(t *testing.T) {
	swap := func(o *outcome, from, i, j int) { s := o.streams[from]; s[i], s[j] = s[j], s[i] }
	for name, c := range map[string]struct {
		spoil func(*outcome)
		want  string
	}{
		"no verdict":            {func(o *outcome) { o.streams[2] = without(o.streams[2], client.EventVerdict) }, "node-2 never saw verdict"},
		"no release":            {func(o *outcome) { o.streams[1] = without(o.streams[1], client.EventRelease) }, "node-1 never saw release"},
		"attempt of another":    {func(o *outcome) { o.streams[1][3].Actor, o.streams[1][3].By = "node-2", "node-1" }, "power-off and read-back included"},
		"attempt failed":        {func(o *outcome) { o.streams[1][3].Class = client.ClassTimeout }, "power-off and read-back included"},
		"power-on failed":       {func(o *outcome) { o.streams[2][6].Result = "failed" }, "node-2 never saw power-on"},
		"no read-back":          {func(o *outcome) { o.streams[1][3].Result = "on" }, "power-off and read-back included"},
		"release before":        {func(o *outcome) { swap(o, 1, 4, 5) }, "node-1 saw release (seq 6) before verdict (seq 5)"},
		"release, no verdict":   {func(o *outcome) { swap(o, 1, 4, 5) }, "node-1 released node-3/old-life (seq 6) before any verdict on it"},
		"verdict before proof":  {func(o *outcome) { swap(o, 1, 3, 4) }, "saw verdict (seq 5) before read-back"},
		"power-on before":       {func(o *outcome) { swap(o, 1, 4, 6) }, "saw power-on (seq 7) before verdict"},
		"clean with old life":   {func(o *outcome) { o.streams[2][len(o.streams[2])-1].Incarnation = oldLife }, "node-2 never saw clean rejoin"},
		"two power-offs":        {func(o *outcome) { o.counts["bmc-3"] = Counts{Off: 2, AppliedOff: 1} }, "bmc-3 counted 2 power-offs"},
		"no power-off":          {func(o *outcome) { o.counts["bmc-3"] = Counts{} }, "bmc-3 counted 0 power-offs"},
		"counts unknown":        {func(o *outcome) { delete(o.counts, "bmc-3") }, "bmc-3 counted 0 power-offs"},
		"another node off":      {func(o *outcome) { o.counts["bmc-1"] = Counts{Off: 1} }, "bmc-1, which is not the victim's, counted 1"},
		"same boot id":          {func(o *outcome) { o.newLife = oldLife }, "has boot id"},
		"no power":              {func(o *outcome) { o.power["node-3"] = false }, "has no power"},
		"one node does not see": {func(o *outcome) { o.rejoined = o.rejoined[:2] }, "only [node-1 node-2] show"},
		"a hole in a stream":    {func(o *outcome) { o.gaps = []string{"4 events are missing"} }, "4 events are missing"},
	} {
		o := whole()
		c.spoil(&o)
		sum := o.judge()
		if sum.Result != resultFailed || !strings.Contains(strings.Join(sum.Violations, "\n"), c.want) {
			t.Errorf("%s: %s, %q, want %q", name, sum.Result, sum.Violations, c.want)
		}
	}
}

func TestTimelineSaysEachThingOnce(t *testing.T) {
	var out bytes.Buffer
	tl := newTimeline(&out, false)
	tl.startAt(time.Second)
	x := newEcho()
	for i, e := range fenceOf(1) {
		for _, from := range []int{1, 2} {
			e.From = from
			if x.first(e) != (from == 1) {
				t.Errorf("event %d of node %d: first is %v", i, from, from != 1)
			}
		}
		tl.event(e)
	}
	again := fenceOf(1)[0]
	again.Since += time.Second
	if !x.first(again) {
		t.Error("the same node saying the same later is taken for an echo")
	}
	told := fenceOf(1)[5]
	told.Index = 25
	later := told
	later.Since += time.Hour
	if !x.first(told) || x.first(later) {
		t.Error("a committed entry is not told exactly once: a restarted daemon tells its log again")
	}
	if text := out.String(); !strings.Contains(text, "    +500 ms  verdict      node-3  reset, proof: power-off-read, life old-life\n") || strings.Contains(text, "\x1b") {
		t.Errorf("the timeline is:\n%s", text)
	}
}

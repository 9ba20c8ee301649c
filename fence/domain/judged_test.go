package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

const decidesNothing = "decides nothing"

// decisions are what nobody may propose who has a verdict.
func (w *world) decisions() map[string]Entry {
	next := w.s.Roster
	next.Version++
	next.Policy.MaxConcurrent++
	victim := fence.Incarnation{Node: 2}
	if v := w.s.Node(2).Victim; v != nil {
		victim = v.Incarnation
	}
	request := func(a fence.Action, c fence.Cause) Entry {
		return Entry{Request: &Request{ID: "r", Node: 1, Action: a, Cause: c, By: "x"}}
	}
	return map[string]Entry{
		"fences the winner":   request(fence.ActionReboot, fence.CauseReported),
		"by its operator":     request(fence.ActionOff, fence.CauseOperator),
		"opens":               request(fence.ActionUnfence, fence.CauseOperator),
		"powers on":           request(fence.ActionOn, fence.CauseOperator),
		"disarms":             {Arm: &Arm{By: "op"}},
		"arms":                {Arm: &Arm{Armed: true, By: "op"}},
		"applies":             {Roster: &Roster{Roster: next, By: "op"}},
		"acknowledges":        {Ack: &Ack{Node: 2, Boot: victim.Boot, By: "op", Reason: "x"}},
		"drills":              {Drill: &DrillStart{ID: "d", Node: 1, Level: 1, By: "op"}},
		"pauses":              pauses(1),
		"replaces":            {Replace: &Replace{Node: 2, Old: machine(2), By: "op", Reason: "x"}},
		"raises the level":    {Feature: &Feature{Level: FeatureLevel}},
		"leaves":              {Leave: &Leave{Force: true}},
		"is stateless":        {Stateful: &Stateful{}},
		"claims":              {Claim: &ClaimEntry{Node: 2, Boot: victim.Boot, Number: w.s.Node(2).NextClaim, DurationMS: 1000}},
		"a claim's time":      {ClaimEnd: &ClaimEnd{Node: 2, Number: 1, Expired: true}},
		"what was in flight":  {Returned: &Returned{Node: 2, Number: 1, Elapsed: true}},
		"says a time is over": {TimeOver: &TimeOver{Index: 1}},
		"compares":            {Compare: &Compare{}},
	}
}

// R18, R22: a cut life goes on behind its closed ports and comes back into the view; the others were released from it, so it decides nothing for them.
func TestACutLifeDecidesNothing(t *testing.T) {
	for name, world := range map[string]func(*world){
		"it came back": func(w *world) {
			w.cut()
			w.view(1, 2, 3)
		},
		"it never went": func(w *world) {
			w.must(1, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
			w.claim(1, 3)
			w.must(1, Entry{Verdict: w.cutProof(3)})
		},
		"it gives the quorum": func(w *world) {
			w.cut()
			w.must(1, Entry{Request: &Request{ID: "op", Node: 2, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op", Force: true}})
			w.view(1, 3)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := cutWorld(t, FeatureJudged)
			world(w)
			if !w.s.View.Quorate || !w.s.IsCut(w.s.Node(3).Life) || w.s.Node(3).Instance == "" {
				t.Fatalf("%+v", w.s.Node(3))
			}
			for what, e := range w.decisions() {
				if _, err := w.apply(3, e); err == nil {
					t.Errorf("%s: accepted", what)
				} else if e.Compare == nil {
					w.refused(3, e, decidesNothing)
				}
			}
			if !w.s.Armed || w.s.Node(1).Victim != nil {
				t.Error("it decided all the same")
			}
		})
	}
}

// R16, R22: a life that was proven over is not there; one that says something under its name decides nothing either.
func TestALifeThatIsOverDecidesNothing(t *testing.T) {
	for level, decides := range map[int]bool{FeatureJudged - 1: true, FeatureJudged: false} { // R11: an older build takes its word
		w := newWorld(t, 3)
		w.s.Feature = level
		w.view(1, 2)
		w.claim(1, 3)
		w.must(1, Entry{Verdict: w.proof(3)})
		w.view(1, 2, 3)
		if _, err := w.apply(3, Entry{Arm: &Arm{By: "op"}}); (err == nil) != decides {
			t.Errorf("level %d: %v", level, err)
		}
		if !decides {
			for _, e := range w.decisions() {
				w.refused(3, e, decidesNothing)
			}
		}
		if ev := w.must(3, Entry{Announce: &Announce{Machine: machine(3), Roster: w.s.RosterHash, Since: w.s.Node(3).Arrived}}); !has(ev, EventRefused) {
			t.Error("that it is heard is told to nobody (R16)")
		}
	}
}

// R9, R31: what it alone knows of its own claims and commands it may say: nobody is admitted or powered on before that.
func TestALifeWithAVerdictHasItsLastWord(t *testing.T) {
	w := newWorld(t, 5)
	w.s.Feature = FeatureJudged
	w.view(1, 2, 3, 4)
	w.claim(4, 5)
	w.must(1, Entry{Request: &Request{ID: "r", Node: 4, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	w.claim(1, 4)
	w.must(1, Entry{Verdict: w.proof(4)})
	if n := w.s.Node(5); !w.s.Judged(w.s.Node(4).Life) || len(n.Unquiet) != 1 || w.s.Node(4).Instance == "" {
		t.Fatalf("%+v", n)
	}
	w.refused(4, Entry{Returned: &Returned{Node: 5, Number: 1, Elapsed: true}}, decidesNothing)
	w.must(4, Entry{Returned: &Returned{Node: 5, Number: 1}})
	w.must(4, Entry{Local: &LocalPower{ID: "l", Node: 5, Action: fence.ActionOff, By: "op", Reason: "x", DurationMS: 1, EffectMS: 1}})
	if len(w.s.Node(5).Unquiet) != 1 {
		t.Fatal("forced power is not waited for")
	}
}

// R21, R22, S2.12: a cut life may end at any moment, by its own policy or a person's hand, so nobody goes because its vote is there.
func TestNobodyGoesByTheVoteOfACutLife(t *testing.T) {
	w := cutWorld(t, FeatureJudged)
	w.cut()
	w.view(1, 2, 3)
	if w.s.Rest(0) != 2 || w.s.Rest(2) != 1 || w.s.Votes(0) != 2 || w.s.secure(2) != 1 || !w.s.View.Quorate {
		t.Fatalf("rest %d, without 2 %d, votes %d, secure %d", w.s.Rest(0), w.s.Rest(2), w.s.Votes(0), w.s.secure(2))
	}
	w.refused(2, Entry{Leave: &Leave{}}, "1 of the 2 votes")
	w.refused(1, Entry{Request: &Request{ID: "r", Node: 2, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}}, "would not be quorate")
	w.refused(1, Entry{Drill: &DrillStart{ID: "d", Node: 2, Level: 1, By: "op"}}, "1 of the 2 votes")
	four := w.s.Roster // whoever is there must be quorate by it
	four.Version++
	four.Nodes = append([]fence.RosterNode(nil), four.Nodes...)
	four.Nodes[0].Votes, four.Nodes[1].Votes = 0, 1
	w.refused(1, Entry{Roster: &Roster{Roster: four, By: "op"}}, "1 of the 2 votes")
	w.must(2, Entry{Leave: &Leave{Force: true}})
	// What was asked to go and still answers is not claimed; whose power goes with the quorum goes last and alone.
	w = cutWorld(t, FeatureJudged)
	w.cut()
	w.view(1, 2, 3)
	w.must(1, Entry{Request: &Request{ID: "r", Node: 2, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op", Force: true}})
	w.s.Node(2).Victim.Force = false
	e := w.claimEntry(2)
	e.Claim.Answers = true
	w.refused(1, e, "would not be quorate without it")
	w.s.Feature = FeatureJudged - 1 // R11: an older build counts it
	if w.s.Rest(2) != 2 || w.s.Votes(2) != 2 || w.s.secure(2) != 2 {
		t.Error("judged otherwise than an older build does")
	}
}

// R27, R29: dlm asks late for a life that was cut and is over since; it was released from it, and its next boot is not touched.
func TestAProgramAsksForACutLifeThatIsOver(t *testing.T) {
	w := cutWorld(t, FeatureNamed)
	w.cut()
	old := w.s.Node(3).Life
	w.boots[3]++
	w.view(1, 2, 3)
	w.announce(3, "san")
	ask := func(c fence.Cause) Entry {
		return Entry{Request: &Request{ID: "r", Node: 3, Boot: old.Boot, Action: fence.ActionReboot, Cause: c, By: "x"}}
	}
	ev := w.must(1, ask(fence.CauseReported))
	if n := w.s.Node(3); len(ev) != 1 || ev[0].Verdict == nil || ev[0].Life != old || n.Victim != nil || n.Pending == nil {
		t.Fatalf("%+v, %+v", ev, n)
	}
	w.refused(1, ask(fence.CauseOperator), "request names") // he wanted its power cut: there is another life now
	w.must(1, w.unfence())
	w.opened(true)
	w.announce(3, "san")
	if ev := w.must(1, ask(fence.CauseReported)); len(ev) != 1 || ev[0].Verdict == nil || !w.s.Clean(3) {
		t.Fatalf("%+v", ev)
	}
	// As long as it may go on, who names it has its power cut, and its next boot ends that operation.
	w = cutWorld(t, FeatureNamed)
	w.cut()
	w.boots[3]++
	w.view(1, 2, 3)
	w.must(1, ask(fence.CauseOperator))
	if v := w.s.Node(3).Victim; v == nil || v.Incarnation != old {
		t.Fatalf("%+v", w.s.Node(3))
	}
	w.announce(3, "san")
	if n := w.s.Node(3); n.Victim != nil || !w.s.Unfences(n) {
		t.Fatalf("nobody settles it: %+v", n)
	}
}

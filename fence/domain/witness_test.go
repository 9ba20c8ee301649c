package domain

import (
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// witnessed is a roster of nodes and, with the highest ids, witnesses.
func witnessed(nodes, witnesses int) fence.Roster {
	r := roster(nodes + witnesses)
	for i := nodes; i < len(r.Nodes); i++ {
		r.Nodes[i].Witness, r.Nodes[i].Levels = true, nil
	}
	return r
}

// newWitnessed has two admitted clean nodes and a witness, node 3, in an armed cluster.
func newWitnessed(t *testing.T) *world {
	w := &world{t: t, s: New(), boots: map[fence.NodeID]int{}}
	w.view(1, 2, 3)
	w.must(1, Entry{Roster: &Roster{Roster: witnessed(2, 1)}})
	w.view(1, 2, 3)
	for id := fence.NodeID(1); id <= 2; id++ {
		w.clean(id)
	}
	w.attend(3)
	w.must(1, Entry{Arm: &Arm{Armed: true, By: "op"}})
	return w
}

func (w *world) attend(id fence.NodeID) []Event {
	w.t.Helper()
	return w.must(id, Entry{Announce: &Announce{Clean: true, Roster: "its own", Feature: 1, Version: "v"}})
}

func TestAWitnessIsAdmittedWithoutAMachine(t *testing.T) {
	w := newWitnessed(t)
	n := w.s.Node(3)
	if n.Phase != PhaseMember || n.Stateful || n.Machine.Known() || n.Version != "v" || n.Feature != 1 {
		t.Fatalf("%+v", n)
	}
	if w.s.Eligible(3) || len(w.s.Eligibles()) != 2 {
		t.Fatal("a witness may claim")
	}
	if got := w.s.Unresolved(); len(got) != 0 {
		t.Fatalf("%v are unresolved", got)
	}
	w.refused(3, Entry{Announce: &Announce{Why: "dirty", Feature: 1}}, "nothing that could be dirty")
	w.refused(3, Entry{Announce: &Announce{Clean: true, Since: 1}}, "I4")
}

// A witness that vanishes is nobody's victim, whatever the cluster is at: armed or not, with quorum or without, in a cold start or not.
func TestAVanishedWitnessIsNoVictim(t *testing.T) { // R12, R30
	innocent := func(w *world, when string) {
		w.t.Helper()
		n := w.s.Node(3)
		if n.Victim != nil || n.Suspect != "" || n.Unknown || len(w.s.Unresolved()) != 0 || !w.s.OverdueLife(n).Zero() {
			w.t.Fatalf("%s: %+v", when, n)
		}
	}
	w := newWitnessed(t)
	if es := w.view(1, 2); !has(es, EventGone) || has(es, EventVictim) {
		t.Fatalf("events %+v", es)
	}
	innocent(w, "armed")
	w.boots[3]++
	w.view(1, 2, 3)
	w.attend(3)
	w.must(1, Entry{Arm: &Arm{By: "op"}})
	if es := w.view(1, 2); has(es, EventWould) {
		t.Fatal("a disarmed cluster would have fenced the witness")
	}
	innocent(w, "disarmed")
	w = newWitnessed(t)
	w.index++
	w.s.ApplyView(w.index, []Origin{w.origin(1)}, false)
	if n := w.s.Node(3); n.Suspect != "" || w.s.Node(2).Suspect == "" {
		t.Fatalf("without quorum: %+v", n)
	}
	w.boots[2]++
	w.view(2)
	innocent2 := w.s.Node(3)
	if innocent2.Unknown || innocent2.Victim != nil {
		t.Fatalf("after a cold start: %+v", innocent2)
	}
}

// What came of the node's life is not hidden by the witness beside it.
func TestANodeBesideAWitnessIsAVictim(t *testing.T) {
	w := newWitnessed(t)
	w.view(1, 3)
	if w.s.Node(2).Victim == nil {
		t.Fatal("a node that vanished is a victim")
	}
	w.claim(1, 2)
	w.must(1, Entry{Verdict: w.proof(2)})
}

// The witness stays up while both nodes die: its memory alone is no continuity, else both would be victims with nobody clean to act (R10).
func TestAWitnessAloneIsNoContinuity(t *testing.T) {
	w := newWitnessed(t)
	was := w.s.Generation
	w.boots[1]++
	w.boots[2]++
	es := w.view(1, 2, 3)
	if w.s.Generation != was+1 || !has(es, EventCold) {
		t.Fatalf("generation %d, was %d", w.s.Generation, was)
	}
	for id := fence.NodeID(1); id <= 2; id++ {
		if n := w.s.Node(id); n.Victim != nil || !n.Unknown {
			t.Fatalf("%+v", n)
		}
		w.clean(id)
	}
	if got := w.s.Unresolved(); len(got) != 0 {
		t.Fatalf("%v are unresolved", got)
	}
	w.attend(3)
}

// A victim that was known before stays one, whoever kept the memory.
func TestAWitnessKeepsVictimsOverAColdStart(t *testing.T) {
	w := newWitnessed(t)
	w.view(1, 3)
	w.boots[1]++
	w.view(1, 3)
	if w.s.Node(2).Victim == nil {
		t.Fatal("a cold start forgot a victim (R10)")
	}
}

func TestAWitnessDecidesNothing(t *testing.T) {
	w := newWitnessed(t)
	w.view(1, 3)
	n := w.s.Node(2)
	for name, e := range map[string]Entry{
		"claim":    w.claimEntry(2),
		"request":  {Request: &Request{ID: "r", Node: 1, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}},
		"ack":      {Ack: &Ack{Node: 2, Boot: n.Victim.Boot, By: "op", Reason: "x"}},
		"arm":      {Arm: &Arm{By: "op"}},
		"stateful": {Stateful: &Stateful{On: true}},
		"leave":    {Leave: &Leave{}},
		"overdue":  {Overdue: &Overdue{Lives: []fence.Incarnation{w.s.Node(1).Life}}},
		"roster":   {Roster: &Roster{Roster: witnessed(2, 1)}},
		"returned": {Returned: &Returned{Node: 2, Number: 1, Elapsed: true}},
		"mapping":  {Mapping: &Mapping{Node: 2, Mapping: "map-bmc-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.refused(3, e, "is a witness")
		})
	}
}

func TestAWitnessIsNotAskedFor(t *testing.T) {
	w := newWitnessed(t)
	for _, a := range []fence.Action{fence.ActionOff, fence.ActionReboot, fence.ActionOn} {
		w.refused(1, Entry{Request: &Request{ID: "r", Node: 3, Action: a, Cause: fence.CauseOperator, By: "op", Force: true}}, "is a witness")
	}
}

func TestRosterOfWitnesses(t *testing.T) {
	w := newWitnessed(t)
	next := func(change func(*fence.Roster)) Entry {
		r := witnessed(2, 1)
		r.Version = 2
		change(&r)
		return Entry{Roster: &Roster{Roster: r}}
	}
	w.refused(1, next(func(r *fence.Roster) { r.Nodes[1].Witness, r.Nodes[1].Levels = true, nil }), "witnesses alone")
	w.refused(1, next(func(r *fence.Roster) { r.Nodes[2].Levels = r.Nodes[1].Levels }), "has levels")
	w.refused(1, next(func(r *fence.Roster) { m := machine(3); r.Nodes[2].Machine = &m }), "has a machine")
	w.refused(1, next(func(r *fence.Roster) { r.Nodes[2].Votes = 0 }), "votes")
	w.refused(1, next(func(r *fence.Roster) { r.Nodes[2].Witness, r.Nodes[2].Levels = false, r.Nodes[1].Levels }), "keeps its role")
	w.refused(1, next(func(r *fence.Roster) { r.Nodes = r.Nodes[:2] }), "cannot be removed")
	w.view(1, 2)
	w.must(1, next(func(r *fence.Roster) { r.Nodes = append(r.Nodes[:2], witnessed(3, 1).Nodes[3]) }))
	if w.s.Node(3) != nil || w.s.Node(4) == nil {
		t.Fatal("a witness that is away is replaced without ceremony")
	}
}

// Two of three votes that witnesses hold are a quorum of nobody who could act.
func TestTwoWitnessesAndOneNode(t *testing.T) {
	if err := witnessed(1, 2).CheckWitnesses(); err == nil || !strings.Contains(err.Error(), "witnesses alone") {
		t.Fatal(err)
	}
	if err := witnessed(2, 2).CheckWitnesses(); err != nil {
		t.Fatal(err)
	}
}

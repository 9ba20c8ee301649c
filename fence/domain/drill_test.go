package domain

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// drillWorld has n admitted members of a build that knows drills.
func drillWorld(t *testing.T, n int) *world {
	w := newWorld(t, n)
	for i := range w.s.Nodes {
		w.s.Nodes[i].Feature = FeatureLevel
	}
	w.must(1, Entry{Feature: &Feature{Level: FeatureDrill}})
	return w
}

func (w *world) drill(node fence.NodeID) {
	w.t.Helper()
	w.must(1, Entry{Drill: &DrillStart{ID: "d", Node: node, By: "op"}})
}

func (w *world) drillClaimEntry(node fence.NodeID) Entry {
	n := w.s.Node(node)
	return Entry{Claim: &ClaimEntry{Node: node, Boot: n.Life.Boot, Number: n.NextClaim, DurationMS: 1000, Answers: true, Drill: true}}
}

// drilledOff brings a drill of a node to where node 1 has read its power off; the device gives no identity.
func (w *world) drilledOff(node fence.NodeID) *DrillOff {
	w.t.Helper()
	w.drill(node)
	w.must(node, Entry{Leave: &Leave{}})
	w.must(node, Entry{DrillReady: &DrillReady{Node: node, Drill: w.s.Node(node).Drill.ID}})
	w.must(1, w.drillClaimEntry(node))
	return w.drillProof(node)
}

func (w *world) drillProof(node fence.NodeID) *DrillOff {
	c := w.s.Node(node).Drill.Claim
	r, _ := w.s.Roster.Node(node)
	d, _ := w.s.Roster.Device(r.Levels[0].Steps[0].Device)
	return &DrillOff{Node: node, Number: c.Number, Commanded: true, Quiet: true, Evidence: &fence.Evidence{
		Kind: fence.EvidencePowerOff, Claim: c.Number, ReadIndex: c.Index,
		Devices: []fence.DeviceEvidence{{
			Device: d.Name, Mapping: d.Mapping, Before: fence.PowerOn, CommandedMS: 10,
			First: fence.Read{State: fence.PowerOff, StartedMS: 20, FinishedMS: 30}, Final: fence.Read{State: fence.PowerOff, StartedMS: 200, FinishedMS: 210},
		}},
	}}
}

// back powers a drilled node on and lets it come as a new clean life.
func (w *world) back(node fence.NodeID, all ...fence.NodeID) {
	w.t.Helper()
	n := w.s.Node(node)
	w.must(1, Entry{Claim: &ClaimEntry{Node: node, Boot: n.PowerOn.For.Boot, Number: n.NextClaim, DurationMS: 1000, On: true}})
	w.must(1, Entry{PowerOn: &PowerDone{Node: node, Number: n.PowerOn.Claim.Number, OK: true, Quiet: true}})
	w.view(slices.DeleteFunc(slices.Clone(all), func(id fence.NodeID) bool { return id == node })...)
	w.boots[node]++
	w.view(all...)
	w.must(node, Entry{Announce: &Announce{Clean: true, Machine: machine(node), Roster: w.s.RosterHash, Feature: FeatureLevel, UpMS: 1000}})
}

func (w *world) mappingEntry(node fence.NodeID) Entry {
	d := w.s.Node(node).Drill
	return Entry{Mapping: &Mapping{Node: node, Mapping: d.Reach, Drill: d.ID}}
}

func TestOnlyADrillProvesAMapping(t *testing.T) { // R16 a
	w := drillWorld(t, 3)
	step := w.s.Roster.Nodes[2].Levels[0].Steps[0]
	w.refused(1, Entry{Mapping: &Mapping{Node: 3, Mapping: w.s.Roster.Nodes[2].Levels[0].Reach(w.s.Roster.Devices)}}, "no open drill")
	off := w.drilledOff(3)
	w.refused(1, w.mappingEntry(3), "was not read off")
	w.refused(2, Entry{DrillOff: off}, "not active for n2")
	bad := *off
	e := *off.Evidence
	e.Devices = slices.Clone(e.Devices)
	e.Devices[0].Final.State = fence.PowerOn
	bad.Evidence = &e
	w.refused(1, Entry{DrillOff: &bad}, "read off, then on")
	ev := w.must(1, Entry{DrillOff: off})
	if n := w.s.Node(3); n.PowerOn == nil || n.Victim != nil || has(ev, EventRelease) || has(ev, EventVerdict) {
		t.Fatalf("a drill releases nobody and owes power: %+v %+v", n, ev)
	}
	w.refused(1, w.mappingEntry(3), "not back as a new clean life")
	w.back(3, 1, 2, 3)
	w.refused(2, w.mappingEntry(3), "only n1 saw it")
	w.must(1, w.mappingEntry(3))
	n := w.s.Node(3)
	if !w.s.Proves(n, 0, step) || n.Drill != nil || !n.LastDrill.Passed || w.s.Proves(w.s.Node(2), 0, step) {
		t.Fatalf("%+v", n)
	}
}

func TestWhoComesBackInTheSameLifeProvesNothing(t *testing.T) { // R16 a: its daemon was started again, its machine was never off
	w := drillWorld(t, 3)
	w.must(1, Entry{DrillOff: w.drilledOff(3)})
	w.view(1, 2)
	w.view(1, 2, 3)
	w.clean(3)
	w.refused(1, w.mappingEntry(3), "not back as a new clean life")
}

func TestAChangeOfDevicesVoidsADrill(t *testing.T) { // V6, R16 a
	for name, change := range map[string]func(r *fence.Roster){
		"another address": func(r *fence.Roster) { r.Devices[2].Mapping = "moved" },
		"another outlet": func(r *fence.Roster) {
			r.Nodes[2].Levels = []fence.Level{{Steps: []fence.Step{{Device: "bmc-3", Target: "4"}}}}
		},
		"one more outlet": func(r *fence.Roster) {
			r.Nodes[2].Levels = []fence.Level{{Steps: []fence.Step{{Device: "bmc-3"}, {Device: "bmc-2"}}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := drillWorld(t, 3)
			w.must(1, Entry{DrillOff: w.drilledOff(3)})
			w.back(3, 1, 2, 3)
			entry := w.mappingEntry(3)
			r := roster(3)
			r.Version = 2
			r.Devices = slices.Clone(r.Devices)
			r.Nodes = slices.Clone(r.Nodes)
			change(&r)
			again := New()
			*again = *w.s
			w.must(1, entry)
			if len(w.s.Node(3).Proven) != 1 {
				t.Fatal("not proven at all")
			}
			w.must(1, Entry{Roster: &Roster{Roster: r}})
			if len(w.s.Node(3).Proven) != 0 {
				t.Errorf("what was proven before still counts: %v", w.s.Node(3).Proven)
			}
		})
		t.Run(name+" during the drill", func(t *testing.T) {
			w := drillWorld(t, 3)
			w.must(1, Entry{DrillOff: w.drilledOff(3)})
			w.back(3, 1, 2, 3)
			r := roster(3)
			r.Version = 2
			change(&r)
			entry := w.mappingEntry(3)
			w.must(1, Entry{Roster: &Roster{Roster: r}})
			w.refused(1, entry, "")
		})
	}
	w := drillWorld(t, 3)
	w.must(1, Entry{DrillOff: w.drilledOff(3)})
	w.back(3, 1, 2, 3)
	w.must(1, w.mappingEntry(3))
	r := roster(3)
	r.Version, r.Timing.PingMS = 2, 77
	w.must(1, Entry{Roster: &Roster{Roster: r}})
	if len(w.s.Node(3).Proven) != 1 {
		t.Error("a change of something else voids it")
	}
}

func TestDrillIsRefusedWhereItWouldHurt(t *testing.T) {
	ask := Entry{Drill: &DrillStart{ID: "d", Node: 3, By: "op"}}
	for name, row := range map[string]struct {
		set  func(w *world)
		want string
	}{
		"no quorum":           {func(w *world) { w.view(1) }, "quorum"},
		"a victim is open":    {func(w *world) { w.view(1, 2, 3, 4) }, "n5 is not resolved"},
		"the brake is at it":  {func(w *world) { w.s.Answering = []fence.Incarnation{{Node: 9, Boot: "x"}} }, "R21"},
		"power-on is owed":    {func(w *world) { w.s.Node(4).PowerOn = &PowerOn{ID: 9} }, "operation on n4"},
		"something in flight": {func(w *world) { w.s.Node(4).Unquiet = []Claim{{Number: 1}} }, "operation on n4"},
		"quorum needs it": {func(w *world) {
			for _, id := range []fence.NodeID{5, 4} {
				w.must(id, Entry{Leave: &Leave{Force: true}})
			}
			w.view(1, 2, 3)
		}, "votes that quorum needs"},
		"it has left":             {func(w *world) { w.must(3, Entry{Leave: &Leave{}}) }, "no clean member"},
		"another drill":           {func(w *world) { w.drill(2) }, "one at a time"},
		"an older build is there": {func(w *world) { w.s.Feature = 2 }, "R11"},
		"the level waits": {func(w *world) {
			w.s.Roster.Nodes[2].Levels = []fence.Level{{Steps: []fence.Step{{Wait: fence.WaitWatchdog}}}}
		}, "devices alone"},
		"there is no level":     {func(w *world) { w.s.Roster.Nodes[2].Levels = nil }, "has no level 1"},
		"nobody else could act": {func(w *world) { w.otherFiles(1, 2, 4, 5) }, "eligible"},
	} {
		t.Run(name, func(t *testing.T) {
			w := drillWorld(t, 5)
			row.set(w)
			w.refused(1, ask, row.want)
		})
	}
}

// otherFiles gives nodes another configuration than the committed one.
func (w *world) otherFiles(ids ...fence.NodeID) {
	for _, id := range ids {
		w.s.Node(id).Roster = "other"
	}
}

func TestDrillIsClaimedOnlyOfWhoHoldsNothing(t *testing.T) { // R12: nobody's data is cut off by a rehearsal
	w := drillWorld(t, 3)
	w.drill(3)
	w.refused(1, w.drillClaimEntry(3), "has not left")
	w.refused(3, Entry{DrillReady: &DrillReady{Node: 3, Drill: w.s.Node(3).Drill.ID}}, "has not left")
	w.must(3, Entry{Leave: &Leave{}})
	w.refused(1, w.drillClaimEntry(3), "has not left")
	w.refused(2, Entry{DrillReady: &DrillReady{Node: 3, Drill: w.s.Node(3).Drill.ID}}, "only the drilled life itself")
	w.must(3, Entry{DrillReady: &DrillReady{Node: 3, Drill: w.s.Node(3).Drill.ID}})
	silent := w.drillClaimEntry(3)
	silent.Claim.Answers = false
	w.refused(1, silent, "is not heard")
	w.refused(3, w.drillClaimEntry(3), "not eligible")
	w.must(1, w.drillClaimEntry(3))
	w.refused(2, w.drillClaimEntry(3), "(V4)")
	w.refused(2, Entry{DrillEnd: &DrillEnd{Node: 3, Drill: w.s.Node(3).Drill.ID}}, "its actor is at it")
}

func TestWhoComesDuringADrillWaitsForItsPower(t *testing.T) { // R9: it must get nothing that its next second takes away
	w := drillWorld(t, 3)
	w.drilledOff(3)
	w.view(1, 2)
	w.boots[3]++
	w.view(1, 2, 3)
	w.must(3, Entry{Announce: &Announce{Clean: true, Machine: machine(3), Roster: w.s.RosterHash, Feature: FeatureLevel}})
	if w.s.Clean(3) {
		t.Fatal("admitted while its power may be cut")
	}
	c := w.s.Node(3).Drill.Claim
	w.must(1, Entry{DrillOff: &DrillOff{Node: 3, Number: c.Number, Commanded: true, Quiet: true, Text: "it failed"}})
	if n := w.s.Node(3); !w.s.Clean(3) || n.PowerOn == nil || n.Drill != nil {
		t.Fatalf("%+v", n)
	}
}

func TestADrillThatLosesItsActorOwesPower(t *testing.T) { // R9
	w := drillWorld(t, 5)
	w.drilledOff(3)
	w.view(2, 3, 4, 5)
	n := w.s.Node(3)
	if n.Drill != nil || n.LastDrill.Passed || n.PowerOn == nil || len(n.Unquiet) != 1 || len(n.Proven) != 0 {
		t.Fatalf("%+v", n)
	}
	for name, after := range map[string]func(w *world){
		"a cold start": func(w *world) { w.boots[1], w.boots[2], w.boots[4], w.boots[5] = 1, 1, 1, 1; w.view(1, 2, 4, 5) },
		"a request": func(w *world) {
			w.must(2, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
		},
		"an expiry": func(w *world) {
			w.must(2, Entry{ClaimEnd: &ClaimEnd{Node: 3, Number: w.s.Node(3).Drill.Claim.Number, Expired: true}})
		},
		"a word that it is dirty": func(w *world) {
			w.must(3, Entry{Announce: &Announce{Machine: machine(3), Roster: w.s.RosterHash, Feature: FeatureLevel, Why: "x"}})
		},
	} {
		w := drillWorld(t, 5)
		w.drilledOff(3)
		after(w)
		if n := w.s.Node(3); n.Drill != nil || n.LastDrill.Passed || len(n.Unquiet) != 1 || (n.PowerOn == nil && n.Victim == nil) {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

func TestWhatAnOutvotedActorSawProvesNothing(t *testing.T) { // I3, R16 a
	w := drillWorld(t, 4)
	p := w.drilledOff(4)
	one := w.s.Node(1)
	one.Frozen = one.Instance
	w.refused(1, Entry{DrillOff: p}, "I3")
	one.Frozen = ""
	w.must(1, Entry{DrillOff: p})
	w.back(4, 1, 2, 3, 4)
	d := w.s.Node(4).Drill
	m := Entry{Mapping: &Mapping{Node: 4, Mapping: d.Reach, Drill: d.ID}}
	one.Frozen = one.Instance
	w.refused(1, m, "I3")
	w.view(1, 2, 3, 4)
	if n := w.s.Node(4); n.Drill != nil || n.LastDrill.Passed {
		t.Fatalf("it waits for a word that nobody would take: %+v", n)
	}
}

func TestADrillNeedsNoArming(t *testing.T) { // 0057: it is how one finds out before arming
	w := drillWorld(t, 4)
	w.must(1, Entry{Arm: &Arm{By: "op"}})
	p := w.drilledOff(4)
	w.must(1, Entry{DrillOff: p})
	w.back(4, 1, 2, 3, 4)
	d := w.s.Node(4).Drill
	w.must(1, Entry{Mapping: &Mapping{Node: 4, Mapping: d.Reach, Drill: d.ID}})
}

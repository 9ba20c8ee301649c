package domain

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// ownWorld is a cutWorld whose nodes open their ways only themselves, as with fence_scsi: what they did in their first boot was done by hand.
func ownWorld(t *testing.T) *world {
	t.Helper()
	w := cutWorld(t, 3)
	w.registers()
	return w
}

// registers makes every node open its ways itself.
func (w *world) registers() {
	r := w.s.Roster
	r.Devices = slices.Clone(r.Devices)
	i := slices.IndexFunc(r.Devices, func(d fence.Device) bool { return d.Name == "fc" })
	r.Devices[i].OnTarget = true
	w.s.Roster, w.s.RosterHash = r, r.Hash()
	for _, n := range r.Nodes {
		w.announce(n.ID, "san")
	}
}

// boot brings node 3 back in a new boot that says that it is clean.
func (w *world) boot() *Node {
	w.t.Helper()
	w.boots[3]++
	w.view(1, 2, 3)
	w.announce(3, "san")
	return w.s.Node(3)
}

// registered ends node 3's own claim.
func (w *world) registered(ok, quiet bool) {
	w.t.Helper()
	w.must(3, Entry{PowerOn: &PowerDone{Node: 3, Number: w.s.Node(3).Cut.Claim.Number, OK: ok, Quiet: quiet}})
}

// R18, V11: who was cut off by its registration is opened by its own new boot alone, before it is admitted and once in that boot.
func TestANodeRegistersItself(t *testing.T) {
	w := ownWorld(t)
	w.cut()
	n := w.boot()
	if n.Pending == nil || w.s.Clean(3) || !w.s.Unfences(n) {
		t.Fatalf("%+v", n)
	}
	w.refused(1, w.unfence(), "only the daemon of n3")
	w.refused(2, w.unfence(), "only the daemon of n3")
	w.must(3, w.unfence())
	if c := w.s.Node(3).Cut.Claim; !c.Own() || c.Actor.Node != 3 {
		t.Fatalf("%+v", c)
	}
	w.refused(3, w.unfence(), "is active")
	w.registered(false, true)
	if n := w.s.Node(3); n.Cut == nil || n.Cut.Round != 1 || n.Pending == nil || w.s.Clean(3) {
		t.Fatalf("%+v", n)
	}
	w.must(3, w.unfence())
	w.registered(true, true)
	if n := w.s.Node(3); n.Cut != nil || n.Pending != nil || w.s.Clean(3) {
		t.Fatalf("what came into reach was not looked at: %+v", n)
	}
	w.announce(3, "san")
	if !w.s.Clean(3) {
		t.Fatalf("%+v", w.s.Node(3))
	}
	w.refused(3, w.unfence(), "nobody fences itself") // never again in this boot
}

// A registration belongs to a boot: also who was never cut off opens its way itself before it is admitted, once.
func TestEachBootRegistersItself(t *testing.T) {
	w := ownWorld(t)
	w.must(3, Entry{Leave: &Leave{Why: "update"}})
	w.view(1, 2)
	n := w.boot()
	if n.Cut == nil || !n.Cut.Owed || n.Pending == nil || w.s.Clean(3) {
		t.Fatalf("%+v", n)
	}
	w.must(3, w.unfence())
	w.registered(true, true)
	w.announce(3, "san")
	if !w.s.Clean(3) {
		t.Fatalf("%+v", w.s.Node(3))
	}
	// It leaves and comes back in the same boot: what it did holds.
	w.must(3, Entry{Leave: &Leave{Why: "update"}})
	w.view(1, 2)
	w.view(1, 2, 3)
	w.announce(3, "san")
	if n := w.s.Node(3); !w.s.Clean(3) || n.Cut != nil {
		t.Fatalf("%+v", n)
	}
}

// The registration that may still come late keeps the life out, for it could undo the cut of an admitted one (R9).
func TestALateRegistrationHoldsTheAdmission(t *testing.T) {
	w := ownWorld(t)
	w.cut()
	w.boot()
	w.must(3, w.unfence())
	number := w.s.Node(3).Cut.Claim.Number
	w.registered(true, false)
	w.announce(3, "san")
	if w.s.Clean(3) {
		t.Fatalf("%+v", w.s.Node(3))
	}
	w.must(3, Entry{Returned: &Returned{Node: 3, Number: number}})
	if !w.s.Clean(3) {
		t.Fatalf("%+v", w.s.Node(3))
	}
}

// R18, V11, 0099: who must not register itself does not, whatever its daemon asks for.
func TestWhoMustNotRegisterItself(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(w *world)
		want  string
	}{
		"a victim":                {func(w *world) { w.reboot(3) }, "open victim"},
		"a dirty life":            {func(w *world) { w.must(3, Entry{Announce: &Announce{Machine: machine(3), Roster: w.s.RosterHash}}) }, "only in a new boot"},
		"held off by name":        {func(w *world) { w.s.Node(3).OffHeld = true }, "holds n3 off"},
		"another file":            {func(w *world) { w.s.Node(3).Roster = "x" }, "the file of n3"},
		"a paused node":           {func(w *world) { w.must(1, Entry{Pause: &PauseEntry{Node: 3, On: true, By: "op", Reason: "r"}}) }, "paused"},
		"a member":                {func(w *world) { n := w.s.Node(3); n.Pending, n.Phase = nil, PhaseMember }, "only in a new boot"},
		"who was stateful":        {func(w *world) { w.s.Node(3).Stateful = true }, "only in a new boot"},
		"something in flight":     {func(w *world) { n := w.s.Node(3); n.Unquiet = []Claim{{Number: 1}} }, "in flight"},
		"others come first":       {func(w *world) { n := w.s.Node(3); n.Cut.Steps = append(n.Cut.Steps, fence.Step{Device: "x"}) }, "by others first"},
		"a machine of its own":    {func(w *world) { w.s.Node(3).Pending.Machine.Virtual = true; w.s.Node(3).Cut.Over = false }, "does not prove"},
		"the cut life":            {func(w *world) { n := w.s.Node(3); n.Cut.Life, n.Cut.Over = n.Life, false }, "has its verdict"},
		"a life of an older boot": {func(w *world) { w.s.Node(3).Life.Boot = "newer" }, "nothing is closed to boot"},
		"a disarmed cluster":      {func(w *world) { w.must(1, Entry{Arm: &Arm{By: "op"}}) }, "not armed"},
		"who is outvoted":         {func(w *world) { n := w.s.Node(3); n.Frozen = n.Instance }, "another state than the majority"},
	} {
		w := ownWorld(t)
		w.cut()
		w.boot()
		e := w.unfence()
		c.spoil(w)
		t.Log(name)
		w.refused(3, e, c.want)
		if n := w.s.Node(3); len(n.Unquiet) == 0 && n.Life.Boot == e.Claim.Boot && w.s.MayOpenItself(n) == nil {
			t.Error("its daemon asks all the same, again and again")
		}
	}
}

// What others do meanwhile ends no claim of a life that is no member: it would begin again and again (0099).
func TestARegistrationOutlivesWhatOthersDo(t *testing.T) {
	w := ownWorld(t)
	w.cut()
	w.boot()
	w.must(3, w.unfence())
	w.must(2, Entry{Leave: &Leave{Why: "update", Force: true}})
	w.view(1, 3)
	if n := w.s.Node(3); n.Cut.Claim == nil || len(n.Unquiet) > 0 {
		t.Fatalf("%+v", n)
	}
	w.registered(true, true)
}

// R16 a: the new boot of a drilled node registers itself too, for the drill waits until it is admitted.
func TestADrilledNodeRegistersItself(t *testing.T) {
	w := ownWorld(t)
	w.must(1, Entry{Drill: &DrillStart{ID: "d", Node: 3, Level: 1, By: "op"}})
	w.must(3, Entry{Leave: &Leave{}})
	w.must(3, Entry{DrillReady: &DrillReady{Node: 3, Drill: w.s.Node(3).Drill.ID}})
	w.must(1, w.drillClaimEntry(3))
	off := w.drillProof(3)
	off.Evidence.Level = 1
	off.Evidence.Devices[0].Device, off.Evidence.Devices[0].Mapping = "bmc-3", "map-bmc-3"
	n := w.s.Node(3)
	n.Cut, n.Pending, n.Life.Boot = &Cut{Steps: w.s.Roster.Nodes[2].Levels[0].Steps}, &Announce{Machine: machine(3)}, "early" // its power may go at any moment (R9)
	w.refused(3, w.unfence(), "being drilled")
	n.Cut, n.Pending, n.Life.Boot = nil, nil, n.Drill.Life.Boot
	w.must(1, Entry{DrillOff: off})
	w.back(3, 1, 2, 3)
	if n := w.s.Node(3); n.Drill == nil || n.Pending == nil || n.Cut == nil || w.s.Clean(3) {
		t.Fatalf("%+v", n)
	}
	w.must(3, w.unfence())
	w.registered(true, true)
	w.announce(3, "san")
	w.must(1, w.mappingEntry(3))
	if n := w.s.Node(3); !w.s.Clean(3) || !n.LastDrill.Passed {
		t.Fatalf("%+v", n)
	}
}

// V7: a claim to open its own ways is no claim of a drill.
func TestNobodyDrillsItself(t *testing.T) {
	w := ownWorld(t)
	w.must(1, Entry{Drill: &DrillStart{ID: "d", Node: 3, Level: 1, By: "op"}})
	w.must(3, Entry{Leave: &Leave{}})
	n := w.s.Node(3)
	w.must(3, Entry{DrillReady: &DrillReady{Node: 3, Drill: n.Drill.ID}})
	n.Cut = &Cut{Steps: w.s.Roster.Nodes[2].Levels[0].Steps}
	e := w.drillClaimEntry(3)
	e.Claim.Unfence = true
	w.refused(3, e, "not eligible")
}

// R26: who was admitted in this boot while the cluster was not armed, and resumes after a planned restart, owes nothing either: a disk that does not
// answer would make a healthy node late, and a victim.
func TestWhoResumesOwesNothing(t *testing.T) {
	w := ownWorld(t)
	w.s.Roster.Timing.LeaseMS = 5000
	w.must(3, Entry{Leave: &Leave{Why: "update"}})
	w.must(1, Entry{Arm: &Arm{By: "op"}})
	w.view(1, 2)
	w.boot()
	w.must(3, restart("n"))
	w.view(1, 2)
	w.must(1, Entry{Arm: &Arm{Armed: true, By: "op"}})
	w.successor(3, "later", 1, 2)
	if _, err := w.word(3, "later", "n"); err != nil || !w.s.Clean(3) {
		t.Fatalf("%v: %+v", err, w.s.Node(3))
	}
	// Nor does a member whose ways were to be opened by others, until the roster said that only it does.
	w = cutWorld(t, 3)
	w.s.Roster.Timing.LeaseMS = 5000
	w.must(1, Entry{Request: &Request{ID: "u", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseOperator, By: "op"}})
	w.registers()
	w.must(3, restart("n"))
	w.view(1, 2)
	w.successor(3, "later", 1, 2)
	if _, err := w.word(3, "later", "n"); err != nil || !w.s.Clean(3) || w.s.Node(3).Cut == nil {
		t.Fatalf("%v: %+v", err, w.s.Node(3))
	}
}

// reboot makes a node somebody's victim.
func (w *world) reboot(id fence.NodeID) {
	w.must(1, Entry{Request: &Request{ID: "r", Node: id, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
}

// While it registers itself it becomes a victim: what it sent may still come, so no cut is begun before that is over (I5, R9).
func TestNoCutBesideARegistration(t *testing.T) {
	w := ownWorld(t)
	w.cut()
	w.boot()
	w.must(3, w.unfence())
	w.reboot(3)
	if n := w.s.Node(3); n.Victim == nil || n.Cut.Claim != nil || len(n.Unquiet) != 1 {
		t.Fatalf("%+v", n)
	}
	w.refused(1, w.claimEntry(3), "in flight")
	w.refused(3, Entry{PowerOn: &PowerDone{Node: 3, Number: w.s.Node(3).Unquiet[0].Number, OK: true, Quiet: true}}, "not active")
	// Its daemon vanishes while it registers itself: the claim ends, and its next boot waits until nothing of it is left.
	w = ownWorld(t)
	w.cut()
	w.boot()
	w.must(3, w.unfence())
	w.view(1, 2)
	if n := w.s.Node(3); n.Cut.Claim != nil || len(n.Unquiet) != 1 {
		t.Fatalf("%+v", n)
	}
	w.boot()
	w.refused(3, w.unfence(), "in flight")
	w.must(1, Entry{Returned: &Returned{Node: 3, Number: w.s.Node(3).Unquiet[0].Number, Elapsed: true}})
	w.must(3, w.unfence())
}

// A held machine that somebody switched on registers itself once a person says so, and that ends the hold as any admission does (0082).
func TestAHeldNodeRegistersOnAWord(t *testing.T) {
	w := ownWorld(t)
	w.cut()
	w.boot()
	w.s.Node(3).OffHeld = true
	w.refused(3, w.unfence(), "holds n3 off")
	w.must(1, Entry{Request: &Request{ID: "u", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseOperator, By: "op"}})
	w.must(3, w.unfence())
}

// A disarmed cluster touches no device: who owes nothing but its own registration is let in without it, who was cut off is not.
func TestADisarmedClusterRegistersNobody(t *testing.T) {
	w := ownWorld(t)
	w.must(3, Entry{Leave: &Leave{Why: "update"}})
	w.view(1, 2)
	w.boot()
	w.must(1, Entry{Arm: &Arm{By: "op"}})
	if n := w.s.Node(3); !w.s.Clean(3) || n.Cut != nil {
		t.Fatalf("%+v", n)
	}
	w = ownWorld(t) // also where somebody has asked for it, as W217 says
	w.must(3, Entry{Leave: &Leave{Why: "update"}})
	w.view(1, 2)
	w.boot()
	w.must(1, Entry{Request: &Request{ID: "u", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseOperator, By: "op"}})
	w.must(1, Entry{Arm: &Arm{By: "op"}})
	if n := w.s.Node(3); !w.s.Clean(3) || n.Cut != nil {
		t.Fatalf("%+v", n)
	}
	w = ownWorld(t)
	w.cut()
	w.boot()
	w.must(1, Entry{Request: &Request{ID: "u", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseOperator, By: "op"}})
	w.must(1, Entry{Arm: &Arm{By: "op"}})
	if n := w.s.Node(3); w.s.Clean(3) || n.Cut == nil {
		t.Fatalf("%+v", n)
	}
}

// A port before the disk is opened by others first; then the node registers itself, and only then it is admitted.
func TestOthersOpenBeforeItRegisters(t *testing.T) {
	w := ownWorld(t)
	w.cut()
	r := w.s.Roster
	r.Devices = append(slices.Clone(r.Devices), fence.Device{Name: "port", Kind: fence.KindStorage, Mapping: "map-port", SettleMS: 100, EffectMS: 5000, Accepted: true})
	w.s.Roster = r
	n := w.boot()
	n.Roster = w.s.RosterHash
	n.Cut.Steps = append(n.Cut.Steps, fence.Step{Device: "port", Target: "3"})
	w.refused(3, w.unfence(), "by others first")
	w.must(1, w.unfence())
	w.opened(true)
	if n := w.s.Node(3); n.Cut == nil || len(n.Cut.Steps) != 1 || n.Pending == nil || w.s.Clean(3) {
		t.Fatalf("%+v", n)
	}
	w.refused(1, w.unfence(), "only the daemon of n3")
	w.must(3, w.unfence())
	w.registered(true, true)
	if n := w.s.Node(3); n.Cut != nil || n.Opened == nil {
		t.Fatalf("%+v", n)
	}
}

// A member registers no second time in its boot: not for an operator either.
func TestNoMemberRegistersItself(t *testing.T) {
	w := ownWorld(t)
	w.refused(1, Entry{Request: &Request{ID: "u", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseOperator, By: "op", Force: true}}, "once in each boot")
}

// R11: a roster in which nodes open their ways themselves needs the level at which all know what that means.
func TestOnTargetNeedsTheLevel(t *testing.T) {
	w := cutWorld(t, 3)
	r := w.s.Roster
	r.Version++
	r.Devices = slices.Clone(r.Devices)
	r.Devices[len(r.Devices)-1].OnTarget = true
	w.s.Feature = FeatureOwn - 1
	w.s.Roster.Devices = slices.DeleteFunc(slices.Clone(w.s.Roster.Devices), func(d fence.Device) bool { return d.Accepted })
	r.Shared = nil
	for i := range r.Devices {
		r.Devices[i].Accepted = false
	}
	r.Nodes = slices.Clone(r.Nodes)
	for i := range r.Nodes {
		r.Nodes[i].Shared = nil
	}
	w.refused(1, Entry{Roster: &Roster{Roster: r}}, "on_target needs feature level")
}

// R10, R12: the mains return, and one node's disk does not answer. That it registers itself is owed by it alone: the others are not kept from their work by
// a node that says, clean, that it holds nothing.
func TestWhoCannotRegisterHoldsUpNobody(t *testing.T) {
	w := ownWorld(t)
	for _, id := range []fence.NodeID{1, 2, 3} {
		w.boots[id]++
	}
	w.view(1, 2, 3)
	for _, id := range []fence.NodeID{1, 2, 3} {
		w.announce(id, "san")
		n := w.s.Node(id)
		w.must(id, Entry{Claim: &ClaimEntry{Node: id, Boot: n.Life.Boot, Number: n.NextClaim, DurationMS: 1000, Unfence: true}})
		w.must(id, Entry{PowerOn: &PowerDone{Node: id, Number: n.Cut.Claim.Number, OK: id != 3, Quiet: true}})
		if id != 3 {
			w.announce(id, "san")
		}
	}
	if !w.s.Clean(1) || !w.s.Clean(2) || w.s.Clean(3) || w.s.Node(3).Pending == nil || len(w.s.Unresolved()) > 0 {
		t.Fatalf("unresolved %v: %+v", w.s.Unresolved(), w.s.Node(3))
	}
	// Where the cut life of a guest may go on, it is to be read anew that its ways are closed.
	w = ownWorld(t)
	w.cut()
	w.s.Node(3).Cut.Machine.Virtual = true
	for _, id := range []fence.NodeID{1, 2, 3} {
		w.boots[id]++
	}
	w.view(1, 2, 3)
	w.announce(3, "san")
	if n := w.s.Node(3); n.Pending == nil || !slices.Contains(w.s.Unresolved(), 3) {
		t.Fatalf("unresolved %v: %+v", w.s.Unresolved(), n)
	}
}

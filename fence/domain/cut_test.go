package domain

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// cutWorld is an armed cluster of three at a feature level in which a node's first level closes its port at a switch, which is its only way to
// san, and its second is its BMC.
func cutWorld(t *testing.T, feature int) *world {
	t.Helper()
	w := newWorld(t, 3)
	w.s.Feature = feature
	r := w.s.Roster
	r.Version++
	r.Nodes, r.Devices = slices.Clone(r.Nodes), slices.Clone(r.Devices)
	r.Devices = append(r.Devices, fence.Device{Name: "fc", Kind: fence.KindStorage, Mapping: "map-fc", SettleMS: 100, EffectMS: 5000, Accepted: true})
	for i := range r.Nodes {
		r.Nodes[i].Levels = []fence.Level{{Steps: []fence.Step{{Device: "fc", Target: r.Nodes[i].Name}}}, r.Nodes[i].Levels[0]}
		r.Nodes[i].Shared = []string{"san"}
	}
	r.Shared = []fence.Shared{{Name: "san", CutBy: [][]string{{"fc"}}}}
	w.s.Roster, w.s.RosterHash = r, r.Hash()
	w.byHand()
	for _, n := range r.Nodes {
		w.announce(n.ID, "san")
	}
	return w
}

// announce is a clean word that names what the life uses.
func (w *world) announce(id fence.NodeID, shared ...string) []Event {
	w.t.Helper()
	return w.must(id, Entry{Announce: &Announce{Clean: true, Machine: machine(id), Roster: w.s.RosterHash, Feature: 3, Shared: shared}})
}

// cutProof is evidence of a closed port under the active claim.
func (w *world) cutProof(node fence.NodeID) *Proof {
	p := w.proof(node)
	p.Evidence.Kind, p.Switched = fence.EvidenceStorageCut, []int{0}
	d := &p.Evidence.Devices[0]
	d.Device, d.Target, d.Mapping = "fc", w.s.Roster.Name(node), "map-fc"
	d.First.Identity, d.Final.Identity = fence.Identity{}, fence.Identity{}
	return p
}

// cut has node 3 cut off by node 1; its daemon is out of the view.
func (w *world) cut() {
	w.t.Helper()
	w.view(1, 2)
	w.claim(1, 3)
	w.must(1, Entry{Verdict: w.cutProof(3)})
}

// unfence claims the opening of node 3's ways.
func (w *world) unfence() Entry {
	n := w.s.Node(3)
	return Entry{Claim: &ClaimEntry{Node: 3, Boot: n.Life.Boot, Number: n.NextClaim, DurationMS: 1000, Unfence: true}}
}

// opened ends that claim well.
func (w *world) opened(ok bool) []Event {
	w.t.Helper()
	return w.must(1, Entry{PowerOn: &PowerDone{Node: 3, Number: w.s.Node(3).Cut.Claim.Number, OK: ok, Quiet: true}})
}

func TestACutReleasesAndEndsNothing(t *testing.T) { // R18
	w := cutWorld(t, 3)
	w.cut()
	n := w.s.Node(3)
	if n.Victim != nil || n.Last.Kind != fence.VerdictCut || n.PowerOn != nil || n.OffHeld || len(n.Switched) > 0 || !w.s.IsCut(n.Life) || len(w.s.Unresolved()) > 0 {
		t.Fatalf("%+v", n)
	}
	// The cut life comes into the view again, as another daemon too: it is nobody, holds up nobody, and is never let in (R16, V11).
	for range 2 {
		w.view(1, 2, 3)
		if n := w.s.Node(3); n.Phase != PhaseAbsent || w.s.Clean(3) || w.s.Eligible(3) || len(w.s.Unresolved()) > 0 || !w.s.OverdueLife(n).Zero() {
			t.Fatalf("%+v", n)
		}
		w.refused(3, Entry{Announce: &Announce{Clean: true, Machine: machine(3), Roster: w.s.RosterHash}}, "only a new boot")
		w.refused(3, Entry{Announce: &Announce{Machine: machine(3), Roster: w.s.RosterHash}}, "only a new boot")
		w.refused(1, w.unfence(), "no new boot")
		w.refused(1, Entry{Request: &Request{ID: "u", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseOperator, By: "op", Force: true}}, "no new boot")
		w.view(1, 2)
	}
	w.refused(1, Entry{Roster: &Roster{Roster: without(w.s.Roster, 3)}}, "goes on")
}

// without is the next roster, without one node.
func without(r fence.Roster, id fence.NodeID) fence.Roster {
	r.Version++
	r.Nodes = slices.DeleteFunc(slices.Clone(r.Nodes), func(n fence.RosterNode) bool { return n.ID == id })
	return r
}

func TestACutNeedsTheAnnouncement(t *testing.T) { // R18
	for _, c := range map[string]struct {
		spoil func(*world)
		want  string
	}{
		"whole":                     {func(*world) {}, ""},
		"nothing was announced":     {func(w *world) { w.s.Node(3).Shared = nil }, "announced no shared device"},
		"something else announced":  {func(w *world) { w.announce(3, "nfs") }, "from nfs"},
		"the roster says more":      {func(w *world) { w.s.Roster.Nodes[2].Shared = []string{"nfs", "san"} }, "from nfs"},
		"another machine is theirs": {func(w *world) { w.s.Node(3).Foreign = &fence.Machine{UUID: machine(9).UUID} }, "announced no shared device"},
	} {
		w := cutWorld(t, 3)
		c.spoil(w)
		w.view(1, 2)
		w.claim(1, 3)
		if c.want == "" {
			w.must(1, Entry{Verdict: w.cutProof(3)})
			continue
		}
		w.refused(1, Entry{Verdict: w.cutProof(3)}, c.want)
	}
	// Another boot has said nothing yet, whatever the one before it said.
	w := cutWorld(t, 3)
	w.boots[3]++
	w.view(1, 2, 3)
	if n := w.s.Node(3); len(n.Shared) > 0 || !slices.Equal(n.Victim.Shared, []string{"san"}) {
		t.Errorf("%+v", n)
	}
	// What a victim says that it uses beside that counts too: it may hold it by now (V12).
	w = cutWorld(t, 3)
	w.must(1, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	w.must(3, Entry{Announce: &Announce{Machine: machine(3), Roster: w.s.RosterHash, Feature: 3, Shared: []string{"nfs"}}})
	w.claim(1, 3)
	w.refused(1, Entry{Verdict: w.cutProof(3)}, "from nfs")
}

// R2, R18, V11: only a new boot with a clean word has its ways opened, before it is admitted, and then it speaks anew.
func TestUnfencingBeforeAdmission(t *testing.T) {
	w := cutWorld(t, 3)
	w.cut()
	w.boots[3]++
	w.view(1, 2, 3)
	w.refused(1, w.unfence(), "no new boot")
	w.announce(3, "san")
	if n := w.s.Node(3); n.Pending == nil || n.Phase != PhaseJoining || w.s.Clean(3) || !w.s.Unfences(n) {
		t.Fatalf("%+v", n)
	}
	w.refused(3, w.unfence(), "not eligible")
	w.must(1, w.unfence())
	w.refused(2, w.unfence(), "is active")
	w.opened(false)
	if n := w.s.Node(3); n.Cut == nil || n.Pending == nil || w.s.Clean(3) {
		t.Fatalf("%+v", n)
	}
	w.refused(1, w.unfence(), "it is the turn of n2")
	e := w.unfence()
	w.must(2, e)
	w.must(2, Entry{PowerOn: &PowerDone{Node: 3, Number: e.Claim.Number, OK: true, Quiet: true}})
	if n := w.s.Node(3); n.Cut != nil || n.Pending != nil || n.Phase != PhaseJoining || w.s.Clean(3) {
		t.Fatalf("what came into reach was not looked at: %+v", n)
	}
	w.announce(3, "san")
	if !w.s.Clean(3) {
		t.Fatalf("%+v", w.s.Node(3))
	}
}

func TestUnfencingDisarmedNeedsForce(t *testing.T) {
	w := cutWorld(t, 3)
	w.cut()
	w.boots[3]++
	w.view(1, 2, 3)
	w.announce(3, "san")
	w.must(1, Entry{Arm: &Arm{By: "op"}})
	w.refused(1, w.unfence(), "not armed")
	w.refused(1, Entry{Request: &Request{ID: "u", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseOperator, By: "op"}}, "not armed")
	w.must(1, Entry{Request: &Request{ID: "u", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseOperator, By: "op", Force: true}})
	w.must(1, w.unfence())
}

// An operator may have opened for a clean member what nobody remembers to have closed.
func TestUnfencingAMember(t *testing.T) {
	w := cutWorld(t, 3)
	w.refused(1, w.unfence(), "nothing is closed")
	w.must(1, Entry{Request: &Request{ID: "u", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseOperator, By: "op"}})
	w.must(1, w.unfence())
	w.opened(true)
	if !w.s.Clean(3) || w.s.Node(3).Cut != nil {
		t.Fatalf("%+v", w.s.Node(3))
	}
	// While it is being opened it becomes a victim: what is on its way may still open it, so no off is claimed before that is over (I5).
	w.must(1, Entry{Request: &Request{ID: "v", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseOperator, By: "op"}})
	w.must(1, w.unfence())
	w.must(2, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	if n := w.s.Node(3); n.Victim == nil || n.Cut.Claim != nil || len(n.Unquiet) != 1 {
		t.Fatalf("%+v", n)
	}
	w.refused(1, w.claimEntry(3), "in flight")
}

// R2: a new boot of a virtual machine does not prove that its cut life is over; a stronger verdict does.
func TestACutVirtualMachineNeedsAStrongerVerdict(t *testing.T) {
	w := cutWorld(t, 3)
	w.s.Node(3).Machine.Virtual = true
	w.cut()
	w.boots[3]++
	w.view(1, 2, 3)
	a := Announce{Clean: true, Machine: machine(3), Roster: w.s.RosterHash, Shared: []string{"san"}}
	a.Machine.Virtual = true
	w.must(3, Entry{Announce: &a})
	w.refused(1, w.unfence(), "does not prove")
	old := w.s.Node(3).Cut.Life
	w.must(1, Entry{Request: &Request{ID: "r", Node: 3, Boot: old.Boot, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	if v := w.s.Node(3).Victim; v == nil || v.Incarnation != old {
		t.Fatalf("%+v", v)
	}
	w.claim(1, 3)
	w.refused(1, Entry{Verdict: w.cutProof(3)}, "cut already")
	p := w.proof(3)
	p.Evidence.Level = 1
	w.must(1, Entry{Verdict: p})
	if w.s.IsCut(old) {
		t.Error("power off ends a cut life")
	}
	if n := w.s.Node(3); n.Cut == nil {
		t.Error("its ways are open although nobody opened them")
	}
}

// R18: a stronger verdict on the cut life stays possible, by its name and by an acknowledgement; a program that waits for a release has it already.
func TestAfterACut(t *testing.T) {
	w := cutWorld(t, 3)
	w.cut()
	life := w.s.Node(3).Life
	ev := w.must(2, Entry{Request: &Request{ID: "dlm", Node: 3, Boot: life.Boot, Action: fence.ActionReboot, Cause: fence.CauseReported, By: "dlm"}})
	if w.s.Node(3).Victim != nil || ev[0].Verdict == nil {
		t.Fatal("a program's request for a life that is cut off made it a victim again")
	}
	w.must(2, Entry{Request: &Request{ID: "op", Node: 3, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	if v := w.s.Node(3).Victim; v == nil || v.Incarnation != life || len(w.s.Unresolved()) != 1 {
		t.Fatalf("%+v", v)
	}
	w.must(1, Entry{Ack: &Ack{Node: 3, Boot: life.Boot, By: "op", Reason: "pulled"}})
	if w.s.IsCut(life) || w.s.Node(3).Cut == nil {
		t.Fatalf("%+v", w.s.Node(3).Cut)
	}
}

// R9, R18: a claim that failed, or whose actor is gone, may have closed something. Power proved it over; before the next life is let in, that is opened.
func TestAFailedCutIsOpenedToo(t *testing.T) {
	for name, end := range map[string]func(*world){
		"failed": func(w *world) {
			w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 3, Number: w.s.Node(3).Victim.Claim.Number, Quiet: true, Switched: []int{0}}})
			w.claim(2, 3)
			p := w.proof(3)
			p.Evidence.Level = 1
			w.must(2, Entry{Verdict: p})
		},
		"the same walk": func(w *world) {
			p := w.proof(3)
			p.Evidence.Level, p.Switched = 1, []int{0, 1}
			w.must(1, Entry{Verdict: p})
		},
		"actor gone": func(w *world) {
			w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 3, Number: w.s.Node(3).Victim.Claim.Number, Expired: true}})
		},
	} {
		w := cutWorld(t, 3)
		w.view(1, 2)
		w.claim(1, 3)
		end(w)
		n := w.s.Node(3)
		if n.Cut == nil || !slices.Equal(n.Cut.Steps, []fence.Step{{Device: "fc", Target: "n3"}}) || !n.Cut.Life.Zero() || slices.Contains(n.Switched, 0) {
			t.Fatalf("%s: %+v", name, n.Cut)
		}
		if n.PowerOn != nil && n.PowerOn.Level == 0 {
			t.Errorf("%s: a power-on would open its ways: %+v", name, n.PowerOn)
		}
		w.boots[3]++
		w.view(1, 2, 3)
		n.Unquiet = nil
		w.announce(3, "san")
		if w.s.Clean(3) {
			t.Fatalf("%s: admitted with its ways closed", name)
		}
		w.must(1, w.unfence())
		w.opened(true)
		w.announce(3, "san")
		if !w.s.Clean(3) {
			t.Fatalf("%s: %+v", name, w.s.Node(3))
		}
	}
}

// R9: a level that failed before the cut may have switched the machine off: it is powered on, and its ways stay closed.
func TestACutBehindAPowerLevelPowersOn(t *testing.T) {
	w := cutWorld(t, 3)
	w.view(1, 2)
	w.claim(1, 3)
	p := w.cutProof(3)
	p.Switched = []int{0, 1}
	w.must(1, Entry{Verdict: p})
	if n := w.s.Node(3); n.PowerOn == nil || n.PowerOn.Level != 1 || n.Cut == nil {
		t.Fatalf("%+v", n)
	}
}

// R9: an obligation to power on never holds up the opening of a life that runs, nor the other way round.
func TestUnfencingBeforeAPowerOn(t *testing.T) {
	w := cutWorld(t, 3)
	w.view(1, 2)
	w.claim(1, 3)
	p := w.cutProof(3)
	p.Switched = []int{0, 1}
	w.must(1, Entry{Verdict: p})
	w.boots[3]++
	w.view(1, 2, 3)
	on := Entry{Claim: &ClaimEntry{Node: 3, Boot: w.s.Node(3).PowerOn.For.Boot, Number: w.s.Node(3).NextClaim, DurationMS: 1000, On: true}}
	w.announce(3, "san")
	w.refused(1, on, "waits until its ways are open")
	w.must(1, w.unfence())
	w.opened(true)
	w.announce(3, "san")
	if n := w.s.Node(3); !w.s.Clean(3) || n.PowerOn != nil {
		t.Fatalf("%+v", n)
	}
}

// R18: while a cut life goes on, what cuts it off does not become another's.
func TestRostersKeepWhatIsCut(t *testing.T) {
	w := cutWorld(t, 3)
	w.cut()
	change := func(edit func(*fence.Roster)) Entry {
		r := w.s.Roster
		r.Version++
		r.Nodes, r.Devices = slices.Clone(r.Nodes), slices.Clone(r.Devices)
		edit(&r)
		return Entry{Roster: &Roster{Roster: r}}
	}
	for name, edit := range map[string]func(*fence.Roster){
		"another target": func(r *fence.Roster) {
			r.Nodes[2].Levels = []fence.Level{{Steps: []fence.Step{{Device: "fc", Target: "x"}}}}
		},
		"no such level":   func(r *fence.Roster) { r.Nodes[2].Levels = r.Nodes[2].Levels[1:] },
		"another mapping": func(r *fence.Roster) { r.Devices[len(r.Devices)-1].Mapping = "other" },
		"no such device":  func(r *fence.Roster) { r.Devices = r.Devices[:len(r.Devices)-1] },
	} {
		t.Run(name, func(t *testing.T) { w.t = t; w.refused(1, change(edit), "its life goes on") })
	}
	// Once it is over, what is not configured any more is not opened.
	w.must(1, Entry{Request: &Request{ID: "op", Node: 3, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})
	w.must(1, Entry{Ack: &Ack{Node: 3, Boot: w.s.Node(3).Victim.Boot, By: "op", Reason: "pulled"}})
	w.must(1, change(func(r *fence.Roster) { r.Nodes[2].Levels = r.Nodes[2].Levels[1:] }))
	for _, id := range []fence.NodeID{1, 2} {
		w.announce(id, "san")
	}
	w.boots[3]++
	w.view(1, 2, 3)
	w.announce(3, "san")
	if !w.s.Clean(3) || w.s.Node(3).Cut != nil {
		t.Fatalf("%+v", w.s.Node(3))
	}
}

// R11: before the level a build would judge, announce, configure and claim what another does not know.
func TestCutsBelowTheirLevel(t *testing.T) {
	w := cutWorld(t, 2)
	if len(w.s.Node(3).Shared) > 0 {
		t.Error("an announcement was taken that an older build does not know")
	}
	r := w.s.Roster
	r.Version++
	r.Shared = slices.Clone(r.Shared)
	w.refused(1, Entry{Roster: &Roster{Roster: r}}, "(R11)")
	w.refused(1, Entry{Request: &Request{ID: "u", Node: 3, Action: fence.ActionUnfence, Cause: fence.CauseOperator, By: "op"}}, "(R11)")
	w.refused(1, w.unfence(), "(R11)")
	w.view(1, 2)
	w.claim(1, 3)
	w.refused(1, Entry{Verdict: w.cutProof(3)}, "(R11")
	w.must(1, Entry{ClaimEnd: &ClaimEnd{Node: 3, Number: w.s.Node(3).Victim.Claim.Number, Quiet: true, Switched: []int{0}}})
	if w.s.Node(3).Cut != nil {
		t.Error("a state was kept that an older build does not have")
	}
}

// R10: a snapshot keeps what is cut, and a cold start does not open it.
func TestCutsSurvive(t *testing.T) {
	w := cutWorld(t, 3)
	w.cut()
	b, err := w.s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Restore(b)
	if err != nil || back.Hash() != w.s.Hash() || !back.IsCut(w.s.Node(3).Cut.Life) {
		t.Fatalf("%v, %+v", err, back)
	}
	w.boots[1]++
	w.boots[2]++
	w.view(1, 2)
	if !w.s.IsCut(w.s.Node(3).Cut.Life) || w.s.Generation == back.Generation {
		t.Fatalf("%+v", w.s.Node(3))
	}
}

// What cannot be seen from outside is not drilled (R16 a).
func TestACutIsNotDrilled(t *testing.T) {
	w := cutWorld(t, 3)
	w.refused(1, Entry{Drill: &DrillStart{ID: "d", Node: 3, Level: 0, By: "op"}}, "declared and not drilled")
	w.must(1, Entry{Drill: &DrillStart{ID: "d", Node: 3, Level: 1, By: "op"}})
}

// The word is bounded, like everything that a life says.
func TestAnnouncedNamesAreBounded(t *testing.T) {
	w := cutWorld(t, 3)
	many := make([]string, MaxShared+1)
	for i := range many {
		many[i] = itoa(uint64(i))
	}
	w.refused(3, Entry{Announce: &Announce{Clean: true, Machine: machine(3), Shared: many}}, "at most")
	w.refused(3, Entry{Announce: &Announce{Clean: true, Machine: machine(3), Shared: []string{""}}}, "at most")
	w.must(3, Entry{Announce: &Announce{Clean: true, Machine: machine(3), Shared: many[:40]}})
	w.refused(3, Entry{Announce: &Announce{Clean: true, Machine: machine(3), Shared: many[40:]}}, "at most")
}

// Nobody is told that a node is fenceable by a level that could not cover it (W215).
func TestFenceableByACut(t *testing.T) {
	for name, c := range map[string]struct {
		spoil           func(*world)
		fenceable, know bool
	}{
		"covered":            {func(*world) {}, true, true},
		"not announced":      {func(w *world) { w.s.Node(3).Shared = nil }, false, false},
		"more announced":     {func(w *world) { w.announce(3, "nfs") }, false, false},
		"declared by nobody": {func(w *world) { w.s.Roster.Devices[len(w.s.Roster.Devices)-1].Accepted = false }, false, false},
	} {
		w := cutWorld(t, 3)
		c.spoil(w)
		w.must(1, Entry{Health: &HealthEntry{Health: DeviceHealth{Device: "fc", Target: "n3", Mapping: "map-fc", Class: Healthy}}})
		if ok, known := w.s.Fenceable(3); ok != c.fenceable || known != c.know {
			t.Errorf("%s: %v, %v", name, ok, known)
		}
	}
}

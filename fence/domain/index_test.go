package domain

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fenced-project/fenced/fence"
)

// What is counted beforehand is what a fresh count gives, after any entries, taken or refused, any views, and in copies that came by a snapshot (0110).
func TestTheIndexIsWhatTheStateSays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rapid.SampledFrom([]int{4, 5}).Draw(rt, "nodes"))
		w.s.Feature = rapid.SampledFrom([]int{1, FeatureLevel, FeatureLevel}).Draw(rt, "level")
		w.s.Roster.Timing.LeaseMS, w.s.Roster.Policy.IdleStateless = 5000, rapid.Bool().Draw(rt, "idle")
		twin := w.copy(rt)
		for range rapid.IntRange(5, 60).Draw(rt, "steps") {
			kind := rapid.IntRange(0, 25).Draw(rt, "kind")
			if kind <= 2 {
				w.drawView(rt, twin, kind == 2)
			} else {
				by := fence.NodeID(rapid.IntRange(1, 6).Draw(rt, "by"))
				e := w.drawRare(rt, kind, by)
				_, _ = w.apply(by, e)
				twinApply(w, twin, by, e)
			}
			if w.s.index == nil || twin.index == nil {
				rt.Fatal("nothing is counted")
			}
			if err := errors.Join(w.s.CheckIndex(), twin.CheckIndex()); err != nil {
				rt.Fatalf("kind %d: %v", kind, err)
			}
			if twin.Hash() != w.s.Hash() {
				rt.Fatal("two members with the same log have different states (I3)")
			}
			if rapid.IntRange(0, 9).Draw(rt, "snapshot") == 0 {
				twin = w.copy(rt)
			}
		}
	})
}

// drawRare draws an entry of the kinds that the other properties have, or of those that change what a node counts for.
func (w *world) drawRare(rt *rapid.T, kind int, by fence.NodeID) Entry {
	flag := rapid.Bool().Draw(rt, "rare")
	node := w.s.Nodes[rapid.IntRange(0, len(w.s.Nodes)-1).Draw(rt, "target")].ID
	switch kind {
	case 20, 21:
		return Entry{Announce: &Announce{Machine: machine(by), Roster: w.s.RosterHash, Feature: FeatureLevel, Halt: flag, TwoMS: int64(rapid.IntRange(0, 1).Draw(rt, "two"))}}
	case 22:
		return Entry{Restart: &RestartEntry{Nonce: "n", ForMS: w.s.Roster.Timing.LeaseMS - 1}}
	case 23:
		at := w.s.Index - uint64(rapid.IntRange(0, 5).Draw(rt, "since"))
		if i := slices.IndexFunc(w.s.Nodes, func(n Node) bool { return n.Restart != nil }); i >= 0 {
			at = w.s.Nodes[i].Restart.Since
		}
		return Entry{TimeOver: &TimeOver{Index: at}}
	case 24:
		return Entry{Arm: &Arm{Armed: flag, By: "op", Now: !flag && rapid.Bool().Draw(rt, "now")}}
	case 25:
		return Entry{Feature: &Feature{Level: w.s.Feature + 1}}
	}
	if kind == 13 && flag {
		return Entry{Claim: &ClaimEntry{Node: node, Boot: w.s.Node(node).Life.Boot, Number: w.s.Node(node).NextClaim, Unfence: true, DurationMS: 1000}}
	}
	return w.drawAny(rt, kind, by)
}

// A recovery changes whose votes count, for many at once.
func TestARecoveryIsCounted(t *testing.T) {
	w := newWorld(t, 5)
	w.index++
	b, err := EncodeRecover(Recover{By: "op", Reason: "burnt", Lost: []LostNode{{Node: 3}, {Node: 4}, {Node: 5, Unproven: true}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.s.ApplyRecover(w.index, b); err != nil {
		t.Fatal(err)
	}
	if err := w.s.CheckIndex(); err != nil || w.s.index == nil || w.s.Quorum() != 2 {
		t.Errorf("quorum is %d, %v", w.s.Quorum(), err)
	}
}

// Who checks must find an index that says otherwise.
func TestAnIndexThatForgotIsFound(t *testing.T) {
	for why, forget := range map[string]func(x *index){
		"a busy node": func(x *index) { x.busy = nil },
		"votes":       func(x *index) { x.votes-- },
		"a member":    func(x *index) { x.present-- },
	} {
		w := newWorld(t, 5)
		w.view(1, 2, 3, 4)
		if err := w.s.CheckIndex(); err != nil || len(w.s.index.busy) != 1 {
			t.Fatalf("%v: %+v", err, w.s.index)
		}
		forget(w.s.index)
		if err := w.s.CheckIndex(); err == nil || !strings.Contains(err.Error(), "the state says") {
			t.Errorf("nobody misses %s: %v", why, err)
		}
	}
}

// Those of whom an entry says more than that it is about them.
func TestWhomAnEntryChangesBesidesItsNodeIsCounted(t *testing.T) {
	w := restarts(t, 3)
	w.must(3, restart("n"))
	w.must(1, Entry{TimeOver: &TimeOver{Index: w.s.Node(3).Restart.Since}})
	if err := w.s.CheckIndex(); err != nil || len(w.s.index.busy) != 0 {
		t.Errorf("a restart that lapsed: %v, busy %v", err, w.s.index.busy)
	}
	w = newWorld(t, 5)
	w.boots[4], w.boots[5] = 1, 1
	w.view(1, 2, 3)
	w.must(1, Entry{Ack: &Ack{Node: 4, Boot: w.s.Node(4).Victim.Boot, By: "op", Reason: "seen"}})
	w.must(1, Entry{Ack: &Ack{Node: 5, Boot: w.s.Node(5).Victim.Boot, By: "op", Reason: "seen"}})
	w.view(1, 2, 3, 4, 5)
	w.must(1, Entry{Overdue: &Overdue{Lives: []fence.Incarnation{w.s.OverdueLife(w.s.Node(4)), w.s.OverdueLife(w.s.Node(5))}}})
	if err := w.s.CheckIndex(); err != nil || !slices.Equal(w.s.index.busy, []fence.NodeID{4, 5}) {
		t.Errorf("two that are overdue: %v, busy %v", err, w.s.index.busy)
	}
	w.must(2, Entry{Claim: &ClaimEntry{Node: 4, Boot: w.s.Node(4).Victim.Boot, Number: w.s.Node(4).NextClaim, DurationMS: 1000}})
	w.must(1, Entry{Leave: &Leave{Force: true}})
	if err := w.s.CheckIndex(); err != nil || !slices.Equal(w.s.index.busy, []fence.NodeID{1, 4, 5}) {
		t.Errorf("one that has left: %v, busy %v", err, w.s.index.busy)
	}
}

// R2, R16: a machine is found by its name however it came to be a node's, and under no name that it has not any more.
func TestMachinesAreFoundByName(t *testing.T) {
	w := newWorld(t, 4)
	spare := machine(9)
	spare.Serial = " S9 "
	w.view(1, 2, 3)
	w.must(1, Entry{Ack: &Ack{Node: 4, Boot: w.s.Node(4).Victim.Boot, By: "op", Reason: "burnt"}})
	w.must(1, Entry{Replace: &Replace{Node: 4, Old: machine(4), New: &spare, By: "op", Reason: "burnt"}})
	if err := w.s.CheckIndex(); err != nil {
		t.Error(err)
	}
	found := func(id fence.Identity) []fence.Machine {
		read := fence.Read{Identity: id}
		return w.s.judgeOf(w.s.Node(3), fence.Evidence{Devices: []fence.DeviceEvidence{{First: read}}}).Others
	}
	for why, c := range map[string]struct {
		id   fence.Identity
		want []fence.Machine
	}{
		"by its UUID":            {fence.Identity{UUIDs: []string{strings.ToUpper(spare.UUID)}}, []fence.Machine{spare}},
		"by its serial":          {fence.Identity{Serial: "S9"}, []fence.Machine{spare}},
		"one of two":             {fence.Identity{UUIDs: []string{machine(7).UUID, machine(1).UUID}}, []fence.Machine{machine(1)}},
		"the one that was":       {fence.Identity{UUIDs: []string{machine(4).UUID}}, []fence.Machine{}},
		"its own is not another": {fence.Identity{UUIDs: []string{machine(3).UUID}}, []fence.Machine{}},
		"nothing":                {fence.Identity{Serial: "n/a"}, []fence.Machine{}},
	} {
		if got := found(c.id); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", why, got, c.want)
		}
	}
	if all := w.s.Judge(w.s.Node(3)).Others; len(all) != 3 {
		t.Errorf("an actor judges by %v", all)
	}
	w.s.names.remove(1, machine(1))
	if err := w.s.CheckIndex(); err == nil || !strings.Contains(err.Error(), "found by") {
		t.Errorf("nobody misses a machine that is not found: %v", err)
	}
}

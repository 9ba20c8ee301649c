package domain

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// restarts has n armed members at the newest feature level, the first of which is to do nothing but look.
func restarts(t *testing.T, n int) *world {
	w := newWorld(t, n)
	w.s.Feature = FeatureRestart
	w.s.Roster.Timing.LeaseMS = 5000
	return w
}

func restart(nonce string) Entry { return Entry{Restart: &RestartEntry{Nonce: nonce, ForMS: 4000}} }

// successor is another daemon of the same boot.
func (w *world) successor(id fence.NodeID, daemon string, others ...fence.NodeID) []Event {
	ms := []Origin{{Incarnation: w.origin(id).Incarnation, Instance: daemon}}
	for _, o := range others {
		ms = append(ms, w.origin(o))
	}
	w.index++
	return w.s.ApplyView(w.index, ms, len(ms)*2 > len(w.s.Nodes))
}

// word is what that daemon says of itself.
func (w *world) word(id fence.NodeID, daemon, resume string) ([]Event, error) {
	w.index++
	by := Origin{Incarnation: w.origin(id).Incarnation, Instance: daemon}
	return w.s.Apply(w.index, by, Entry{V: Version, Announce: &Announce{
		Clean: true, Machine: machine(id), Since: w.s.Node(id).Arrived, Roster: w.s.RosterHash, Feature: FeatureLevel, Resume: resume,
	}})
}

func TestAPlannedRestartIsNoFailure(t *testing.T) { // R26: away, back, admitted as it was
	w := restarts(t, 3)
	w.must(3, restart("n"))
	if w.s.Eligible(3) {
		t.Error("who is about to go may claim")
	}
	if es := w.view(1, 2); has(es, EventVictim) || has(es, EventGone) {
		t.Fatalf("its absence is a failure: %v", es)
	}
	n := w.s.Node(3)
	if !n.Stateful || !slices.Contains(w.s.Unresolved(), 3) {
		t.Fatalf("away it counts as holding nothing: %+v, unresolved %v", n, w.s.Unresolved())
	}
	w.successor(3, "later", 1, 2)
	if !slices.Contains(w.s.Unresolved(), 3) {
		t.Error("back and not admitted yet it is nobody to wait for")
	}
	es, err := w.word(3, "later", "n")
	if err != nil || !has(es, EventClean) || !has(es, EventRestarting) || has(es, EventRelease) {
		t.Fatalf("%v %v", es, err)
	}
	if !w.s.Clean(3) || !n.Stateful || n.Restart != nil || len(w.s.Unresolved()) > 0 {
		t.Errorf("it is not what it was: %+v", n)
	}
}

func TestWithoutTheNonceNothingIsContinued(t *testing.T) { // R26: a crash, another restart's word
	for _, said := range []string{"", "other"} {
		w := restarts(t, 3)
		w.must(3, restart("n"))
		w.view(1, 2)
		w.successor(3, "later", 1, 2)
		es, _ := w.word(3, "later", said)
		if !has(es, EventRefused) || w.s.Clean(3) || w.s.Node(3).Restart != nil {
			t.Errorf("%q: %v %+v", said, es, w.s.Node(3))
		}
		if w.s.OverdueLife(w.s.Node(3)) != w.origin(3).Incarnation {
			t.Errorf("%q: nobody fences it", said)
		}
	}
	w := restarts(t, 3) // a stateful daemon that says nothing before
	w.view(1, 2)
	if w.s.Node(3).Victim == nil {
		t.Error("a crash is no victim")
	}
}

func TestAnotherDaemonsAbsenceIsNotBorne(t *testing.T) { // R26: the restart is of the daemon that said so
	w := restarts(t, 3)
	w.must(3, restart("n"))
	w.view(1, 2)
	w.successor(3, "later", 1, 2)
	if _, err := w.word(3, "later", "n"); err != nil {
		t.Fatal(err)
	}
	if es := w.view(1, 2); !has(es, EventVictim) {
		t.Errorf("the daemon after it may vanish too: %v", es)
	}
}

func TestWhoIsNotBackInTimeIsAVictim(t *testing.T) { // R26: on a member's own timer
	over := func(w *world) []Event { return w.must(1, Entry{TimeOver: &TimeOver{Index: w.s.Node(3).Restart.Since}}) }
	w := restarts(t, 3)
	w.must(3, restart("n"))
	w.view(1, 2)
	if es := over(w); !has(es, EventVictim) || w.s.Node(3).Victim.Incarnation != w.origin(3).Incarnation || w.s.Node(3).Restart != nil {
		t.Errorf("away: %v %+v", es, w.s.Node(3))
	}
	w.successor(3, "late", 1, 2)
	if _, err := w.word(3, "late", "n"); err != nil || w.s.Clean(3) {
		t.Errorf("it comes back after that and is let in (%v)", err)
	}
	w = restarts(t, 3)
	w.must(3, restart("n"))
	w.view(1, 2)
	w.successor(3, "later", 1, 2)
	if es := over(w); !has(es, EventVictim) {
		t.Errorf("back and silent: %v", es)
	}
	w = restarts(t, 3)
	w.must(3, restart("n"))
	if es := over(w); has(es, EventVictim) || !w.s.Clean(3) || w.s.Node(3).Restart != nil {
		t.Errorf("it never went: %v %+v", es, w.s.Node(3))
	}
	if es := w.view(1, 2); !has(es, EventVictim) {
		t.Errorf("and what it does after that is a failure: %v", es)
	}
}

func TestALateRestartOfADisarmedClusterIsSaidOnce(t *testing.T) { // R26: its end is no victim there, and nobody says it again for ever
	w := restarts(t, 5)
	w.must(3, restart("n"))
	w.view(1, 2, 4, 5)
	w.s.Armed = false
	over := Entry{TimeOver: &TimeOver{Index: w.s.Node(3).Restart.Since}}
	if es := w.must(1, over); !has(es, EventWould) || w.s.Node(3).Victim != nil || !w.s.Node(3).Unknown {
		t.Fatalf("%v %+v", es, w.s.Node(3))
	}
	w.refused(2, over, "nothing that began")
	w.must(2, restart("another's")) // nobody waits for the first one any more
}

func TestAnotherBootEndsARestart(t *testing.T) { // R26, R1, R2: the life that went is a victim, and its successor's clean word ends it
	w := restarts(t, 3)
	w.must(3, restart("n"))
	w.view(1, 2)
	old := w.origin(3).Incarnation
	w.boots[3]++
	if es := w.view(1, 2, 3); !has(es, EventVictim) || w.s.Node(3).Victim.Incarnation != old {
		t.Fatalf("%v", es)
	}
	if _, err := w.word(3, w.origin(3).Instance, "n"); err != nil || !w.s.Clean(3) || w.s.Node(3).Last.Kind != fence.VerdictReset {
		t.Errorf("%v %+v", err, w.s.Node(3))
	}
	w = restarts(t, 3) // shown first where nothing is decided, it is not forgotten
	w.must(3, restart("n"))
	w.view(1, 2)
	w.boots[3]++
	w.index++
	w.s.ApplyView(w.index, []Origin{w.origin(1), w.origin(3)}, false)
	if es := w.view(1, 2, 3); !has(es, EventVictim) || w.s.Node(3).Victim.Incarnation != old {
		t.Errorf("%v", es)
	}
}

func TestARestartSurvivesTheLossOfQuorum(t *testing.T) { // R26, R30: what is not decided makes no victim, and none is forgotten
	alone := func(w *world) {
		w.index++
		w.s.ApplyView(w.index, []Origin{w.origin(1)}, false)
	}
	w := restarts(t, 3)
	w.must(3, restart("n"))
	alone(w)
	if es := w.view(1, 2); has(es, EventVictim) && w.s.Node(3).Victim != nil || w.s.Node(3).Restart == nil {
		t.Fatalf("%v %+v", es, w.s.Node(3))
	}
	w.successor(3, "later", 1, 2)
	if _, err := w.word(3, "later", "n"); err != nil || !w.s.Clean(3) {
		t.Errorf("%v %+v", err, w.s.Node(3))
	}
	w = restarts(t, 3)
	w.must(3, restart("n"))
	alone(w)
	w.successor(3, "later", 1, 2)
	if _, err := w.word(3, "later", "n"); err != nil || !w.s.Clean(3) {
		t.Errorf("back in the first view with quorum: %v %+v", err, w.s.Node(3))
	}
}

func TestAColdStartContinuesNothing(t *testing.T) { // R10, R26
	w := restarts(t, 3)
	w.must(3, restart("n"))
	w.view(1, 2)
	w.boots[1]++
	w.boots[2]++
	w.successor(3, "later", 1, 2)
	if _, err := w.word(3, "later", "n"); err != nil || w.s.Clean(3) {
		t.Errorf("%v %+v", err, w.s.Node(3))
	}
}

func TestWhenARestartIsRefused(t *testing.T) { // R26
	long := Entry{Restart: &RestartEntry{Nonce: "n", ForMS: 5000}}
	cases := []struct {
		name  string
		nodes int
		words string
		entry Entry
		given func(w *world)
	}{
		{"below its feature level", 3, "feature level", restart("n"), func(w *world) { w.s.Feature = 2 }},
		{"for as long as a lease", 3, "less than the lease", long, nil},
		{"for hardly longer than nobody notices", 3, "raise timings.lease to 3334 ms", Entry{Restart: &RestartEntry{Nonce: "n", ForMS: 2999}}, nil},
		{"without a nonce", 3, "nonce", restart(""), nil},
		{"twice", 3, "under way", restart("m"), func(w *world) { w.must(3, restart("n")) }},
		{"beside another", 5, "one goes after the other", restart("n"), func(w *world) { w.must(2, restart("m")) }},
		{"where those who stay are no quorum", 3, "votes that quorum needs", restart("n"), func(w *world) { w.view(1, 3) }},
		{"by an actor", 5, "acts on another", restart("n"), func(w *world) { w.view(1, 3, 4, 5); w.claim(3, 2) }},
		{"by a victim", 3, "no clean member", restart("n"), func(w *world) {
			w.must(1, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op", Reason: "x"}})
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := restarts(t, c.nodes)
			if c.given != nil {
				c.given(w)
			}
			w.refused(3, c.entry, c.words)
		})
	}
}

func TestOnceAnHour(t *testing.T) { // R26: counted from when it was admitted again
	w := restarts(t, 3)
	w.must(3, restart("n"))
	since := w.s.Node(3).Restart.Since
	w.view(1, 2)
	w.successor(3, "later", 1, 2)
	if _, err := w.word(3, "later", "n"); err != nil {
		t.Fatal(err)
	}
	again := func() error {
		w.index++
		_, err := w.s.Apply(w.index, Origin{Incarnation: w.origin(3).Incarnation, Instance: "later"}, Entry{V: Version, Restart: &RestartEntry{Nonce: "m", ForMS: 4000}})
		return err
	}
	if err := again(); err == nil {
		t.Fatal("it restarts again at once")
	}
	if _, err := w.apply(1, Entry{TimeOver: &TimeOver{Index: since}}); err == nil {
		t.Error("the time of the restart ends the pause after it")
	}
	w.must(1, Entry{TimeOver: &TimeOver{Index: w.s.Node(3).Restarted}})
	if err := again(); err != nil {
		t.Error(fmt.Errorf("after an hour: %w", err))
	}
}

func TestARequestEndsARestart(t *testing.T) { // R29: whoever asks for its end is not told to wait
	w := restarts(t, 3)
	w.must(3, restart("n"))
	w.view(1, 2)
	w.must(1, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionReboot, Cause: fence.CauseReported, By: "dlm", Reason: "x"}})
	if w.s.Node(3).Victim == nil || w.s.Node(3).Restart != nil {
		t.Errorf("%+v", w.s.Node(3))
	}
}

func TestWhoTurnsDirtyIsNotWaitedFor(t *testing.T) { // R26, R22
	w := restarts(t, 3)
	w.must(3, restart("n"))
	w.must(3, Entry{Announce: &Announce{Machine: machine(3), Roster: w.s.RosterHash, Feature: 1, Why: "it falls", Since: w.s.Node(3).Arrived}})
	if es := w.view(1, 2); !has(es, EventVictim) {
		t.Errorf("%v", es)
	}
}

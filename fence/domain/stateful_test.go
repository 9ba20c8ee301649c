package domain

import (
	"errors"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// idle commits the policy by which members may become stateless, or takes it back.
func (w *world) idle(on bool) {
	w.t.Helper()
	r := w.s.Roster
	r.Version++
	r.Policy.IdleStateless = on
	w.must(1, Entry{Roster: &Roster{Roster: r, By: "op"}})
}

// stateless makes an admitted member stateless as its daemon would.
func (w *world) stateless(id fence.NodeID) []Event {
	w.t.Helper()
	if !w.s.Roster.Policy.IdleStateless {
		w.idle(true)
	}
	return w.must(id, w.off(id))
}

func (w *world) off(id fence.NodeID) Entry {
	return Entry{Stateful: &Stateful{Since: w.s.Node(id).StatefulAt}}
}

// TestOnlyWhoMayIsSpared: R12, S4.4. Each case is a reason for which the daemon's death must not be taken for harmless.
func TestOnlyWhoMayIsSpared(t *testing.T) {
	for _, x := range []struct {
		name  string
		spoil func(*world)
		words string
	}{
		{"by policy members are always stateful", func(w *world) { w.idle(false) }, "policy"},
		{"without quorum", func(w *world) { w.view(3) }, "quorum"},
		{"in a cluster that is not armed", func(w *world) { w.must(1, Entry{Arm: &Arm{By: "op"}}) }, "armed"},
		{"a victim", func(w *world) {
			w.must(1, Entry{Request: &Request{ID: "r", Node: 3, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "op"}})
		}, "no clean member"},
		{"who said that it is dirty", func(w *world) {
			w.must(3, Entry{Announce: &Announce{Why: "gfs2", Machine: machine(3), Roster: w.s.RosterHash}})
		}, "no clean member"},
		{"who left", func(w *world) { w.must(3, Entry{Leave: &Leave{}}) }, "no clean member"},
		{"who is not in the view", func(w *world) { w.view(1, 2) }, "not in the view"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t, 3)
			w.idle(true)
			x.spoil(w)
			w.refused(3, w.off(3), x.words)
		})
	}
}

// TestAnOffThatWasOvertakenIsVoid: R12. Its outcome was lost, a program was granted meanwhile, and then it is committed after all.
func TestAnOffThatWasOvertakenIsVoid(t *testing.T) {
	w := newWorld(t, 3)
	w.idle(true)
	late := w.off(3)
	w.must(3, Entry{Stateful: &Stateful{On: true}})
	w.refused(3, late, "before")
	if !w.s.Node(3).Stateful {
		t.Fatal("a life that was granted counts as stateless")
	}
	w.stateless(3)
	late = w.off(3)
	w.must(3, Entry{Stateful: &Stateful{On: true}})
	w.idle(false)
	w.refused(3, late, "policy")
	w.idle(true)
	w.refused(3, late, "before") // also when the policy went and returned
}

func TestWithoutThePolicyMembersAreStatefulAgain(t *testing.T) { // R12
	w := newWorld(t, 3)
	if ev := w.stateless(3); len(ev) != 1 || ev[0].Kind != EventStateful || ev[0].On || w.s.Node(3).Stateful {
		t.Fatalf("%+v", ev)
	}
	w.idle(false)
	if !w.s.Node(3).Stateful {
		t.Fatal("the policy is gone and the member still counts as stateless")
	}
	w.view(1, 2)
	if v := w.s.Node(3).Victim; v == nil || v.Cause != fence.CauseFailed {
		t.Fatalf("%+v", w.s.Node(3))
	}
}

func TestTheWayBackIsOpenToAnyCleanMember(t *testing.T) { // R12: On only adds suspicion, so neither policy nor quorum is asked
	w := newWorld(t, 3)
	if ev := w.must(3, Entry{Stateful: &Stateful{On: true}}); len(ev) != 0 || w.s.Node(3).StatefulAt != 0 {
		t.Fatalf("a word that changes nothing is told: %+v %d", ev, w.s.Node(3).StatefulAt)
	}
	w.stateless(3)
	w.view(3)
	if ev := w.must(3, Entry{Stateful: &Stateful{On: true}}); !has(ev, EventStateful) || !w.s.Node(3).Stateful {
		t.Fatalf("%+v", ev)
	}
	w.must(3, Entry{Announce: &Announce{Why: "gfs2", Machine: machine(3), Roster: w.s.RosterHash}})
	if _, err := w.apply(3, Entry{Stateful: &Stateful{On: true}}); !errors.Is(err, ErrRejected) {
		t.Fatal(err)
	}
}

func TestAMemberGoneStatelessIsNobodysVictim(t *testing.T) { // S4.4, and its next daemon in the same boot is admitted
	w := newWorld(t, 3)
	w.stateless(3)
	ev := w.view(1, 2)
	if n := w.s.Node(3); !has(ev, EventGone) || n.Victim != nil || n.Phase != PhaseGone || len(w.s.Unresolved()) != 0 {
		t.Fatalf("%+v", n)
	}
	next := Origin{Incarnation: w.origin(3).Incarnation, Instance: "the next daemon"}
	w.index++
	w.s.ApplyView(w.index, []Origin{w.origin(1), w.origin(2), next}, true)
	w.index++
	_, err := w.s.Apply(w.index, next, Entry{Announce: &Announce{Clean: true, Machine: machine(3), Roster: w.s.RosterHash, Since: w.s.Node(3).Arrived}})
	if err != nil || !w.s.Clean(3) || !w.s.Node(3).Stateful {
		t.Fatalf("%v %+v", err, w.s.Node(3))
	}
}

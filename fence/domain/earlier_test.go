package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// guest is a cluster of three in which 3 is a guest: its life b3.0 is a victim, and it is in the view with b3.1, which has said nothing yet.
func guest(t *testing.T, level int) *world {
	w := newWorld(t, 3)
	w.s.Feature = level
	w.s.Node(3).Machine.Virtual = true
	w.view(1, 2)
	w.boots[3]++
	w.view(1, 2, 3)
	return w
}

var overByEye = Entry{Ack: &Ack{Node: 3, Boot: "b3.0", By: "x", Reason: "only the later one runs"}}

func TestAnEarlierLifeIsVouchedFor(t *testing.T) { // R19, S2.9: its later life is there, and is needed for the quorum
	w := guest(t, FeatureEarlier)
	w.clean(3)
	w.refused(1, Entry{Ack: &Ack{Node: 3, Boot: "b3.1", By: "x", Reason: "y"}}, "names b3.1")
	ev := w.must(1, overByEye)
	n := w.s.Node(3)
	if !has(ev, EventAck) || !has(ev, EventRelease) || n.Victim != nil || n.Last.Kind != fence.VerdictAcknowledged || n.Last.Boot != "b3.0" {
		t.Fatalf("%+v", n)
	}
	if !w.s.Clean(3) || w.s.IsOver(n.Life) {
		t.Fatalf("its later life waits for ever: %+v", n)
	}
}

func TestTheLaterLifeWaitsForWhatIsInFlight(t *testing.T) { // R9: a person's word stops no command that is on its way
	w := guest(t, FeatureEarlier)
	w.claim(1, 3)
	number := w.s.Node(3).Victim.Claim.Number
	w.clean(3)
	w.must(1, overByEye)
	if n := w.s.Node(3); w.s.Clean(3) || n.Pending == nil || len(n.Unquiet) != 1 {
		t.Fatalf("%+v", n)
	}
	w.must(1, Entry{Returned: &Returned{Node: 3, Number: number}})
	if !w.s.Clean(3) {
		t.Fatalf("%+v", w.s.Node(3))
	}
}

func TestWhoIsThereIsNotVouchedFor(t *testing.T) { // R19, V9
	t.Run("a build of an older level is there", func(t *testing.T) { // R11
		w := guest(t, FeatureEarlier-1)
		w.clean(3)
		w.refused(1, overByEye, "in the view")
	})
	t.Run("its later life has not said which machine it is", func(t *testing.T) {
		w := guest(t, FeatureEarlier)
		w.refused(1, overByEye, "in the view")
	})
	t.Run("its later life is dirty", func(t *testing.T) { // V11
		w := guest(t, FeatureEarlier)
		w.must(3, Entry{Announce: &Announce{Machine: machine(3), Roster: w.s.RosterHash, Why: "x"}})
		w.refused(1, overByEye, "in the view")
	})
	t.Run("another machine is there under its name", func(t *testing.T) { // R2, S5.6
		w := guest(t, FeatureEarlier)
		w.must(3, Entry{Announce: &Announce{Clean: true, Machine: machine(7), Roster: w.s.RosterHash}})
		w.refused(1, overByEye, "in the view")
	})
	t.Run("it was never known which machine the victim was", func(t *testing.T) { // R2
		w := guest(t, FeatureEarlier)
		w.s.Node(3).Victim.Machine = fence.Machine{}
		w.clean(3)
		w.refused(1, overByEye, "in the view")
	})
	t.Run("the victim's boot was never known", func(t *testing.T) { // R1: it may be this very life
		w := guest(t, FeatureEarlier)
		w.clean(3)
		life := fence.UnknownLife(3, 1)
		w.s.Node(3).Victim.Incarnation = life
		w.refused(1, Entry{Ack: &Ack{Node: 3, Boot: life.Boot, By: "x", Reason: "y"}}, "in the view")
	})
	t.Run("the life that is there is the victim", func(t *testing.T) {
		w := newWorld(t, 3)
		w.s.Feature = FeatureEarlier
		w.view(1, 2)
		w.view(1, 2, 3)
		w.clean(3)
		w.refused(1, overByEye, "in the view")
	})
}

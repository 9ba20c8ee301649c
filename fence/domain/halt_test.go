package domain

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// halt is the word of a dirty life that halts.
func (w *world) halt() Entry {
	return Entry{Announce: &Announce{Halt: true, Why: "left over", Machine: machine(3), Roster: w.s.RosterHash, Feature: FeatureHalt}}
}

func haltWorld(t *testing.T, n int) *world {
	w := newWorld(t, n)
	w.s.Feature = FeatureHalt
	return w
}

// R24: whoever halts has no vote, and its vote stays among those that quorum is more than half of, so that no two sides decide.
func TestALifeThatHaltsHasNoVote(t *testing.T) {
	w := haltWorld(t, 5)
	w.must(3, w.halt())
	w.view(1, 2, 3)
	if !w.s.View.Quorate || w.s.Quorate() || w.s.Votes(0) != 2 || w.s.Rest(0) != 2 || w.s.secure(0) != 2 || w.s.Quorum() != 3 {
		t.Errorf("quorate %t, %d votes, %d stay, %d are sure, of %d", w.s.Quorate(), w.s.Votes(0), w.s.Rest(0), w.s.secure(0), w.s.Quorum())
	}
	if w.s.Node(4).Victim != nil || w.s.Node(4).Suspect == "" {
		t.Error("with its vote somebody became a victim (R30)")
	}
	w.refused(1, Entry{Leave: &Leave{Force: true}}, fence.ErrNoQuorum.Error())
	if w.view(1, 2, 3, 4); !w.s.Quorate() || w.s.Node(5).Victim == nil || w.s.Node(4).Victim != nil {
		t.Error("three of five without its vote decide")
	}
	w.boots[3]++
	if w.view(1, 2, 3); !w.s.Quorate() {
		t.Error("its next life has said nothing, and votes as anybody does")
	}
}

// R22: it decides nothing, whatever its operator or a program asks it for.
func TestALifeThatHaltsDecidesNothing(t *testing.T) {
	w := haltWorld(t, 5)
	w.must(3, w.halt())
	for what, e := range w.decisions() {
		if _, err := w.apply(3, e); err == nil {
			t.Errorf("%s: accepted", what)
		} else if e.Compare == nil {
			w.refused(3, e, decidesNothing)
		}
	}
}

// R11, V11: below its level nobody halts, as older builds do not; whoever is clean does not.
func TestWhoMayHalt(t *testing.T) {
	w := haltWorld(t, 3)
	clean := w.halt()
	clean.Announce.Clean = true
	w.refused(3, clean, "is dirty")
	w.s.Feature = FeatureHalt - 1
	w.refused(3, w.halt(), "feature level")
}

// R30: what waited for quorum is done as soon as somebody does not halt any more, also within a view.
func TestQuorumThatComesBackWithinAView(t *testing.T) {
	w := haltWorld(t, 5)
	w.must(3, w.halt())
	w.view(1, 2, 3)
	other := w.halt()
	other.Announce.Halt = false // a person set another policy and started its daemon again
	if w.must(3, other); !w.s.Quorate() || w.s.Node(4).Victim == nil || w.s.Node(5).Victim == nil {
		t.Errorf("quorate %t, %+v", w.s.Quorate(), w.s.Node(4))
	}
}

// R23: of two with two_node the engine calls each one quorate alone: the one that does not halt decides, and the other never does.
func TestOfTwoTheOtherDecides(t *testing.T) {
	for halts := fence.NodeID(1); halts <= 2; halts++ {
		w := pair(t, FeatureHalt, 11_000, 14_000)
		w.must(halts, Entry{Announce: &Announce{Halt: true, Machine: machine(halts), Roster: w.s.RosterHash, Feature: FeatureHalt, TwoMS: 11_000}})
		if !w.s.Quorate() {
			t.Errorf("node %d halts, and the other one waits for it", halts)
		}
		w.index++
		w.s.ApplyView(w.index, []Origin{w.origin(halts)}, true)
		if w.s.Quorate() || w.s.Node(3-halts).Victim != nil {
			t.Errorf("node %d halts and is quorate alone", halts)
		}
	}
}

package domain

import (
	"errors"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// comparing is a world whose members have announced the level at which states are compared.
func comparing(t *testing.T, n int) *world {
	w := newWorld(t, n)
	for i := range w.s.Nodes {
		w.s.Nodes[i].Feature = FeatureCompare
	}
	w.must(1, Entry{Feature: &Feature{Level: FeatureCompare}})
	return w
}

func (w *world) begin(by fence.NodeID) uint64 {
	w.t.Helper()
	at := uint64(0)
	if c := w.s.Comparison; c != nil {
		at = c.Index
	}
	w.must(by, Entry{Compare: &Compare{At: at}})
	return w.s.Comparison.Index
}

const (
	hashA = "aaaaaaaaaaaaaaaa"
	hashB = "bbbbbbbbbbbbbbbb"
	hashC = "cccccccccccccccc"
)

func (w *world) says(by fence.NodeID, at uint64, hash string) []Event {
	w.t.Helper()
	return w.must(by, Entry{Compare: &Compare{At: at, Hash: hash}})
}

func (w *world) agreements() []Agreement {
	var as []Agreement
	for _, m := range w.s.View.Members {
		as = append(as, w.s.Compared(m))
	}
	return as
}

func (w *world) agree(want ...Agreement) {
	w.t.Helper()
	for i, got := range w.agreements() {
		if got != want[i] {
			w.t.Errorf("agreements %v, want %v", w.agreements(), want)
			return
		}
	}
}

// The majority's word decides, whoever comes first; while there is none, everybody is in doubt who has told another hash than somebody else.
func TestTheMinorityOfHashesIsFrozen(t *testing.T) {
	w := comparing(t, 3)
	at := w.begin(2)
	w.says(3, at, hashB)
	w.agree(Unsaid, Unsaid, Unsaid)
	if ev := w.says(1, at, hashA); has(ev, EventDiverged) {
		t.Errorf("one word against one froze somebody: %v", ev)
	}
	w.agree(Doubtful, Unsaid, Doubtful)
	ev := w.says(2, at, hashA)
	w.agree(Alike, Alike, Diverged)
	if len(ev) != 1 || ev[0].Kind != EventDiverged || ev[0].Node != 3 || !strings.Contains(ev[0].Text, "n3 "+hashB) {
		t.Errorf("events %v", ev)
	}
	if !w.s.Node(3).Outvoted() || w.s.Eligible(3) || !w.s.Eligible(1) || w.s.Node(1).Outvoted() {
		t.Errorf("outvoted %v %v, eligible %v", w.s.Node(1).Outvoted(), w.s.Node(3).Outvoted(), w.s.Eligibles())
	}
	// Equal words of the next comparison thaw nobody: what its state was made of is still wrong.
	at = w.begin(1)
	for id := fence.NodeID(1); id <= 3; id++ {
		w.says(id, at, hashA)
	}
	if !w.s.Node(3).Outvoted() {
		t.Error("it is eligible again without having started anew")
	}
	w.boots[3]++
	w.view(1, 2)
	w.view(1, 2, 3)
	if w.s.Node(3).Outvoted() {
		t.Error("its next daemon is frozen for the one before")
	}
}

// What a frozen member claimed goes to another; what it may have in flight is waited for (R9).
func TestAFrozenActorLosesItsClaim(t *testing.T) {
	w := comparing(t, 5)
	w.view(1, 2, 3, 4)
	w.must(3, Entry{Claim: &ClaimEntry{Node: 5, Boot: w.s.Node(5).Victim.Boot, Number: 1, DurationMS: 1000}})
	at := w.begin(1)
	w.says(1, at, hashA)
	w.says(2, at, hashA)
	w.says(3, at, hashB)
	if w.s.Node(5).Victim.Claim == nil {
		t.Fatal("two of four members are no majority, and it lost its claim")
	}
	if ev := w.says(4, at, hashA); !has(ev, EventHandover) || w.s.Node(5).Victim.Claim != nil || len(w.s.Node(5).Unquiet) != 1 {
		t.Errorf("events %v, claim %+v, waited for %v", ev, w.s.Node(5).Victim.Claim, w.s.Node(5).Unquiet)
	}
	if _, err := w.apply(3, Entry{Claim: &ClaimEntry{Node: 5, Boot: w.s.Node(5).Victim.Boot, Number: 2, DurationMS: 1000}}); err == nil {
		t.Error("it claimed again")
	}
}

// Another version may remember more: its hash is compared with none but its own.
func TestVersionsAreNotComparedWithEachOther(t *testing.T) {
	w := comparing(t, 3)
	w.s.Node(3).Version = "2"
	at := w.begin(1)
	w.says(1, at, hashA)
	w.says(2, at, hashA)
	w.says(3, at, hashB)
	w.agree(Unsaid, Unsaid, Unsaid)
	w.s.Node(2).Version = "2"
	w.agree(Unsaid, Doubtful, Doubtful)
}

func TestNobodyHasTheMajority(t *testing.T) {
	w := comparing(t, 3)
	at := w.begin(1)
	w.says(1, at, hashA)
	w.says(2, at, hashB)
	w.says(3, at, hashC)
	w.agree(Doubtful, Doubtful, Doubtful)
	if w.s.Node(1).Outvoted() || w.s.Node(2).Outvoted() || w.s.Node(3).Outvoted() {
		t.Error("somebody is outvoted by nobody")
	}
}

// Rejected alike by all: what is of another comparison, of nobody who is a clean member, without form, or twice.
func TestComparisonsThatAreRejected(t *testing.T) {
	w := comparing(t, 3)
	first := w.begin(1)
	second := w.begin(2)
	w.says(2, second, hashA)
	w.view(1, 2)
	w.view(1, 2, 3)
	for name, c := range map[string]struct {
		by    fence.NodeID
		entry Compare
	}{
		"begun beside another":     {1, Compare{At: first}},
		"begun as the first":       {1, Compare{}},
		"a word of the one before": {1, Compare{At: first, Hash: hashA}},
		"a word twice":             {2, Compare{At: second, Hash: hashB}},
		"no hash":                  {1, Compare{At: second, Hash: "x"}},
		"of a victim":              {3, Compare{At: second, Hash: hashA}},
	} {
		before := w.snap()
		if _, err := w.apply(c.by, Entry{Compare: &c.entry}); !errors.Is(err, ErrRejected) {
			t.Errorf("%s: %v", name, err)
		} else if w.snap() != before {
			t.Errorf("%s: the state changed", name)
		}
	}
}

// A cluster in which one member cannot read the entry compares nothing (R11).
func TestComparingNeedsItsLevel(t *testing.T) {
	w := newWorld(t, 3)
	if _, err := w.apply(1, Entry{Compare: &Compare{}}); !errors.Is(err, ErrRejected) || w.s.Comparison != nil {
		t.Errorf("%v, %+v", err, w.s.Comparison)
	}
	b, err := w.s.Snapshot()
	if err != nil || strings.Contains(string(b), "comparison") || strings.Contains(string(b), "frozen") {
		t.Errorf("a snapshot for members of an older level has what they cannot read: %v", err)
	}
}

// A witness has the same log, so its word counts; it begins nothing.
func TestAWitnessTellsItsHash(t *testing.T) {
	w := comparing(t, 3)
	w.s.Roster.Nodes[2].Witness = true
	at := w.begin(1)
	if _, err := w.apply(3, Entry{Compare: &Compare{At: at}}); err == nil {
		t.Error("it began a comparison")
	}
	w.says(1, at, hashB)
	w.says(2, at, hashA)
	w.says(3, at, hashA)
	w.agree(Diverged, Alike, Alike)
}

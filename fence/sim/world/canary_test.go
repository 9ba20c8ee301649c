package world

import (
	"testing"
)

// cleanSeeds is how many seeds every canary has to be found within, and the clean build must pass.
const cleanSeeds = 300

// TestClean is what test/canaries proves each known bug against: with the bug it must fail, without it pass.
func TestClean(t *testing.T) {
	sweepBefore(t, 0, cleanSeeds, 3, 10)
}

// TestCleanFive is the same for bugs that need an actor to fall while a quorum stays.
func TestCleanFive(t *testing.T) {
	sweepBefore(t, 5000, 5000+2*cleanSeeds, 5, 10)
}

// TestCleanGuarded is the same for bugs of watchdogs: every run has some, and their verdicts are among those that are judged. Such a verdict comes
// about once in ten seeds, where no device answers first. In seed 474 a guest that came back is needed for the quorum, and its watchdog does not count
// (R15): a person vouches for its earlier life (R19, 0086).
func TestCleanGuarded(t *testing.T) {
	const seeds, enough = cleanSeeds * 3 / 2, 30
	sweepWith(t, 474, 475, 3, 10, func(o *Options) { o.guarded = true })
	if elapsed := sweepWith(t, 0, seeds, 3, 10, func(o *Options) { o.guarded = true }); elapsed < enough {
		t.Errorf("%d verdicts of watchdogs in %d seeds: too few to prove anything", elapsed, seeds)
	} else {
		t.Logf("%d verdicts of watchdogs in %d seeds", elapsed, seeds)
	}
}

// TestCleanBothQuorate is the same for what a watchdog proves where the victim's own side is quorate too: nothing (R15). Two nodes over a corosync with
// two_node have watchdogs, and some have a level that waits for one; a node that is cut off is quorate and feeds its own.
func TestCleanBothQuorate(t *testing.T) {
	each(0, cleanSeeds, func(seed uint64) {
		o := onCorosync(seed, 2, 10)
		o.Membership, o.guarded = TwoNode, true
		if r := Run(o); r.Violation != nil {
			t.Errorf("seed %d breaks %s after %d ms: %s\n  %s", seed, r.Violation.Invariant, r.Violation.AtMS, r.Violation.Text, r.Setup)
		}
	})
}

// TestCleanResumed is the same for bugs of walks that go on after they were waited out: an actor is stopped in its walk, and then goes on (R9).
func TestCleanResumed(t *testing.T) {
	sweepWith(t, 0, cleanSeeds/3, 5, 10, func(o *Options) { o.resumed = true })
}

// TestCanariesOfTheModel switches known bugs of the membership on, in the model itself; each must be found within its seeds. The bugs of the
// deciding code are patches, see test/canaries.
func TestCanariesOfTheModel(t *testing.T) {
	for _, broken := range []string{brokenWiped, brokenRollback} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(cleanSeeds) {
				o := options(seed, 3, 10)
				o.broken = broken
				if r := Run(o); r.Violation != nil && r.Violation.Invariant != "L1" {
					t.Logf("found by seed %d: %s: %s", seed, r.Violation.Invariant, r.Violation.Text)
					return
				}
			}
			t.Errorf("%d seeds did not find it", cleanSeeds)
		})
	}
}

// A violation is explained by the fault kinds that it needs, and by no others.
func TestNeededFaultsReplayTheViolation(t *testing.T) {
	for seed := range uint64(cleanSeeds) {
		o := options(seed, 3, 10)
		o.broken = brokenWiped
		r := Run(o)
		if r.Violation == nil || r.Violation.Invariant == "L1" {
			continue
		}
		needed := Needed(o, *r.Violation)
		off := map[string]bool{}
		for _, k := range Exists(o) {
			off[k] = true
		}
		for _, k := range needed {
			delete(off, k)
		}
		for _, k := range Kinds() {
			if off[k] {
				o.Without = append(o.Without, k)
			}
		}
		if again := Run(o); again.Violation == nil || again.Violation.Invariant != r.Violation.Invariant {
			t.Fatalf("seed %d: with only %v it does not break %s", seed, needed, r.Violation.Invariant)
		}
		if len(needed) == 0 || len(o.Without) == 0 {
			t.Fatalf("seed %d: needs %v, without %v: nothing was switched off one by one", seed, needed, o.Without)
		}
		return
	}
	t.Fatal("no seed breaks anything with a known bug")
}

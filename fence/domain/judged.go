package domain

import "github.com/fenced-project/fenced/fence"

// A life that has its verdict may be in the view all the same: a cut one goes on (R18), one that was proven over should not. The others have
// been released from it. So it is nobody: it votes where policy lets it, and nothing that it says or holds counts (R22).

// FeatureJudged is the feature level from which such a life decides nothing (R11).
const FeatureJudged = 3

// Judged reports whether this life has its verdict: it is over, or cut off and may go on.
func (s *State) Judged(life fence.Incarnation) bool {
	return s.Feature >= FeatureJudged && (s.IsCut(life) || s.IsOver(life))
}

// lastWord reports whether an entry is one that a life with a verdict may still propose: what it says of itself, which is judged where it is taken;
// forced power, which is bad news (R31, V12); and that something of its own claims has ended, which nobody else knows (R9). That a time is over
// others say.
func (t *turn) lastWord(e Entry) bool {
	switch {
	case e.Announce != nil, e.Local != nil:
		return true
	case e.Returned != nil:
		return !e.Returned.Elapsed
	case e.ClaimEnd != nil:
		return !e.ClaimEnd.Expired
	}
	return false
}

package embedded

import "testing"

// A second attempt in one term, while the first still waits for the follower, would hang in Raft for ever.
func TestLeadershipIsHandedOverOnceInATerm(t *testing.T) {
	var h handover
	for i, c := range []struct {
		term uint64
		now  int64
		want bool
	}{
		{3, 1000, true}, {3, 1125, false}, {3, 10_999, false}, {3, 11_000, true}, {3, 11_001, false}, {4, 11_002, true}, {4, 11_003, false},
	} {
		if got := h.allowed(c.term, c.now, 10_000); got != c.want {
			t.Errorf("attempt %d, term %d at %d: %v", i, c.term, c.now, got)
		}
	}
}

package daemon

import (
	"testing"
	"time"

	"github.com/fenced-project/fenced/membership"
)

// TestAnotherVersionIsShownWithItsRemedy: a person sees who it is and what to do, for as long as it is refused and no longer.
func TestAnotherVersionIsShownWithItsRemedy(t *testing.T) {
	var r refusals
	now := time.Now()
	r.note(membership.Refused{Peer: "node-3", Reason: "it speaks protocol 9", Kind: membership.RefusedVersion}, now)
	got := r.attention("node-1", now)
	if len(got) != 1 || got[0].Code != "E111" || got[0].Node != "node-3" || got[0].Text != "node-3 is refused: it speaks protocol 9" || got[0].Next == "" {
		t.Errorf("%+v", got)
	}
	if late := r.attention("node-1", now.Add(refusalFor+time.Second)); len(late) != 0 {
		t.Errorf("%+v is shown of a peer that is silent", late)
	}
}

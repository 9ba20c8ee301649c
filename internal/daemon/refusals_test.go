package daemon

import (
	"strings"
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

// TestCopyIsFoundAndNotItsOriginal: where a store is shown twice, nobody is told to give up the one that is a member (R3).
func TestCopyIsFoundAndNotItsOriginal(t *testing.T) {
	var r refusals
	now := time.Now()
	reason := "a second daemon shows this node's store, from 192.0.2.9: store x is in use by another daemon"
	r.note(membership.Refused{Peer: "node-3", Reason: reason, Kind: membership.RefusedCopy}, now)
	r.note(membership.Refused{Peer: "node-1", Reason: "it refuses this node: " + reason, Kind: membership.RefusedCopy, Us: true}, now)
	got := r.attention("node-3", now)
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	if a := got[0]; a.Code != "E107" || a.Node != "node-3" || a.Text != "node-1 refuses this node's store: "+reason || !strings.HasPrefix(a.Next, "here: systemctl stop fenced") {
		t.Errorf("the copy reads %+v", a)
	}
	if a := got[1]; a.Code != "W212" || a.Node != "node-3" || !strings.Contains(a.Text, "192.0.2.9") || strings.Contains(a.Next, "recover") {
		t.Errorf("the others read %+v", a)
	}
}

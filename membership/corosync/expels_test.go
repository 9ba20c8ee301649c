package corosync

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

// S1.3, ADR 0102: corosync of this node was stopped, or began anew, while a word to a victim's corosync waited for it. It is not sent any more: the victim
// may have booted, and its next life is nobody's victim.
func TestAnOldWordEndsNobodysCorosync(t *testing.T) {
	e := make(expels, maxExpels)
	e.add(2, 1000)
	e.add(3, 1000+expelWithin.Milliseconds())
	if got := e.due(1000 + expelWithin.Milliseconds()); !slices.Equal(got, []fence.NodeID{3}) {
		t.Errorf("the corosyncs of %v are ended", got)
	}
	if got := e.due(1000 + expelWithin.Milliseconds()); len(got) != 0 {
		t.Errorf("twice: %v", got)
	}
	for range maxExpels {
		e.add(2, 1)
	}
	if e.add(3, 1) {
		t.Error("it waits for room")
	}
}

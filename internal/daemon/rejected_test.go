package daemon

import (
	"testing"

	"github.com/fenced-project/fenced/internal/api"

	"github.com/fenced-project/fenced/client"
)

// TestRejectedEntriesAreCountedAlikeAndShown: what a rule forbids every member rejects, and every member's status counts it (R11, R19).
func TestRejectedEntriesAreCountedAlikeAndShown(t *testing.T) {
	l := newLab(t)
	before := l.until(1, "three members", func(s client.Status) bool { return members(s) == 3 }).Rejected
	if _, err := l.nodes[1].d.Ack(l.ctx(), api.AckArgs{Node: "node-3", Reason: "it looks off"}); err == nil {
		t.Fatal("a member is acknowledged")
	}
	first := l.until(1, "a rejected entry", func(s client.Status) bool { return s.Rejected > before })
	l.until(2, "the same count", func(s client.Status) bool { return s.Rejected >= first.Rejected })
	l.until(3, "the same count", func(s client.Status) bool { return s.Rejected >= first.Rejected })
}

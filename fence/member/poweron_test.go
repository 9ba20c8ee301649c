package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// R9: a machine is not left off because the level that proved it off cannot switch it on: another level may have been the one that
// switched it off, under an earlier claim.
func TestPowerOnFallsBackToEveryLevel(t *testing.T) {
	m := New(Config{Self: domain.Origin{Incarnation: fence.Incarnation{Node: 1, Boot: "b"}, Instance: "i"}})
	m.dom.Roster = testRoster(3)
	m.dom.Roster.Nodes[2].Levels = []fence.Level{{Steps: []fence.Step{{Device: "bmc-3"}}}, {Steps: []fence.Step{{Device: "bmc-2"}}}}
	n := &domain.Node{ID: 3, PowerOn: &domain.PowerOn{Level: 0}}
	c := &domain.Claim{Number: 1, On: true}
	if s := m.spec(n, c); s.StartLevel != 0 {
		t.Fatalf("the first try takes the devices of level %d, want the level that proved", s.StartLevel)
	}
	n.PowerOn.Tried = []fence.NodeID{2}
	if s := m.spec(n, c); s.StartLevel != -1 {
		t.Fatalf("after a failure it takes level %d, want all", s.StartLevel)
	}
	n.PowerOn.Tried, n.PowerOn.Round = nil, 1
	if s := m.spec(n, c); s.StartLevel != -1 {
		t.Fatalf("after a failed round it takes level %d, want all", s.StartLevel)
	}
}

package daemon

import (
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
)

// S5.18: that the drill of a node failed is shown whatever else is so of it, most of all while it is out; not once it passed or another one runs.
func TestAFailedDrillIsShownWhileItsNodeIsOut(t *testing.T) {
	failed := &domain.LastDrill{Level: 1, Text: "its power was not cut"}
	for _, c := range []struct {
		name  string
		node  domain.Node
		shown bool
	}{
		{"it is back", domain.Node{Phase: domain.PhaseMember, LastDrill: failed}, true},
		{"it is a victim", domain.Node{Phase: domain.PhaseAbsent, LastDrill: failed, Victim: &domain.Victim{}}, true},
		{"nobody could prove that it is off", domain.Node{LastDrill: failed, Victim: &domain.Victim{Round: 1}}, true},
		{"it is dirty", domain.Node{Phase: domain.PhaseDirty, LastDrill: failed}, true},
		{"it is unknown", domain.Node{Phase: domain.PhaseAbsent, LastDrill: failed, Unknown: true}, true},
		{"it is drilled again", domain.Node{LastDrill: failed, Drill: &domain.Drill{}}, false},
		{"it passed", domain.Node{LastDrill: &domain.LastDrill{Passed: true}}, false},
		{"it was never drilled", domain.Node{}, false},
	} {
		d := &Daemon{member: member.New(member.Config{})}
		d.member.Domain().Roster.Nodes = []fence.RosterNode{{ID: 3, Name: "node-3"}}
		c.node.ID, c.node.Instance = 3, "there"
		shown := false
		d.nodeAttention(&c.node, func(code, node, text, next string) {
			if code == client.AttentionDrillFailed {
				shown = node == "node-3" && text == "the drill of level 2 of node-3 failed: its power was not cut" && next == "fenced drill node-3 --level 2"
			}
		})
		if shown != c.shown {
			t.Errorf("%s: shown %v", c.name, shown)
		}
	}
}

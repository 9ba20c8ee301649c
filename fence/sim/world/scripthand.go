package world

import (
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
)

// What a script's people do past the log: forced power from one node (R31), and a build that is older than the others' (R11).

// Force asks a node for forced power on another one, off or reboot, which needs neither claim nor quorum.
func (s *Script) Force(at, i int, action fence.Action) bool {
	p := s.w.nodes[at].p
	if p == nil {
		return false
	}
	p.byHand = true
	p.asked++
	p.asks[p.asked] = fmt.Sprintf("local %s %s", action, s.w.nodes[i].name)
	p.post(member.LocalRequested{
		Reply: p.asked, ID: fmt.Sprintf("%s-%d", p.run.Instance, p.asked), Node: s.w.nodes[i].id, Action: action, By: "root", Reason: "scenario",
	})
	return true
}

// Build gives a node a build of this feature level, 0 for the present one: its daemon announces that level from its next announcement on.
func (s *Script) Build(i, level int) { s.w.nodes[i].level = level }

// asBuilt is an entry as this node's build words it.
func (n *node) asBuilt(e domain.Entry) domain.Entry {
	if e.Announce == nil || n.level == 0 {
		return e
	}
	a := *e.Announce
	a.Feature = n.level
	e.Announce = &a
	return e
}

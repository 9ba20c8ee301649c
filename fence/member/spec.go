package member

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// spec is everything an operation under the present claim on n depends on.
func (m *Member) spec(n *domain.Node, c *domain.Claim) operation.Spec {
	if c.Drill {
		return m.drillSpec(n, c)
	}
	if c.Unfence {
		return m.unfenceSpec(n, c)
	}
	j := m.dom.Judge(n)
	j.Claim = c.Number
	j.Watchdog.SidesQuorate = j.Watchdog.SidesQuorate || m.cfg.SidesQuorate || m.doubted // corosync's setting may be newer than the victim's announcement
	s := operation.Spec{Claim: c.Number, ReadIndex: m.dom.Index, Judge: j, InFlight: len(n.Unquiet) > 0}
	if c.On {
		s.Action, s.StartLevel = fence.ActionOn, n.PowerOn.Level
		if p := n.PowerOn; !hasDevice(j.Levels, s.StartLevel) || p.Round > 0 || len(p.Tried) > 0 {
			s.StartLevel = -1 // the roster changed since, or that level did not do it: another one may have switched off too
		}
		s.Victim = fence.Victim{Incarnation: n.PowerOn.For, Machine: n.Machine, Index: m.dom.Index, Action: fence.ActionOn}
		s.Refused = m.pausedLogins(j.Levels, n.PowerOn.AskedAt)
		if n.PowerOn.Drill || n.PowerOn.Level < 0 { // an operator's wish: what was switched off unproven is switched on unproven
			s.Victim.Cause = fence.CauseOperator
		}
		return s
	}
	s.Victim, s.Action = n.Victim.Victim, n.Victim.Action
	s.Refused = m.pausedLogins(j.Levels, n.Victim.AskedAt)
	at := m.lastHeardNode(n.ID)
	s.Speaks = at >= 0 && m.now-at <= m.dom.Roster.Timing.FailureTimeoutMS
	return s
}

func hasDevice(levels []fence.Level, i int) bool {
	return i >= 0 && i < len(levels) && slices.ContainsFunc(levels[i].Steps, func(s fence.Step) bool { return s.Device != "" })
}

package member

import (
	"fmt"

	"github.com/fenced-project/fenced/fence/domain"
)

// gap notices that this node was stopped: nothing that it measured is true, and what came meanwhile still waits in queues. All timers begin
// anew, running walks end, and nothing is proposed for one lease (R20, S1.9).
func (m *Member) gap(before int64) {
	t := m.dom.Roster.Timing
	if before == 0 || t.FailureTimeoutMS <= 0 || m.now-before <= t.FailureTimeoutMS/2 {
		return
	}
	m.gapUntil, m.leaseFrom = m.now+t.LeaseMS, m.now
	m.undelayed()
	m.trouble.stoodStill(m.now)
	m.coresStoodStill()
	m.losses.calmSince = 0
	m.since.restart(m.now)
	for i := range m.dom.Nodes {
		for _, c := range active(&m.dom.Nodes[i]) {
			m.since.drop(askedMark(m.dom.Nodes[i].ID, c.Number)) // too late to begin
		}
		m.since.drop(askedMark(m.dom.Nodes[i].ID, m.dom.Nodes[i].NextClaim))
	}
	m.scan.have, m.scan.last = false, false
	if l := m.leaving; l != nil {
		l.scanned, l.final = false, false // also one that is still on its way began before
	}
	if r := m.restarting; r != nil {
		r.scanned = false
	}
	m.idling.scanned = false
	m.spoilDrills()
	m.abandon("this node was stopped")
	m.do(Notice{Kind: domain.EventRefused, Node: m.cfg.Self.Node, Text: fmt.Sprintf("this node stood still for %d ms: its timers begin anew, it proposes nothing for one lease (R20)", m.now-before)})
}

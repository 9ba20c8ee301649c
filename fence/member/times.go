package member

import (
	"strconv"

	"github.com/fenced-project/fenced/fence/domain"
)

// Times that end by themselves: a disarm that waits, one that is for a while, a pause (0080, 0081), a planned restart and the hour after it (R26), and the hour in which one of two was not lost again (R23). The log has no clock, so every clean member counts by its own
// from when it applied the entry, afresh after a restart, a snapshot and a gap: it is late and never early, and the first to say so is believed.

// timeMark is since when this node counts the time that was given at this index.
func timeMark(index uint64) string { return "time/" + strconv.FormatUint(index, 10) }

// times says whose time is over. It counts without quorum too; only then nobody is told.
func (m *Member) times() {
	if d := m.dom.Disarm; d != nil {
		m.timeOf(d.Since, disarmMS(d))
	}
	for i := range m.dom.Nodes {
		if n := &m.dom.Nodes[i]; n.Restart != nil {
			m.timeOf(n.Restart.Since, n.Restart.ForMS)
		} else if n.Restarted != 0 {
			m.timeOf(n.Restarted, domain.RestartPauseMS)
		}
		if n := &m.dom.Nodes[i]; n.Calms() {
			m.timeOf(n.Losses.Since, domain.QuietMS)
		}
	}
	for i := range m.dom.Paused {
		m.timeOf(m.dom.Paused[i].Since, m.dom.Paused[i].ForMS)
	}
}

// disarmMS is how long the present phase of a disarm lasts at most, 0 for no end.
func disarmMS(d *domain.Disarm) int64 {
	if d.Pending {
		return domain.DisarmWaitMS
	}
	return d.ForMS
}

// timeOf proposes the end of what began at an index, once its time is over by this node's own timer.
func (m *Member) timeOf(index uint64, forMS int64) {
	if forMS <= 0 {
		return
	}
	mark := timeMark(index)
	over := m.now - m.since.begin(mark, m.now) - forMS
	if over < 0 || !m.Quorate() || !m.dom.Clean(m.cfg.Self.Node) || m.closing() || over < m.myTurn(nil) {
		return
	}
	m.propose(mark, domain.Entry{TimeOver: &domain.TimeOver{Index: index}})
}

// TimeLeftMS is how much of the time that was given at an index is left by this node's own timer, never less than 0.
func (m *Member) TimeLeftMS(index uint64, forMS int64) int64 {
	return max(0, m.since.get(timeMark(index), m.now)+forMS-m.now)
}

// DisarmLeftMS is after how long the pending disarm takes effect at the latest, or the cluster arms itself again; 0 for never or any moment.
func (m *Member) DisarmLeftMS() int64 {
	d := m.dom.Disarm
	if d == nil || disarmMS(d) == 0 {
		return 0
	}
	return m.TimeLeftMS(d.Since, disarmMS(d))
}

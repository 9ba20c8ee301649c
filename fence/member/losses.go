package member

import "github.com/fenced-project/fenced/fence/domain"

// A process that dies after each admission, a core process or a critical client, would have its node reset for ever: an admission ends the row of lives
// that ended themselves (R24), and each of these lives was admitted. So they make a row of their own, which only calm ends (ADR 0104).

// lossCalmMS is how long a life must have been a member with all its core processes running to end that row.
const lossCalmMS = 3_600_000

// losses is what this life knows of its row.
type losses struct {
	fatal     bool  // this life ended itself for a process that died
	calmSince int64 // a member, and none is missing, 0 for not
}

// Barred reports whether the life after so many in a row that ended themselves for a process that died stays off the cluster (R24): a reset does not
// help, and as a member it would have to be reset again at the next death, because it may hold what is shared then (S4).
func Barred(losses int) bool { return losses >= maxSelfFences }

// calmLosses ends the row once this life has been a member for an hour and nothing was missing, by this node's own clock.
func (m *Member) calmLosses() {
	l, n := &m.losses, m.dom.Node(m.cfg.Self.Node)
	if m.cfg.Losses == 0 || m.fell || n == nil || n.Life != m.cfg.Self.Incarnation || n.Phase != domain.PhaseMember || !m.present() || m.coreless() != "" {
		l.calmSince = 0
		return
	}
	if l.calmSince == 0 {
		l.calmSince = max(m.now, 1)
	}
	if m.now-l.calmSince >= lossCalmMS {
		m.cfg.Losses = 0
		m.do(Calm{Lost: true})
	}
}

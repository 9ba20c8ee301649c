package member

import (
	"fmt"

	"github.com/fenced-project/fenced/fence/domain"
)

// errWitness: a witness was asked for something that only nodes do.
var errWitness = fmt.Errorf("%w: a witness has nothing to leave, stop its process", ErrNotMember)

// witness reports whether this node is one. It then only says that it is there: it scans nothing, claims nothing, begins nothing, releases
// nothing, accuses nobody and never ends its own machine.
func (m *Member) witness() bool { return m.dom.Witness(m.cfg.Self.Node) }

// attend announces this witness, once for each arrival, and again when its file was read again.
func (m *Member) attend() {
	n := m.dom.Node(m.cfg.Self.Node)
	if n == nil || !m.present() || (n.Phase == domain.PhaseMember && n.Roster == m.cfg.RosterHash) {
		return
	}
	a := m.announcement(n)
	a.Clean = true
	m.propose(fmt.Sprintf("attend/%d/%s", n.Arrived, m.cfg.RosterHash), domain.Entry{Announce: &a})
}

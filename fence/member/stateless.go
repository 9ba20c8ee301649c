package member

import (
	"fmt"

	"github.com/fenced-project/fenced/fence/domain"
)

// idling is the way to a stateless life: nobody holds or waits for a grant, a scan asked for since then finds nothing, the log takes it, and
// only then the session record says it (R12, S4.4). The domain refuses an off that a grant has overtaken, so a lost outcome does no harm.
type idling struct {
	scanned bool   // the scan in Member.scan was asked for since nobody watches
	next    int64  // no scan before
	said    string // what was found and told
}

// idleScanMS lies between two scans of a member that would be stateless; idleFoundMS after one that found something.
const (
	idleScanMS  = 10_000
	idleFoundMS = 60_000
)

// idle makes an idle member stateless where the roster's policy allows it. A scan with findings keeps it stateful and says why, once.
func (m *Member) idle() {
	n, i := m.dom.Node(m.cfg.Self.Node), &m.idling
	if n == nil || !n.Stateful || !m.dom.Roster.Policy.IdleStateless || m.tainted != "" || m.shut() != "" || m.watched() {
		i.scanned = false
		return
	}
	if !i.scanned && m.now < i.next {
		return
	}
	before := i.scanned
	have := m.leaveScan(&i.scanned)
	if i.scanned && !before {
		i.next = m.now + idleScanMS
	}
	if !have {
		return
	}
	if err := residue(m.scan.result); err != nil {
		m.staysStateful(err)
		return
	}
	if m.now-m.scan.at > leaveScanFreshMS {
		i.scanned = false // it was not committed in time: what was true then may not be true now
		return
	}
	i.said = ""
	m.propose(fmt.Sprintf("stateful/off/%d", n.StatefulAt), domain.Entry{Stateful: &domain.Stateful{Since: n.StatefulAt}})
}

func (m *Member) staysStateful(err error) {
	i := &m.idling
	i.scanned, i.next = false, m.now+idleFoundMS
	if text := bound(fmt.Sprintf("no client uses anything here, but this node stays stateful: %v", err)); text != i.said {
		i.said = text
		m.do(Notice{Kind: domain.EventStateful, Node: m.cfg.Self.Node, Life: m.cfg.Self.Incarnation, Text: text})
	}
}

// watched reports whether a client holds a grant or waits for one.
func (m *Member) watched() bool {
	for _, c := range m.clients {
		if c.watches() {
			return true
		}
	}
	return false
}

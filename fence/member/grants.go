package member

import (
	"fmt"
	"strings"

	"github.com/fenced-project/fenced/fence/domain"
)

// asking is the entry by which this node asks the log before it grants: it says once more that this life is stateful, and when this node
// applies it, it has applied everything that was committed before, so no victim is unresolved that others know of already (R12, I1).
type asking struct {
	number uint64 // of the newest proposal, 0 for none
	at     int64  // when it was proposed
	count  uint64 // names it, so that one that came too late is not taken for another
	passed bool   // it was applied with this input
}

// askEveryMS lies between two questions to the log: a program that comes and goes all the time does not fill it.
const askEveryMS = 100

// soonMS is how long a client is not told of what is over in a moment: a commit, a write, a ping.
const soonMS = 1000

// grants gives every client that watches its grant, or the reason why not, once for each change of the reason (R12).
func (m *Member) grants() {
	if !m.wanted() {
		m.soonSince = 0
		return
	}
	why := m.refusal()
	if why != "" {
		m.soonSince = 0
		m.refuse(why)
		return
	}
	if why = m.soon(); why != "" {
		if m.soonSince == 0 {
			m.soonSince = max(m.now, 1)
		}
		if m.now-m.soonSince >= soonMS {
			m.refuse(why)
		}
		return
	}
	m.soonSince = 0
	for _, c := range m.clients {
		if c.watches() && !c.granted {
			c.granted, c.refused = true, ""
			m.tell(c, Tell{Kind: TellGranted})
		}
	}
}

// wanted reports whether somebody waits for a grant.
func (m *Member) wanted() bool {
	for _, c := range m.clients {
		if c.watches() && !c.granted {
			return true
		}
	}
	return false
}

func (m *Member) refuse(why string) {
	for _, c := range m.clients {
		if c.watches() && !c.granted && c.refused != why {
			c.refused = why
			m.tell(c, Tell{Kind: TellRefused, Why: why})
		}
	}
}

// refusal says why this node grants nothing, "" when only what soon says is missing. The text is the same as long as the reason is.
func (m *Member) refusal() string {
	if m.witness() {
		return "this node is a witness: nothing is used here"
	}
	if why := m.shut(); why != "" {
		return why
	}
	if names := append(m.unresolved(), m.risen()...); len(names) > 0 {
		return bound("it waits for " + strings.Join(names, ", "))
	}
	return ""
}

// unresolved names every node whose life may hold state (R12), and those whose daemon is there and has not said yet what it found: unknown is
// no good news (V12).
func (m *Member) unresolved() []string {
	var names []string
	waits := m.dom.Unresolved()
	for i := range m.dom.Nodes {
		n := &m.dom.Nodes[i]
		r, _ := m.dom.Roster.Node(n.ID)
		silent := n.Phase == domain.PhaseJoining && n.Instance != "" && n.Pending == nil && n.Foreign == nil && !r.Witness
		if len(waits) > 0 && waits[0] == n.ID {
			waits = waits[1:]
		} else if !silent {
			continue
		}
		names = append(names, m.dom.Roster.Name(n.ID)+" ("+doubt(n)+")")
	}
	return names
}

// doubt is what makes a node unresolved, in a word.
func doubt(n *domain.Node) string {
	switch {
	case n.Victim != nil:
		return "victim"
	case n.Suspect != "" || !n.Lapsed.Zero():
		return "suspect"
	case n.Phase == domain.PhaseDirty:
		return "dirty"
	case n.Phase == domain.PhaseUnguarded:
		return "unguarded"
	case n.Unknown:
		return "unknown"
	case n.Away():
		return "restarting"
	}
	return "joining"
}

// soon does what is still missing before a grant and says what it is: every release told, stateful in the log, the session record durable and
// saying so (R26), the watchdog open, as before an announcement (L6), and then the log's own word that this node knows everything that is committed.
func (m *Member) soon() string {
	n := m.dom.Node(m.cfg.Self.Node)
	switch {
	case len(m.releases) > 0:
		return "a release waits for the lease"
	case !n.Stateful:
		m.propose("stateful/on", domain.Entry{Stateful: &domain.Stateful{On: true}})
		return "it is not committed yet that this node may hold state"
	case !m.openSession(true):
		return "the session record of this node is not written yet"
	case !m.watchdogReady():
		return "the watchdog of this node is not open yet"
	case !m.ask.passed:
		m.askLog()
		return "the log has not confirmed yet that nobody is a victim"
	}
	return ""
}

func (m *Member) askLog() {
	if m.ask.count > 0 && m.now-m.ask.at < askEveryMS {
		return
	}
	before := m.number
	m.propose(fmt.Sprintf("grant/%d", m.ask.count), domain.Entry{Stateful: &domain.Stateful{On: true}})
	if m.number != before {
		m.ask.number, m.ask.at = m.number, m.now
	}
}

// confirmed takes the fate of one of our Stateful entries. One that was long under way proves nothing: this node lags.
func (m *Member) confirmed(number uint64, err error) {
	if m.ask.number == 0 || number != m.ask.number {
		return
	}
	m.ask.number, m.ask.count = 0, m.ask.count+1
	m.ask.passed = err == nil && m.now-m.ask.at <= m.late()
}

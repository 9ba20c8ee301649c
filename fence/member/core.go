package member

import (
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence/domain"
)

// Core processes are those that cannot be told from the node: when one dies, the rest of the machine goes on and the others take over (S4). Each that
// this node's own file names has one policy, and one table, CoreTable, says what follows. The daemon itself, its watchdog's holder and its clients
// have rules of their own (ADR 0096).

// CorePolicy is what becomes of this node when a core process dies.
type CorePolicy string

// The policies. CoreReset: this life ends. CoreRestart: its service manager starts it again; this life ends when it dies too often or does not come
// back in time. CoreFreeze: nothing is granted or released here until it runs again. CoreIgnore: it is in the log.
const (
	CoreReset   CorePolicy = "reset"
	CoreRestart CorePolicy = "restart"
	CoreFreeze  CorePolicy = "freeze"
	CoreIgnore  CorePolicy = "ignore"
)

// Core is one core process by this node's file. Limit deaths within WithinMS are one too many for CoreRestart, and BackMS is how long it may be away.
type Core struct {
	Name             string
	Policy           CorePolicy
	Limit            int
	WithinMS, BackMS int64
}

// CoreFate is what happened to one.
type CoreFate string

// The fates. CoreStopped: it ended in order, as its service manager or its pid file says, or was not started yet. CoreDied: it ended otherwise. CoreLost:
// it died too often, or is away for too long.
const (
	CoreRuns    CoreFate = "runs"
	CoreStopped CoreFate = "stopped"
	CoreDied    CoreFate = "died"
	CoreLost    CoreFate = "lost"
)

// CoreOutcome is what follows from it.
type CoreOutcome string

// The outcomes. CoreFrozen: nothing is granted or released to programs of this node. CoreEnds: this life ends (R24).
const (
	CoreGoesOn CoreOutcome = "goes-on"
	CoreFrozen CoreOutcome = "frozen"
	CoreEnds   CoreOutcome = "ends"
)

// CoreTable is the one table of core processes (S4.6). stake says that this life may hold what is shared, by the log or by a program with a grant: who
// holds nothing need not be reset.
func CoreTable(p CorePolicy, f CoreFate, stake bool) CoreOutcome {
	switch {
	case p == CoreIgnore, f == CoreRuns:
		return CoreGoesOn
	case f == CoreStopped, p == CoreFreeze, !stake, p == CoreRestart && f == CoreDied:
		return CoreFrozen
	}
	return CoreEnds // also under a policy that nobody knows
}

// CoreSeen is news of a core process: it runs, was stopped, or died. What was not seen to run does not die.
type CoreSeen struct {
	Name string
	Fate CoreFate
	Why  string
	// ID tells one that runs from any other, also to the next daemon of this boot.
	ID string
}

// CoreStanding is a core process that does not run, for a person.
type CoreStanding struct {
	Core
	Fate CoreFate
	Why  string
}

// core is one of them as this node sees it.
type core struct {
	Core
	fate    CoreFate
	why     string
	since   int64   // it does not run
	deaths  []int64 // when it died, the newest last, at most Limit+1
	outcome CoreOutcome
	id      string // of the one that runs
	looked  bool   // this daemon knows whether it runs
}

// newCores makes what is known at the start: none was seen yet, and unknown is no good news.
func newCores(all []Core) []*core {
	var out []*core
	for _, c := range all {
		out = append(out, &core{Core: c, fate: CoreStopped, why: "it was not looked at yet", outcome: CoreTable(c.Policy, CoreStopped, false)})
	}
	return out
}

// coreSeen takes the news. What follows is decided here once, by what this life may hold at this moment, and stands until it runs again: an idle node
// whose core process died is not reset for it later.
func (m *Member) coreSeen(in CoreSeen) {
	i := slices.IndexFunc(m.cores, func(c *core) bool { return c.Name == in.Name })
	if i < 0 {
		return
	}
	c := m.cores[i]
	in.Why = bound(in.Why)
	c.id, c.looked = in.ID, true
	if in.Fate == CoreRuns {
		c.fate, c.why, c.since, c.outcome = CoreRuns, "", 0, CoreGoesOn
		return
	}
	if c.fate != CoreRuns {
		c.why = in.Why
		return // it did not run before: nobody counted on it
	}
	c.since = max(m.now, 1)
	if in.Fate == CoreDied {
		c.deaths = append(c.deaths, m.now)
		c.deaths = c.deaths[max(0, len(c.deaths)-c.Limit-1):]
		if c.Policy == CoreRestart && len(c.deaths) > c.Limit && m.now-c.deaths[0] <= c.WithinMS {
			in.Fate, in.Why = CoreLost, fmt.Sprintf("it died %d times within %d ms: %s", len(c.deaths), m.now-c.deaths[0], in.Why)
		}
	}
	m.coreFell(c, in.Fate, in.Why)
}

// awaitCores notices those that do not come back in time.
func (m *Member) awaitCores() {
	for _, c := range m.cores {
		if c.Policy == CoreRestart && c.fate == CoreDied && m.now-c.since >= c.BackMS {
			m.coreFell(c, CoreLost, fmt.Sprintf("it is not back for %d ms: %s", m.now-c.since, c.why))
		}
	}
}

// coreFell does what the table says.
func (m *Member) coreFell(c *core, fate CoreFate, why string) {
	c.fate, c.why = fate, bound(why)
	c.outcome = CoreTable(c.Policy, fate, m.stake())
	text := bound(fmt.Sprintf("core process %s %s: %s", c.Name, fate, why))
	m.do(Notice{Kind: domain.EventRefused, Node: m.cfg.Self.Node, Life: m.cfg.Self.Incarnation, Text: bound(fmt.Sprintf("%s; by its policy %s this node %s", text, c.Policy, c.outcome))})
	switch {
	case c.outcome != CoreEnds || m.fell:
	case m.dom.Armed:
		m.losses.fatal = true
		m.fall(text)
	default: // as after a critical client: nobody counts on a reset here, and no probe may see what it left (V12)
		c.outcome = CoreFrozen
		m.taint(text)
	}
}

// stake reports whether this life may hold what is shared: it is stateful in the log of an armed cluster, or a program holds a grant (R12).
func (m *Member) stake() bool {
	n := m.dom.Node(m.cfg.Self.Node)
	return len(m.holders()) > 0 ||
		m.dom.Armed && n != nil && n.Life == m.cfg.Self.Incarnation && n.Phase == domain.PhaseMember && n.Stateful
}

// coreless names a core process without which nothing is granted or released here, "" for none.
func (m *Member) coreless() string {
	for _, c := range m.cores {
		if c.outcome != CoreGoesOn {
			return "core process " + c.Name + " does not run"
		}
	}
	return ""
}

// coresStoodStill begins anew what was measured before this node was stopped: its service manager stood still as well (R20).
func (m *Member) coresStoodStill() {
	for _, c := range m.cores {
		if c.since > 0 {
			c.since = m.now
		}
	}
}

// Cores lists the core processes that do not run and are not to be ignored.
func (m *Member) Cores() []CoreStanding {
	var out []CoreStanding
	for _, c := range m.cores {
		if c.outcome != CoreGoesOn {
			out = append(out, CoreStanding{Core: c.Core, Fate: c.fate, Why: c.why})
		}
	}
	return out
}

func (CoreSeen) input() {}

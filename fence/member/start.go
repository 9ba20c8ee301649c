package member

import "github.com/fenced-project/fenced/fence/domain"

// Outcome is what the start table says of this node's life.
type Outcome string

// The outcomes. Dirty is followed by the roster's on_residual; unguarded is never self-fenced.
const (
	OutcomeClean     Outcome = "clean"
	OutcomeDirty     Outcome = "dirty"
	OutcomeUnguarded Outcome = "unguarded"
)

// LifeWord is what the domain says of this life before it announces itself.
type LifeWord string

// What the domain may say.
const (
	LifeNone   LifeWord = "none"
	LifeVictim LifeWord = "victim"
	LifeMember LifeWord = "member" // or gone
)

// StartTable decides what this node may say of itself (DESIGN, the start table; one table test for each row). Planned restarts (R26) have
// no entry yet, so an open stateful session is dirty.
func StartTable(session Session, residue bool, life LifeWord) (Outcome, string) {
	switch {
	case life == LifeVictim:
		return OutcomeDirty, "this life is a victim or has a verdict"
	case session.State == SessionUnreadable:
		return OutcomeDirty, "the session record of this boot is unreadable"
	case session.State == SessionNone && !residue:
		return OutcomeClean, ""
	case session.State == SessionNone && !session.EverArmed:
		return OutcomeUnguarded, "state from before fenced was armed here: adopt or reboot"
	case session.State == SessionNone:
		return OutcomeDirty, "state is left over and no session of this boot explains it"
	case session.State == SessionStateless && !residue, session.State == SessionClosed && !residue:
		return OutcomeClean, ""
	case session.State == SessionStateful:
		return OutcomeDirty, "the session of this boot was stateful and ended without a clean leave"
	}
	return OutcomeDirty, "state is left over from this boot"
}

// lifeWord asks the domain about this life.
func (m *Member) lifeWord() LifeWord {
	life := m.cfg.Self.Incarnation
	n := m.dom.Node(life.Node)
	switch {
	case n == nil:
		return LifeNone
	case m.dom.IsOver(life), n.Victim != nil && n.Victim.Incarnation == life:
		return LifeVictim
	case n.Life == life && (n.Phase == domain.PhaseMember || n.Phase == domain.PhaseGone):
		return LifeMember
	}
	return LifeNone
}

// start brings this node from "in the view" to "announced": scan, table, durable session, announcement (S2.16: the scan is the last thing before it).
func (m *Member) start() {
	n := m.dom.Node(m.cfg.Self.Node)
	in, ok := m.dom.InView(m.cfg.Self.Node)
	if n == nil || !ok || in != m.cfg.Self || n.Phase != domain.PhaseJoining || n.Pending != nil || n.Roster != "" || n.Why != "" {
		return
	}
	if m.scan.asked == 0 || m.scan.stint != m.stint() {
		m.scan = scan{asked: m.now, stint: m.stint()}
		m.do(Scan{})
		return
	}
	if !m.scan.have {
		return
	}
	r := m.scan.result
	outcome, why := StartTable(r.Session, r.State || r.Unsure, m.lifeWord())
	if why != "" && r.Why != "" {
		why += ": " + r.Why
	}
	if outcome == OutcomeClean && !m.openSession(m.dom.Armed) {
		return
	}
	a := domain.Announce{
		Clean: outcome == OutcomeClean, Unguarded: outcome == OutcomeUnguarded, Why: bound(why), Machine: m.cfg.Machine,
		Roster: m.cfg.RosterHash, Feature: domain.FeatureLevel, Version: m.cfg.Version,
	}
	m.propose("announce", domain.Entry{Announce: &a})
}

// stint names one appearance of this daemon in the view: an announcement belongs to one.
func (m *Member) stint() uint64 {
	if n := m.dom.Node(m.cfg.Self.Node); n != nil {
		return n.LifeIndex<<1 | 1
	}
	return 1
}

// openSession demands the durable record before anything depends on it (R26); it reports whether it is there.
func (m *Member) openSession(stateful bool) bool {
	want := Session{State: SessionStateless, Boot: m.cfg.Self.Boot, Instance: m.cfg.Self.Instance, EverArmed: stateful || m.dom.EverArmed || m.scan.result.Session.EverArmed}
	if stateful {
		want.State = SessionStateful
	}
	switch {
	case m.session.written && m.session.want == want:
		return true
	case m.session.asked && m.session.want == want:
		return false
	}
	m.session = session{want: want, asked: true}
	m.do(WriteSession{Session: want})
	return false
}

// keepSession keeps the record true while this node is a member: stateful in the log means stateful on disk.
func (m *Member) keepSession() {
	n := m.dom.Node(m.cfg.Self.Node)
	if n != nil && n.Phase == domain.PhaseMember && n.Instance == m.cfg.Self.Instance && n.Life == m.cfg.Self.Incarnation {
		m.openSession(n.Stateful)
	}
}

// doomed ends this life when the domain says it is over or must be, or when the table called it dirty, if policy says so (R24). Never in a
// cluster that is not armed.
func (m *Member) doomed() {
	n := m.dom.Node(m.cfg.Self.Node)
	if n == nil || !m.dom.Armed || m.dom.Roster.Policy.OnResidual != "self-fence" || m.fell {
		return
	}
	in, ok := m.dom.InView(m.cfg.Self.Node)
	mine := n.Life == m.cfg.Self.Incarnation
	switch {
	case m.lifeWord() == LifeVictim:
		m.fall("this life is a victim or has a verdict")
	case mine && ok && in == m.cfg.Self && n.Phase == domain.PhaseDirty && n.Victim == nil && m.scan.have && m.scan.result.Resettable:
		m.fall(n.Why)
	}
}

func (m *Member) fall(why string) {
	m.fell = true
	m.do(SelfFence{Why: why})
}

func bound(s string) string {
	if len(s) > domain.MaxText {
		return s[:domain.MaxText]
	}
	return s
}

package member

import (
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// Outcome is what the start table says of this node's life.
type Outcome string

// The outcomes. Dirty is followed by the roster's on_residual; unguarded is never self-fenced.
const (
	OutcomeClean     Outcome = "clean"
	OutcomeDirty     Outcome = "dirty"
	OutcomeUnguarded Outcome = "unguarded"
	// OutcomeResume: it goes on where the daemon before it stood, state and all (R26).
	OutcomeResume Outcome = "resume"
)

// LifeWord is what the domain says of this life before it announces itself.
type LifeWord string

// What the domain may say.
const (
	LifeNone   LifeWord = "none"
	LifeVictim LifeWord = "victim"
	LifeMember LifeWord = "member" // or gone
	// LifeResumes: a planned restart of it is under way, and nothing of what it held has changed (R26).
	LifeResumes LifeWord = "resumes"
)

// StartTable decides what this node may say of itself (DESIGN, the start table; one table test for each row). An open stateful session is
// dirty but for a planned restart (R26).
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
	case session.State == SessionStateful && life == LifeResumes:
		return OutcomeResume, ""
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
	case n.Life == life && n.Away() && m.scan.have && m.resumes(n, m.scan.result) == "":
		return LifeResumes
	case n.Life == life && (n.Phase == domain.PhaseMember || n.Phase == domain.PhaseGone):
		return LifeMember
	}
	return LifeNone
}

// start brings this node from "in the view" to "announced": scan, table, watchdog, durable session, a second scan, announcement (S2.16: that
// scan is the last thing before a clean word, and belongs to this arrival in the view).
func (m *Member) start() {
	n := m.dom.Node(m.cfg.Self.Node)
	in, ok := m.dom.InView(m.cfg.Self.Node)
	if n == nil || !ok || in != m.cfg.Self || m.leaving != nil {
		return
	}
	if n.Phase == domain.PhaseMember && n.Victim == nil {
		m.tellRoster(n)
		return
	}
	if m.halt(n) || m.looksForCores(n) {
		return
	}
	if n.Phase != domain.PhaseJoining || n.Pending == nil && (n.Roster != "" || n.Why != "") || !m.freshScan(n.Arrived) {
		return
	}
	r := m.scan.result
	session := r.Session
	if m.session.found != nil { // later scans see what this daemon wrote itself
		session.State, session.EverArmed = m.session.found.State, m.session.found.EverArmed
	}
	if m.session.held != "" {
		session.State = m.session.held
	}
	outcome, why := StartTable(session, r.State || r.Unsure, m.lifeWord())
	if m.tainted != "" {
		outcome, why = OutcomeDirty, m.tainted
	}
	if fresh := m.resumes(n, r); outcome == OutcomeDirty && n.Restart != nil && fresh != "" {
		why += ": " + fresh
	}
	if why != "" && r.Why != "" {
		why += ": " + r.Why
	}
	goes := outcome == OutcomeClean || outcome == OutcomeResume
	if goes && (!m.watchdogReady() || !m.openSession(m.dom.Armed || outcome == OutcomeResume)) {
		m.scan.last = false // what is waited for takes its time
		return
	}
	if goes && (!m.lastScan() || n.Pending != nil && n.Roster == m.cfg.RosterHash) {
		return // a clean word that waits for what may still be in flight is looked after until it counts (R9), and said again by another file (R5, 0099)
	}
	if goes && m.registersStill() {
		return
	}
	a := m.announcement(n)
	a.Clean, a.Unguarded, a.Why, a.Halt = goes, outcome == OutcomeUnguarded, bound(why), m.halting(outcome)
	if outcome == OutcomeResume {
		a.Resume = n.Restart.Nonce
	}
	m.propose(fmt.Sprintf("announce/%d/%s", n.Arrived, outcome), domain.Entry{Announce: &a})
}

func (m *Member) announcement(n *domain.Node) domain.Announce {
	a := domain.Announce{Machine: m.cfg.Machine, Since: n.Arrived, Roster: m.cfg.RosterHash, Feature: domain.FeatureLevel, Version: m.cfg.Version}
	if m.dom.Feature >= domain.FeatureDrill {
		a.UpMS = max(m.now-m.cfg.BootedMS, 1)
	}
	if m.dom.Feature >= domain.FeatureCut {
		a.Shared = m.cfg.Shared
	}
	a.TwoMS = m.twoMS()
	if a.Watchdog = m.announced(); a.Watchdog.Open {
		a.WatchdogSince, m.dog.said = n.ClosedAt, n.ClosedAt
	}
	return a
}

// tellRoster announces this member's file again when it was read again and differs (only with an equal hash is it eligible, R5, S5.8), and its
// watchdog when it was opened or is another (R14), and what it uses of what is shared, where the log does not know that (R18), and how long its corosync takes, where that changed (R23). It says nothing new about its state, and the domain takes nothing new about that from it.
func (m *Member) tellRoster(n *domain.Node) {
	if n.Roster == m.cfg.RosterHash && !m.watchdogNews(n) && !m.sharedNews(n) && n.TwoMS == m.twoMS() {
		return
	}
	a := m.announcement(n)
	a.Clean = true
	m.propose(fmt.Sprintf("again/%s/%d/%v/%v/%d", m.cfg.RosterHash, a.WatchdogSince, a.Watchdog, a.Shared, a.TwoMS), domain.Entry{Announce: &a})
}

// freshScan reports whether there is a scan of this arrival that is not old; else it asks for one.
func (m *Member) freshScan(stint uint64) bool {
	s := &m.scan
	if s.have && s.stint == stint && m.now-s.at <= scanFreshMS {
		return true
	}
	if s.outstanding && m.now-s.askedAt < scanLostMS || m.now < m.silence.retryAt {
		return false
	}
	*s = scan{outstanding: true, askedAt: m.now, stint: stint}
	m.do(Scan{})
	return false
}

// lastScan reports whether the newest scan was begun when all else that precedes a clean word was done, and is as good as new; else it asks for
// one. A watchdog and a disk take their time: what was not there before them may be there now (S2.16).
func (m *Member) lastScan() bool {
	s := &m.scan
	if s.last && m.now-s.at <= lastScanFreshMS {
		return true
	}
	*s = scan{outstanding: true, last: true, askedAt: m.now, stint: s.stint}
	m.do(Scan{})
	return false
}

func (m *Member) scanned(in ResidualScanned) {
	if m.silent(in) {
		m.scan.outstanding, m.scan.have, m.scan.last = false, false, false
		return
	}
	m.scan.outstanding, m.scan.have, m.scan.at, m.scan.result = false, true, m.now, in
	if m.session.found == nil {
		found := in.Session
		m.session.found = &found
	}
}

// silent reports whether a scan of a node that joins says nothing yet, so that it is scanned again: whatever it found was only not answered in
// time, which a machine that is busy with its start does too. A read that hangs is no better after silencePatienceMS, and then it counts (V12, S2.13).
func (m *Member) silent(in ResidualScanned) bool {
	s, n := &m.silence, m.dom.Node(m.cfg.Self.Node)
	if !in.NoAnswer || n == nil || n.Phase != domain.PhaseJoining {
		s.since = 0
		return false
	}
	if s.since == 0 {
		s.since = max(m.now, 1)
	}
	if m.now-s.since >= silencePatienceMS {
		return false
	}
	s.retryAt = m.now + silenceRetryMS
	return true
}

// openSession demands the durable record before anything depends on it (R26); it reports whether it is there.
func (m *Member) openSession(stateful bool) bool {
	state := SessionStateless
	if stateful {
		state = SessionStateful
	}
	return m.writeSession(state)
}

// writeSession writes the record of this state unless it is durable already: one write at a time, with a pause after one that failed.
func (m *Member) writeSession(state SessionState) bool {
	s := &m.session
	want := Session{State: state, Boot: m.cfg.Self.Boot, Instance: m.cfg.Self.Instance, Restart: m.noted()}
	want.EverArmed = s.durable.EverArmed || s.found != nil && s.found.EverArmed ||
		s.held != "" && (state == SessionStateful || m.dom.EverArmed) // from its admission on: before, nothing here was ever guarded
	if s.durable == want && s.outstanding == nil {
		return true
	}
	if m.now < s.retryAt || (s.outstanding != nil && m.now-s.askedAt < sessionLostMS) {
		return false
	}
	written := want // a copy: want itself is made with each input
	s.outstanding, s.askedAt = &written, m.now
	m.do(WriteSession{Session: want})
	return false
}

func (m *Member) sessionWritten(in SessionWritten) {
	s := &m.session
	if in.Err != "" || s.outstanding == nil {
		s.outstanding, s.retryAt = nil, m.now+sessionRetryMS
		return
	}
	s.durable, s.outstanding = *s.outstanding, nil
}

// keepSession keeps the record true: stateful in the log means stateful on disk. A clean leave closes it (leave.go).
func (m *Member) keepSession() {
	n := m.dom.Node(m.cfg.Self.Node)
	if n == nil || n.Life != m.cfg.Self.Incarnation {
		return
	}
	in, ok := m.dom.InView(m.cfg.Self.Node)
	if ok && in == m.cfg.Self && n.Phase == domain.PhaseMember {
		m.cfg.SelfFences = 0
		if n.Stateful {
			m.session.held = SessionStateful
		} else if m.session.held == "" {
			m.session.held = SessionStateless
		}
		if m.openSession(n.Stateful) && !n.Stateful {
			m.session.held = SessionStateless
		}
	}
}

// doomed ends this life when the domain says it is over or must be, or when the table called it dirty, if policy says so (R24). Never in a
// cluster that is not armed.
// Kept for R24: S2.2, S2.3, L1.
func (m *Member) doomed() {
	n := m.dom.Node(m.cfg.Self.Node)
	if n == nil || !m.dom.Armed || m.dom.Roster.Policy.OnResidual != fence.ResidualSelfFence || m.fell {
		m.doomSince = 0
		return
	}
	in, ok := m.dom.InView(m.cfg.Self.Node)
	mine := n.Life == m.cfg.Self.Incarnation
	switch {
	case m.lifeWord() == LifeVictim:
		m.fallSoon(ok && in == m.cfg.Self)
	case mine && ok && in == m.cfg.Self && n.Phase == domain.PhaseDirty && n.Victim == nil && m.scan.have &&
		Respond(OutcomeDirty, m.scan.result.Resettable, m.dom.Armed, m.dom.Roster.Policy.OnResidual) == ResponseSelfFence:
		m.fall(n.Why)
	}
}

// fallSoon ends a life that is over or a victim: at once where this daemon is in the view, else after the failure timeout, because a daemon
// that has just started reads old entries first, and the cluster may have been disarmed in a later one.
func (m *Member) fallSoon(present bool) {
	if m.doomSince == 0 {
		m.doomSince = max(m.now, 1)
	}
	if present || m.now-m.doomSince >= m.dom.Roster.Timing.FailureTimeoutMS {
		m.fall("this life is a victim or has a verdict")
	}
}

func (m *Member) fall(why string) {
	m.fell, m.fellWhy = true, why
	if m.cfg.SelfFences >= maxSelfFences { // a reset does not help: it stays out, dirty, and the machine runs (R24)
		m.do(Notice{Kind: domain.EventDirty, Node: m.cfg.Self.Node, Life: m.cfg.Self.Incarnation, Text: bound(fmt.Sprintf("%d lives in a row ended themselves, so this one stays out instead: %s", m.cfg.SelfFences, why))})
		return
	}
	m.do(SelfFence{Why: why, Withdrawn: m.trouble.fatal, Lost: m.losses.fatal})
}

// maxSelfFences bounds how many lives in a row end themselves without one between them that was admitted (R24).
const maxSelfFences = 3

// confess says in the log that this life is dirty, in case ending it is in vain: the others then fence it (R22, R24). Without it a member
// whose critical client is gone would stay one for as long as its reset fails (S4.8).
func (m *Member) confess() {
	n := m.dom.Node(m.cfg.Self.Node)
	if n == nil || !m.Quorate() || !m.present() || n.Life != m.cfg.Self.Incarnation || n.Phase != domain.PhaseMember || n.Victim != nil {
		return
	}
	a := m.announcement(n)
	a.Why = m.fellWhy
	m.propose(fmt.Sprintf("confess/%d", n.Arrived), domain.Entry{Announce: &a})
}

func bound(s string) string {
	if len(s) > domain.MaxText {
		return s[:domain.MaxText]
	}
	return s
}

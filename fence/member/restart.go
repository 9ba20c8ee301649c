package member

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// A planned restart (R26, ADR 0094): the gate closes, operations are handed over, what is in use is noted with a nonce in the session record, the log
// takes the word, and the daemon ends. The next daemon of the same boot goes on if it finds all of that unchanged in time. Unlike a leave it can be
// taken back at any moment: a word that was committed and not followed lapses, and harms nobody.

// RestartRecord is what a daemon that restarts leaves in the session record for the next one.
type RestartRecord struct {
	Nonce string `json:"nonce"`
	// UntilMS is until when that may go on, by CLOCK_BOOTTIME, which is the same for both.
	UntilMS int64 `json:"until_ms"`
	// Print is the ResidualScanned.Print of the last scan.
	Print string `json:"print"`
	// Cores are the core processes that ran (corePrint).
	Cores string `json:"cores,omitempty"`
}

// RestartRequested asks this node's daemon to restart. It is answered once: Err nil means that the word is committed, and a Depart follows.
type RestartRequested struct {
	Reply  uint64
	Reason string
	// UntilMS is when it gives up, by this node's clock: a word that is committed later is not followed.
	UntilMS int64
}

func (RestartRequested) input() {}

// restarting is a restart on its way; its existence closes the gate as a leave's does.
type restarting struct {
	reply   uint64
	why     string
	until   int64
	scanned bool
	record  RestartRecord // with a nonce once it is to be written
	ever    bool          // the word was proposed
	gone    bool          // Depart was asked for
}

// RestartMS is how long a restart may take: what the watchdog leaves of the lease, when the newest ping is as old as it may be (R14).
func RestartMS(t fence.Timing) int64 { return t.LeaseMS - t.LeaseMS/10 }

// restartGoesBy is until when the daemon may still go: half of its time, and at least what the next one needs, must be left then.
func (m *Member) restartGoesBy(r RestartRecord) int64 {
	t := m.dom.Roster.Timing
	return r.UntilMS - max(RestartMS(t)/2, domain.LeastRestartMS(t))
}

// ErrRestarting: this node's daemon is about to restart.
var ErrRestarting = errors.New("the daemon of this node restarts")

// Restarting reports whether this node's daemon is about to restart.
func (m *Member) Restarting() bool { return m.restarting != nil }

// closing reports whether this node means to be away soon: it takes no duty, releases and grants nothing.
func (m *Member) closing() bool { return m.leaving != nil || m.restarting != nil }

func (m *Member) restartRequested(in RestartRequested) {
	refuse := func(err error) { m.do(Answer{Reply: in.Reply, Err: err}) }
	switch {
	case m.fell:
		refuse(fmt.Errorf("%w: it ends its own life", ErrNotMember))
	case m.witness():
		refuse(errWitness)
	case m.cmp.why != "":
		refuse(m.errFrozen())
	case m.leaving != nil:
		refuse(fmt.Errorf("%w: this node leaves", fence.ErrRefused))
	case m.restarting != nil:
		refuse(ErrRestarting)
	case m.now >= in.UntilMS:
		refuse(fmt.Errorf("%w: it was over before this began", ErrLate))
	default:
		m.restarting = &restarting{reply: in.Reply, why: bound(in.Reason), until: in.UntilMS}
	}
}

// restarts brings a restart one step further.
func (m *Member) restarts() {
	r := m.restarting
	if r == nil || r.gone {
		return
	}
	n := m.dom.Node(m.cfg.Self.Node)
	by := r.until // of a long lease much is left when nobody waits for the answer any more
	if r.record.Nonce != "" {
		by = min(by, m.restartGoesBy(r.record))
	}
	committed := n != nil && n.Restart != nil && r.ever && n.Restart.Nonce == r.record.Nonce && n.Restart.Instance == m.cfg.Self.Instance
	switch {
	case m.fell || m.leaving != nil:
		m.restartStays(fmt.Errorf("%w: it leaves or ends its own life", ErrNotMember))
	case committed && m.now <= by && m.present():
		m.do(Answer{Reply: r.reply, Index: n.Restart.Since})
		r.gone = true
		m.do(Depart{Restart: true})
	case r.record.Nonce != "" && m.now > by:
		m.restartStays(fmt.Errorf("%w: the log does not take its word", ErrLate))
	case !r.ever:
		m.prepareRestart(r)
	}
}

// prepareRestart does what comes before the word: nobody here holds a grant, nothing of this node acts, what is in use is known for certain and durable.
func (m *Member) prepareRestart(r *restarting) {
	err := m.mayRestart()
	switch {
	case errors.Is(err, domain.ErrActs):
		m.abandon("this node restarts")
		err = nil
	case err == nil && m.busy():
		m.abandon("this node restarts")
	case err == nil:
		err = m.noteRestart(r)
	}
	if err == nil && r.record.Nonce == "" && m.now >= r.until {
		err = fmt.Errorf("%w: %s", ErrLate, m.leaveWaits())
	}
	if err != nil {
		m.restartStays(err)
	}
}

// noteRestart scans, writes the record and proposes.
func (m *Member) noteRestart(r *restarting) error {
	if m.now < m.gapUntil || !m.leased() || !m.leaveScan(&r.scanned) {
		return nil
	}
	if m.scan.result.Unsure {
		return fmt.Errorf("%w: %s", ErrUnsure, bound(m.scan.result.Why))
	}
	if r.record.Nonce == "" {
		if m.now-m.scan.at > leaveScanFreshMS {
			r.scanned = false
			m.leaveScan(&r.scanned)
			return nil
		}
		r.record = RestartRecord{Nonce: fmt.Sprintf("%s/%d", m.cfg.Self.Instance, m.now), UntilMS: m.now + RestartMS(m.dom.Roster.Timing), Print: m.scan.result.Print, Cores: m.corePrint()}
	}
	if !m.openSession(m.dom.Node(m.cfg.Self.Node).Stateful) {
		return nil
	}
	before := m.number
	m.propose("restart/"+r.record.Nonce, domain.Entry{Restart: &domain.RestartEntry{Nonce: r.record.Nonce, ForMS: RestartMS(m.dom.Roster.Timing), Why: r.why}})
	r.ever = m.number != before
	return nil
}

func (m *Member) mayRestart() error {
	if names := m.holders(); len(names) > 0 {
		return fmt.Errorf("%w: %s", ErrHeld, bound(strings.Join(names, ", ")))
	}
	if m.tainted != "" {
		return fmt.Errorf("%w: %s", ErrHeld, m.tainted)
	}
	if why := m.coreless(); why != "" {
		return fmt.Errorf("%w: %s: start it first, what does not run cannot be told from what died meanwhile", fence.ErrRefused, why)
	}
	if slices.ContainsFunc(m.locals, func(l *LocalPower) bool { return !l.Done }) {
		return fmt.Errorf("%w: an operator's forced power is under way here", fence.ErrRefused)
	}
	if !m.Quorate() {
		return fence.ErrNoQuorum
	}
	return m.dom.MayRestart(m.cfg.Self, RestartMS(m.dom.Roster.Timing))
}

// restartStays takes a restart back; keepSession takes its nonce off the record.
func (m *Member) restartStays(err error) {
	if r := m.restarting; r.reply != 0 {
		m.do(Answer{Reply: r.reply, Err: err})
	}
	m.restarting = nil
}

// restartCommitted takes the domain's refusal of our word.
func (m *Member) restartCommitted(nonce string, err error) {
	if r := m.restarting; r != nil && err != nil && r.record.Nonce == nonce {
		m.restartStays(err)
	}
}

// noted is what belongs in the session record of a restart that is on its way. Whoever starts takes it off again before it says anything: a nonce is
// used once, and a daemon that crashes later finds none (R26).
func (m *Member) noted() RestartRecord {
	if m.restarting == nil {
		return RestartRecord{}
	}
	return m.restarting.record
}

// resumes says why this daemon does not go on where the one before it stood, "" if it does (R26): the log knows of the restart that the record tells of,
// its time is not over, and the kernel holds what it held, for certain.
func (m *Member) resumes(n *domain.Node, r ResidualScanned) string {
	found := RestartRecord{}
	if m.session.found != nil {
		found = m.session.found.Restart
	}
	switch {
	case found.Nonce == "":
		return "no restart was planned"
	case n.Restart == nil || n.Restart.Nonce != found.Nonce:
		return "the log knows nothing of the restart in the record, or its time is over"
	case m.now >= found.UntilMS:
		return "the time of the planned restart is over"
	case r.Unsure:
		return "what is in use is not known for certain after the restart"
	case r.Print != found.Print:
		return "what is in use is not what it was before the restart"
	}
	return m.coreChanged(found.Cores)
}

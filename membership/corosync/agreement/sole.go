package agreement

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// With corosync's two_node either node is quorate without the other, so votequorum's word alone would make two logs (R6, R15). Here an entry is
// committed by both stores; where one is missing, the proof that nobody can commit on it takes the place of its acknowledgement (ADR 0083):
// the other life's power is off, or the other's daemon ended while its node stayed in the ring. Both cannot have that proof of each other at the
// same time. Who has it is the sole one, until a view that names the other has a place in its log: from then on the other may be the sole one.

// Sole is the durable note that nobody but this node can commit.
type Sole struct {
	Boot string `json:"boot"` // this machine's, when it had the proof; in another boot it says nothing without the peer (R23)
	At   uint64 `json:"at"`   // the end of this log then
	// Word: no proof, but a person's word. The other may be alive, and may have been told the same.
	Word bool `json:"word,omitempty"`
}

// Two says that corosync has two_node and waits for all: need is then the votes of both. A change makes a new session. ringMS is for the reader.
func (m *Machine) Two(on bool, ringMS, now int64) {
	m.now = now
	if m.two != on {
		if m.two, m.ringMS = on, ringMS; on {
			m.tellTwo()
		}
		m.again()
		m.progress()
	}
}

// tellTwo tells of two_node, and of whether this node goes on alone by a word for which there is no proof.
func (m *Machine) tellTwo() {
	m.worded = m.meta.Sole != nil && m.meta.Sole.Word
	m.tell(membership.TwoNode{RingMS: m.ringMS, Word: m.worded})
}

// note replaces the note; the reader hears of it before any view that it leads to.
func (m *Machine) note(s *Sole) {
	m.meta.Sole = s
	if word := s != nil && s.Word; m.two && word != m.worded {
		m.tellTwo()
	}
}

// peer is the one other member of the view, where this very daemon is the second, and this store counted when its log was last taken over: whatever
// was committed since then is on its disk.
func (m *Machine) peer() (membership.Member, bool) {
	v := m.shown()
	if !m.two || m.broken != "" || !m.seated || len(v) != 2 || !m.inView() {
		return membership.Member{}, false
	}
	if v[0].Node == m.cfg.Self.Node {
		return v[1], true
	}
	return v[0], true
}

// shown is the committed view, or the newest one of this log where that ended this daemon's being the sole one and is not known to be committed: who it
// names may have stopped before it acknowledged, or have committed it. Until then nobody else was the sole one, and that note is gone from no disk but
// this one, so it takes the very proof that a committed view takes. Who was not the sole one itself must not do so: the other's note may still stand.
func (m *Machine) shown() []membership.Member {
	v, at := m.applied.View.Members, m.applied.ViewAt
	if m.lent <= m.applied.Index {
		return v
	}
	for _, e := range m.log {
		if e.Index > m.applied.Index && e.View != nil && e.Base == at {
			v, at = e.View.view().Members, e.Index
		}
	}
	if !slices.ContainsFunc(v, func(o membership.Member) bool { return o.Node == m.cfg.Self.Node && o.Instance == m.cfg.Self.Instance }) {
		return nil
	}
	return v
}

// Parted is the member without which nothing can be committed here, though corosync says that this node alone is quorate: its daemon is not in the
// session, and nothing proves yet that it is over (R23).
func (m *Machine) Parted() (membership.Member, bool) {
	p, two := m.peer()
	return p, two && m.meta.Sole == nil && m.now >= m.quietTil && m.streams.Holds() == "" && m.plan != nil && m.plan.Parted &&
		!slices.ContainsFunc(m.parts, func(q Participant) bool { return q.Process.Node == p.Node })
}

// Vouch takes the word that a life's power is off, by a read that this daemon commanded and made while it was parted from it. It says whether that
// made this node the sole one.
func (m *Machine) Vouch(life fence.Incarnation, now int64) bool {
	m.now = now
	p, parted := m.Parted()
	if !parted || p.Incarnation != life {
		return false
	}
	m.alone()
	m.again()
	m.progress()
	return true
}

// alone makes this node the sole one.
func (m *Machine) alone() {
	m.note(&Sole{Boot: m.cfg.Self.Boot, At: m.last()})
	m.write(Change{}, writeMeta, 0)
}

// toldAlone makes a node the sole one that commits alone by a person's word: expected votes of 1, for want of any proof (R15). What it was the sole one for
// is noted like a proof, so that corosync, which counts both again when the other is back, does not undo it: then a store that no log knows can join. The
// note says that it is a word: it spares nobody (R12).
func (m *Machine) toldAlone(me Process) {
	if v := m.plan.Voters; m.two && m.meta.Sole == nil && len(v) == 1 && v[0].Process == me && m.need <= m.votes {
		m.note(&Sole{Boot: m.cfg.Self.Boot, At: m.plan.Last, Word: true})
	}
}

// processGone: the peer's daemon ended, by the word of its own corosync, which is in this ring: that instance commits nothing any more, and another
// one of the same node may not fence before a view that both commit has named it.
func (m *Machine) processGone(h Hello) {
	if p, two := m.peer(); two && p == h.member() && m.streams.In(h.Node) {
		m.alone()
	}
}

// shares ends being the sole one, by the very write that brings a view that names another node: that node may come to be the sole one itself. A
// snapshot may hide one.
func (m *Machine) shares(c Change) {
	s := m.meta.Sole
	if s == nil {
		return
	}
	if c.Cut && c.After < s.At { // what comes behind it is new
		s = &Sole{Boot: s.Boot, At: c.After, Word: s.Word}
		m.meta.Sole = s
	}
	if c.Snapshot != nil && c.SnapAt > s.At {
		m.note(nil)
		return
	}
	for _, e := range c.Append {
		if e.View != nil && e.Index > s.At && slices.ContainsFunc(e.View.Members, func(h Hello) bool { return h.Node != m.cfg.Self.Node }) {
			m.note(nil)
			if !c.Cut && c.Snapshot == nil { // of a log that is this store's own
				m.lent = e.Index
			}
			return
		}
	}
}

// stalled asks for another session where one that both must acknowledge has a member that says nothing: it is then left out, and what proves that it
// is over is looked for. In a larger cluster the others go on by themselves.
func (m *Machine) stalled() {
	if !m.two || m.plan == nil || m.plan.Refused != "" || m.now-m.askedAt < m.cfg.FailMS || m.now-m.changedAt < m.cfg.FailMS {
		return
	}
	me, in := m.self()
	if !in || !m.plan.counts(me.Process) {
		return
	}
	for _, v := range m.plan.Voters {
		pe := m.peers[v.Process]
		if v.Process != me.Process && pe != nil && m.now-pe.at >= m.cfg.FailMS {
			m.askedAt = m.now
			m.again()
			return
		}
	}
}

// tellParted tells of the beginning and the end of being parted, once each.
func (m *Machine) tellParted() {
	p, parted := m.Parted()
	if !parted {
		p = membership.Member{}
	}
	if p != m.partedFrom {
		m.partedFrom = p
		m.tell(membership.Parted{Member: p})
	}
}

// sole reports whether the one voter of a session needs no other: it is the sole one since this boot, or it once was and the peer's daemon is here
// with a store that no log knows, so that nobody else can have committed anything.
func sole(ps []Participant, p *Plan) bool {
	if len(p.Voters) != 1 || slices.ContainsFunc(ps, func(q Participant) bool { return !q.State.Two }) {
		return false
	}
	for _, q := range ps {
		if q.Process == p.Voters[0].Process {
			return q.State.Sole != "" && (q.State.Sole == q.Hello.Boot || len(ps) == 2 && len(p.Barred) == 0)
		}
	}
	return false
}

// twice says that two stores each went on alone. By proofs they cannot; by a person's word about both sides they can, and then neither log may take the
// other's place, not even as a snapshot, which does not show where they parted (R15).
func twice(ps []Participant, p *Plan) string {
	var alone []string
	for _, q := range ps {
		if q.State.Sole != "" && q.State.Domain == p.Domain && !p.bars(q.Process) {
			alone = append(alone, fmt.Sprintf("node %d", q.Process.Node))
		}
	}
	if len(alone) < 2 {
		return ""
	}
	return strings.Join(alone, " and ") + " each went on alone, by a person's word that the other is lost: two histories"
}

// strange says what ends the wait of two of which one has a store that the other's log does not know, where nothing proves that the store which is
// gone did not commit alone (R3): a person's word, and which.
func strange(ps []Participant, known fence.NodeID) string {
	other := ps[0].Process.Node
	if other == known {
		other = ps[1].Process.Node
	}
	return fmt.Sprintf("corosync's two_node: the log does not know the store of node %[1]d, and the one that it knows may have gone on alone: start node %[1]d with that store; "+
		"if it is lost: stop fenced and corosync on node %[1]d, run `corosync-quorumtool -e 1` on node %[2]d, and start node %[1]d when node %[2]d is quorate",
		other, known)
}

// unmet says what ends the wait of one of two that cannot prove anything of the other, because it has not been in a view with it: a restarted daemon.
func unmet(plan *Plan) string {
	return plan.Refused + ": this daemon has not met it and can prove nothing: start it; if it is lost: see to it that its power is off and stays so, and run `corosync-quorumtool -e 1` here"
}

// others are the nodes whose stores the log knows, without this one.
func (m *Machine) others() (ids []fence.NodeID) {
	for _, s := range m.applied.Stores {
		if s.Node != m.cfg.Self.Node {
			ids = append(ids, s.Node)
		}
	}
	return ids
}

package agreement

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/fenced-project/fenced/membership"
)

// The bounds of proposals: open at a time, bytes of one.
const (
	maxOpen     = 1024
	maxProposal = 64 << 10
)

// What Propose refuses.
var (
	ErrTooMany = errors.New("too many open proposals")
	ErrOpen    = errors.New("this number is proposed already and has no outcome yet")
	ErrTooBig  = errors.New("proposal is too big")
	ErrNumber  = errors.New("a proposal needs a number above 0")
)

// last is the index of the newest entry of this log, committed or not.
func (m *Machine) last() uint64 { return m.snapAt + uint64(len(m.log)) }

// append gives an entry its place: the same everywhere, because everybody counts from the same opening. It is acknowledged when it is on disk.
func (m *Machine) append(from Process, e Entry) {
	if !m.open || e.View != nil && !m.quorate(e.View.Members) {
		m.dropped++ // a view of less than a quorum would make victims of the rest (R30)
		return
	}
	h := m.hellos[from]
	e.Node, e.Boot, e.Instance, e.Index = h.Node, h.Boot, h.Instance, m.next
	m.next++
	if !m.syncs {
		m.waiting = append(m.waiting, e)
		return
	}
	m.log = append(m.log, e)
	c := Change{Append: []Entry{e}}
	m.shares(c)
	m.write(c, writeAppend, e.Index)
}

// applyTo tells the reader everything up to an index that this node has on disk as a part of a whole log.
func (m *Machine) applyTo(index uint64) {
	if m.id != "" && !m.here || m.broken != "" {
		return
	}
	index = min(index, m.last())
	before := m.applied.Index
	for m.applied.Index < index {
		e := m.log[m.applied.Index-m.snapAt]
		if ev := m.applied.apply(e); ev != nil {
			m.tell(ev)
			if v, ok := ev.(membership.ViewInstalled); ok {
				m.installed(v.View)
			}
		}
		if e.View == nil && e.Node == m.cfg.Self.Node && e.Instance == m.cfg.Self.Instance {
			m.outcome(e.Number)
		}
	}
	if m.applied.Index > max(before, m.meta.Commit) {
		m.meta.Commit = m.applied.Index
		m.write(Change{}, writeCommit, 0)
	}
}

// Propose takes a proposal; it is told one Outcome. deadline is of the same clock as now.
func (m *Machine) Propose(number uint64, data []byte, deadline, now int64) error {
	m.now = now
	switch {
	case number == 0:
		return ErrNumber
	case len(data) > maxProposal:
		return ErrTooBig
	case m.proposals[number] != nil:
		return ErrOpen
	case len(m.proposals) >= maxOpen:
		return ErrTooMany
	}
	m.proposals[number] = &proposal{data: slices.Clone(data), deadline: deadline}
	m.outcome(number)
	m.progress()
	return nil
}

// outcome answers a proposal that is in the sequence.
func (m *Machine) outcome(number uint64) {
	s := m.cfg.Self
	if m.proposals[number] != nil && m.applied.delivered(s.Node, s.Instance, number) {
		delete(m.proposals, number)
		m.tell(membership.Outcome{Number: number, Delivered: true})
	}
}

// outcomes answers whatever a snapshot brought, and what has run out of time.
func (m *Machine) outcomes() {
	for _, n := range m.numbers() {
		m.outcome(n)
		if p := m.proposals[n]; p != nil && m.now > p.deadline {
			delete(m.proposals, n)
			m.tell(membership.Outcome{Number: n})
		}
	}
}

func (m *Machine) numbers() []uint64 {
	var ns []uint64
	for n := range m.proposals { // order: sorted below
		ns = append(ns, n)
	}
	slices.Sort(ns)
	return ns
}

// propose sends what has not been sent in this session: once in each is enough, the log keeps it from being delivered twice.
func (m *Machine) propose() {
	if !m.open || !m.here || m.quiet() {
		return
	}
	for _, n := range m.numbers() {
		if p := m.proposals[n]; p.sent != m.id {
			p.sent = m.id
			m.send(Message{Entry: &Entry{Number: n, Data: p.data}})
		}
	}
}

// Abandon forgets every open proposal, and says which they were.
func (m *Machine) Abandon() []uint64 {
	ns := m.numbers()
	clear(m.proposals)
	return ns
}

// Entries is the length of the log in memory and on disk, for deciding when to make a snapshot.
func (m *Machine) Entries() int { return len(m.log) }

// Compact asks for a snapshot of everything that is applied.
func (m *Machine) Compact() {
	if m.applied.Index <= max(m.snapAt, m.collected) {
		return
	}
	m.collected = m.applied.Index
	b, err := json.Marshal(m.applied)
	var l Log
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	if err != nil { // plain structs: cannot happen
		panic("agreement: the log's state does not encode: " + err.Error())
	}
	m.out = append(m.out, Collect{l})
}

// Compacted takes the reader's state of that moment; the log before it goes. Nil is no state, and nothing goes.
func (m *Machine) Compacted(l Log, reader []byte, now int64) error {
	m.now = now
	m.collected = 0
	if reader == nil || l.Index <= m.snapAt || l.Index > m.applied.Index || len(m.group) > 0 && !m.open {
		return nil // in the middle of an agreement the log stays as this node said that it is
	}
	b, err := json.Marshal(Snapshot{Log: l, Reader: reader})
	if err != nil {
		return err
	}
	m.log = slices.Clone(m.log[l.Index-m.snapAt:])
	m.snapAt, m.snapshot = l.Index, b
	m.write(Change{Snapshot: b, SnapAt: l.Index}, writeMeta, 0)
	return nil
}

// stores are the nodes' stores at the end of this log, what is not committed included: where a node was given another store, the old one never
// again helps to make a quorum (R3).
func (m *Machine) stores() []Store {
	l := Log{ViewAt: m.applied.ViewAt, Stores: slices.Clone(m.applied.Stores)}
	for _, e := range m.log[m.applied.Index-m.snapAt:] {
		if e.View != nil {
			l.install(e)
		}
	}
	return l.Stores
}

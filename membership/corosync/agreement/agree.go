package agreement

import (
	"fmt"
	"slices"
)

// inSession takes a message that is bound to this session.
func (m *Machine) inSession(from Process, msg Message) {
	if !slices.ContainsFunc(m.parts, func(p Participant) bool { return p.Process == from }) {
		m.dropped++
		return
	}
	switch {
	case msg.State != nil:
		m.take(from, *msg.State)
	case m.plan == nil || m.plan.Refused != "":
		m.dropped++
	case msg.Page != nil:
		if from == m.plan.Source && m.shadow != nil {
			m.shadow.take(*msg.Page)
		}
	case msg.Promise:
		m.promised[from] = true
		m.saw(from, 0, false)
	case msg.Synced:
		m.synced[from] = true
		m.saw(from, m.plan.Last, true)
		m.acked[from] = max(m.acked[from], m.plan.Last)
		m.opens()
	case msg.Ack != 0:
		if m.synced[from] && msg.Ack < m.next { // what cannot be must not bar its sender
			m.saw(from, msg.Ack, true)
		}
		m.acked[from] = max(m.acked[from], msg.Ack)
		m.tally()
	case msg.Entry != nil:
		m.append(from, *msg.Entry)
	}
}

// take takes a State; with the last one all have the same plan.
func (m *Machine) take(from Process, s State) {
	for i := range m.parts {
		if m.parts[i].Process == from && !m.states[from] {
			m.parts[i].State = s
			m.states[from] = true
		}
	}
	if m.plan != nil || len(m.states) < len(m.parts) {
		return
	}
	m.decide()
}

// decide makes the plan of the session, of what all have said.
func (m *Machine) decide() {
	if m.outdated {
		return
	}
	plan := Decide(m.parts)
	m.plan = &plan
	me, in := m.self()
	if plan.Refused != "" || !in {
		return
	}
	m.keepVotes(plan)
	m.takePledges()
	if plan.receives(me.Process) {
		m.shadow = newShadow(m.shadow, plan, m.instanceOf(plan.Source))
	} else {
		m.shadow = nil
	}
}

func (m *Machine) instanceOf(p Process) string {
	for _, q := range m.parts {
		if q.Process == p {
			return q.Hello.Instance
		}
	}
	return ""
}

// progress does whatever is due. Nothing is promised, taken over or acknowledged while the two streams of corosync disagree or the ring is not
// quorate (S1.1).
func (m *Machine) progress() {
	defer m.tellLost()
	defer m.tellParted()
	me, in := m.self()
	if m.plan == nil || m.plan.Refused != "" || !in || m.plan.bars(me.Process) || m.streams.Holds() != "" {
		return
	}
	if !m.paged && m.plan.Source == me.Process && len(m.plan.Receivers) > 0 {
		m.paged = true
		for _, p := range pages(*m.plan, m.snapshot, m.log, common(*m.plan, me.Hello.Instance, m.parts)) {
			m.send(Message{Page: &p})
		}
	}
	m.promise()
	if !m.syncs && m.plan.quorum(func(p Process) bool { return m.promised[p] }) {
		m.sync(me.Process)
	}
	m.applyTo(m.commitTo)
	m.loses()
	m.propose()
}

// sync takes the plan's log over: whole, and at once (S3). Nothing that is committed here is ever replaced.
func (m *Machine) sync(me Process) {
	receiver := m.plan.receives(me)
	if receiver && (m.shadow == nil || !m.shadow.whole(*m.plan)) {
		return
	}
	m.syncs = true
	c := Change{}
	if receiver {
		m.lent = 0
		if c = m.install(); m.broken != "" {
			return
		}
	}
	c.Append = append(c.Append, m.waiting...)
	m.log = append(m.log, m.waiting...)
	m.waiting = nil
	m.seated = m.plan.counts(me)
	m.toldAlone(me)
	m.shares(c)
	m.meta.Domain, m.meta.Synced = m.plan.Domain, m.plan.Epoch
	m.write(c, writeSync, m.last())
}

// install puts the shadow in the place of everything behind what is committed here.
func (m *Machine) install() Change {
	s := m.shadow
	m.shadow = nil
	var c Change
	if s.SnapAt > m.meta.Commit {
		if err := m.restore(s.snapshot, s.SnapAt); err != nil {
			m.breaks(fmt.Sprintf("the snapshot of node %d cannot be used: %v", m.plan.Source.Node, err))
			return c
		}
		m.snapAt, m.snapshot, m.log = s.SnapAt, s.snapshot, nil
		m.meta.Commit = s.SnapAt
		c.Snapshot, c.SnapAt = s.snapshot, s.SnapAt
	}
	keep := m.meta.Commit
	if m.last() > keep {
		m.cuts++
		m.log = slices.Clone(m.log[:keep-m.snapAt])
	}
	c.Cut, c.After = true, keep
	for _, e := range s.entries {
		if e.Index == m.last()+1 {
			m.log = append(m.log, e)
			c.Append = append(c.Append, e)
		}
	}
	if m.last() != m.plan.Last {
		m.breaks(fmt.Sprintf("the log taken over ends at %d, not at %d", m.last(), m.plan.Last))
	} else if m.sum() != m.plan.Sum {
		m.breaks(fmt.Sprintf("the log taken over up to %d is not the one that node %d has", m.plan.Last, m.plan.Source.Node))
	}
	return c
}

// breaks: what cannot be is. This node says nothing to anybody any more.
func (m *Machine) breaks(why string) {
	if m.broken == "" {
		m.broken = why
	}
}

// opens begins the entries of this session, at the same place in the order on all: what the kept log has is committed, a quorum has taken it over.
func (m *Machine) opens() {
	if m.open || !m.plan.quorum(func(p Process) bool { return m.synced[p] }) {
		return
	}
	m.open, m.openedAt, m.next = true, m.now, m.plan.Last+1
	m.tally()
}

// tally commits what voters that reach the quorum have acknowledged in this session (R6).
func (m *Machine) tally() {
	if !m.open {
		return
	}
	if !m.plan.quorum(func(p Process) bool { return m.synced[p] && m.acked[p] > m.commitTo }) {
		return // nearly always, and where each of 64 acknowledges each entry to each a look at all pairs was half of what a member did
	}
	for _, v := range m.plan.Voters { // one of their numbers is the answer
		if at := m.acked[v.Process]; at > m.commitTo && at < m.next && m.plan.quorum(func(p Process) bool { return m.synced[p] && m.acked[p] >= at }) {
			m.commitTo = at
		}
	}
}

package agreement

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// sentView is the view that this node proposed last, so that it does not again before something is different.
type sentView struct {
	session Digest
	base    uint64
	members []Hello
}

// present are the participants that may be in a view: they have taken the log over, and answer (R20). Ghosts are not among the participants. Who is
// in the view has as long as silence may last to take the log over: a slow disk is no death.
func (m *Machine) present() []Hello {
	var hs []Hello
	for _, p := range m.parts {
		member := slices.Contains(m.applied.View.Members, p.Hello.member()) && m.now-m.openedAt < m.cfg.FailMS && !m.plan.bars(p.Process)
		if (m.synced[p.Process] || member) && (p.Hello.Instance == m.cfg.Self.Instance || m.answers(p.Process)) {
			hs = append(hs, p.Hello)
		}
	}
	return hs
}

// leads is who proposes the next view: the first of those who are present whose life is not denied (R22), or the first if all are.
func (m *Machine) leads(hs []Hello) Hello {
	for _, h := range hs {
		if !slices.Contains(m.denied, h.member().Incarnation) {
			return h
		}
	}
	return hs[0]
}

// quorate reports whether those who are present have the votes that a view needs (R20).
func (m *Machine) quorate(hs []Hello) bool {
	return m.plan.quorum(func(p Process) bool {
		return slices.ContainsFunc(hs, func(h Hello) bool { return h.Node == p.Node })
	})
}

// view proposes a view if another is due: the first of those who are present does, and all see the same of them within a ping or two; what two
// propose at once is one view, the other is void because its base is gone. It is called once in a ping interval. Until the set of those who are there
// has been the same for a while, only what is sure is proposed: that members left the ring.
func (m *Machine) view() {
	if !m.mayView() {
		return
	}
	hs := m.present()
	if !slices.Equal(hs, m.set) {
		m.set, m.setSince = hs, m.now
	}
	if m.now-m.setSince < m.cfg.JoinMS {
		hs = m.remaining(hs)
	}
	m.offer(hs)
}

func (m *Machine) mayView() bool {
	return m.open && m.here && !m.quiet() && m.streams.Holds() == "" && m.broken == ""
}

// offer proposes a view of those who are present, if it is this node that leads them, and the view is another.
func (m *Machine) offer(hs []Hello) {
	if len(hs) == 0 || m.leads(hs).Instance != m.cfg.Self.Instance || !m.quorate(hs) {
		return
	}
	var members []membership.Member
	for _, h := range hs {
		members = append(members, h.member())
	}
	same := sentView{m.id, m.applied.ViewAt, hs}
	if slices.Equal(members, m.applied.View.Members) || m.sentView.session == same.session && m.sentView.base == same.base && slices.Equal(m.sentView.members, hs) {
		return
	}
	m.sentView = same
	v := &View{Members: hs}
	for _, old := range m.applied.View.Members {
		if !slices.Contains(members, old) {
			v.Left = append(v.Left, membership.Departure{Member: old, How: m.how(old)})
		}
	}
	m.send(Message{Entry: &Entry{View: v, Base: m.applied.ViewAt}})
}

// how says whether the process or the node went; node-gone where in doubt. LEAVE of the group is not a clean leave of the cluster: that is an entry.
func (m *Machine) how(old membership.Member) membership.How {
	for _, p := range m.parts {
		if p.Hello.Node == old.Node && p.Hello.Instance != old.Instance {
			if p.Hello.Boot == old.Boot {
				return membership.HowProcessGone
			}
			return membership.HowNodeGone
		}
	}
	for _, g := range slices.Backward(m.gone) {
		if g.instance == old.Instance {
			return g.how
		}
	}
	return membership.HowNodeGone
}

// installed forgets what a view has settled.
func (m *Machine) installed(v membership.View) {
	m.loseTo(v)
	m.gone = slices.DeleteFunc(m.gone, func(d departure) bool {
		return !slices.ContainsFunc(v.Members, func(o membership.Member) bool { return o.Instance == d.instance })
	})
	if !m.inView() {
		return
	}
	m.lostWhy = "" // the view itself says so
	if m.unseated() {
		m.again()
	}
}

// unseated reports whether a view has told of this node's store, and the session's plan, which was made before, does not count it yet. Until a session
// does, only those who voted before are counted: one of them that falls silent would stop all, though a quorum is there (R3, L1).
func (m *Machine) unseated() bool {
	me, in := m.self()
	if !in || !m.open || m.votes == 0 || m.plan.counts(me.Process) || m.plan.bars(me.Process) {
		return false
	}
	s, known := storeOf(m.applied.Stores, m.cfg.Self.Node)
	return known && s.Store == m.cfg.Store
}

// barred reports whether this node's own store is refused.
func (m *Machine) barred() bool {
	me, in := m.self()
	return in && m.plan.bars(me.Process)
}

func (m *Machine) inView() bool {
	return slices.ContainsFunc(m.applied.View.Members, func(o membership.Member) bool {
		return o.Node == m.cfg.Self.Node && o.Instance == m.cfg.Self.Instance
	})
}

// why says why this node is not part of a quorate view now, "" if it is.
func (m *Machine) why() string {
	holds := m.streams.Holds()
	switch {
	case m.broken != "":
		return m.broken
	case m.now < m.quietTil:
		return "this process was stopped"
	case m.streams.group == m.streams.quorum && holds != "":
		return holds
	case m.open && m.here && holds == "" && m.now-m.selfAt >= m.cfg.FailMS:
		return "corosync delivers nothing" // frozen, or its ring is lost and there is no other yet
	case m.open && m.here && holds == "":
		return ""
	case m.now-m.changedAt < m.cfg.FailMS && m.waited < m.cfg.FailMS:
		return "" // a change is being settled; the leases go on or end by themselves
	case holds != "":
		return holds
	case m.plan != nil && m.plan.Refused != "":
		return m.plan.Refused
	case m.plan != nil && m.barred():
		return "this node's store was restored from a copy: wipe it and join again"
	}
	return "the members of the ring have not agreed yet"
}

// tellLost tells of the loss of quorum and of its end, once each.
func (m *Machine) tellLost() {
	if !m.inView() {
		m.lostWhy = ""
		return
	}
	why := m.why()
	switch {
	case why != "" && m.lostWhy == "":
		m.lostWhy = why
		m.tell(membership.QuorumLost{Why: why, Final: m.broken != ""})
	case why == "" && m.lostWhy != "":
		m.lostWhy = ""
		m.tell(membership.QuorumHeld{})
	}
}

// Tick is called once in a ping interval: it sees this process's own stops, asks to go on without the silent, proposes views and sends the ping.
func (m *Machine) Tick(durableMS int64, healthy bool, now int64) (gap int64) {
	gap = m.clock(now)
	m.impatient()
	m.stalled()
	m.view()
	m.suspicion()
	m.outcomes()
	m.progress()
	m.sendPing(durableMS, healthy)
	return gap
}

// Status is what a person may see.
type Status struct {
	Domain  string
	Ring    Ring
	Nodes   []fence.NodeID // in the ring
	Quorate bool
	Open    bool
	Votes   int
	Need    int
	// What is waited for, and whom for; "" for nothing.
	Waiting   string
	For       []fence.NodeID
	Since     int64 // of the machine's clock
	Dropped   uint64
	Heard     []LastHeard
	ViewAt    uint64
	Committed uint64
	SnapAt    uint64
}

// LastHeard says when a node was last heard, by the machine's clock.
type LastHeard struct {
	Node fence.NodeID
	At   int64
}

// Status says how it stands.
func (m *Machine) Status() Status {
	s := Status{
		Domain: m.meta.Domain, Ring: m.streams.Ring(), Nodes: slices.Clone(m.streams.nodes), Quorate: m.streams.Holds() == "", Open: m.open, Votes: m.presence.have(), Need: m.need,
		Since: m.changedAt, Dropped: m.dropped, ViewAt: m.applied.ViewAt, Committed: m.applied.Index, SnapAt: m.snapAt,
	}
	for _, p := range m.group {
		if pe := m.presence.peers[p]; pe != nil && pe.at != 0 {
			s.Heard = append(s.Heard, LastHeard{p.Node, pe.at})
		}
	}
	switch {
	case m.broken != "":
		s.Waiting = m.broken
	case m.plan == nil:
		var ps []Process
		s.Waiting, ps = m.missing()
		for _, p := range ps {
			s.For = append(s.For, p.Node)
		}
	case m.plan.Refused != "":
		s.Waiting = m.plan.Refused
		if m.plan.Parted {
			s.For = m.others()
			if _, met := m.peer(); !met {
				s.Waiting = unmet(m.plan)
			}
		}
	case m.streams.Holds() != "":
		s.Waiting = m.streams.Holds()
	case !m.open:
		s.Waiting = "a quorum to take the log over"
		for _, v := range m.plan.Voters {
			if !m.synced[v.Process] {
				s.For = append(s.For, v.Process.Node)
			}
		}
	default:
		s.Waiting = m.why()
	}
	return s
}

// Stores is how many nodes' stores the committed log knows of.
func (m *Machine) Stores() int { return len(m.applied.Stores) }

// Session is the name of the session that messages are bound to now.
func (m *Machine) Session() Digest { return m.id }

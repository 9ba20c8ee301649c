package member

import (
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// Config is what this node knows of itself before it hears anything.
type Config struct {
	Self       domain.Origin
	Machine    fence.Machine
	RosterHash string // of its own file (R5)
	Version    string
}

// Member is this node's mind. Only one goroutine may use it.
type Member struct {
	cfg Config
	dom *domain.State
	now int64 // milliseconds of CLOCK_BOOTTIME, from the newest input
	out []Effect

	number    uint64 // of the newest proposal
	proposals []proposal
	quorum    bool // the provider has contact to a quorate view
	heard     []heard
	scan      scan
	session   session
	running   []*run
	since     marks
	graces    []grace
	releases  []release
	answering []int64 // local times of claims on victims that still answered (R21)
	clients   []ClientRegistered
	leaseSent int64 // send time of the newest acknowledged ping
	fell      bool
	held      []fence.NodeID // victims that the brake holds, for status
}

// New returns the mind of a node that has heard nothing.
func New(cfg Config) *Member { return &Member{cfg: cfg, dom: domain.New()} }

// Domain is the committed state as this node knows it. Read only; valid until the next Step.
func (m *Member) Domain() *domain.State { return m.dom }

// Held lists the victims that wait for an operator because of the brake (R21).
func (m *Member) Held() []fence.NodeID { return m.held }

// Quorate reports whether this node is in a quorate view and in contact with it, as far as it knows.
func (m *Member) Quorate() bool {
	in, ok := m.dom.InView(m.cfg.Self.Node)
	return m.quorum && ok && in == m.cfg.Self && m.dom.View.Quorate
}

// Step takes one input at time now (milliseconds of this node's CLOCK_BOOTTIME, never going back) and returns what is to be done.
func (m *Member) Step(now int64, in Input) []Effect {
	m.now = max(m.now, now)
	m.out = nil
	m.take(in)
	m.think()
	return m.out
}

func (m *Member) do(e Effect) { m.out = append(m.out, e) }

func (m *Member) take(in Input) {
	switch in := in.(type) {
	case Tick, Suspect:
	case ViewInstalled:
		m.quorum = in.Quorate
		m.applied(in.Index, m.dom.ApplyView(in.Index, in.Members, in.Quorate))
	case EntryCommitted:
		m.committed(in)
	case SnapshotInstalled:
		m.dom = in.State
		m.denyAll()
	case ProposalDone:
		m.proposalDone(in)
	case QuorumLost:
		m.quorum = false
	case QuorumHeld:
		m.quorum = true
	case Heard:
		m.hear(in.By)
	case LeaseRenewed:
		m.leaseSent = max(m.leaseSent, in.SentMS)
	case ReadResult:
		m.finished(in)
	case CallsReturned:
		if r := m.run(in.Node, in.Claim); r != nil {
			r.quiet = true
		}
	case ResidualScanned:
		m.scan.result, m.scan.have = in, true
	case SessionWritten:
		m.session.written = in.Err == ""
		m.session.asked = m.session.written
	case ClientRegistered:
		m.clients = append(m.clients, in)
	case ClientGone:
		m.clientGone(in.ID)
	case Requested:
		m.requested(in)
	case ConfigChanged:
		m.cfg.RosterHash = in.RosterHash
	}
}

// think compares what the domain says with what this node has done, and does what is missing.
func (m *Member) think() {
	m.expireProposals()
	m.forget()
	m.doomed()
	m.start()
	m.keepSession()
	m.operations()
	m.release()
	m.held = nil
	if !m.Quorate() {
		return
	}
	m.quiesce()
	if m.dom.Eligible(m.cfg.Self.Node) {
		m.claims()
	}
	if m.dom.Clean(m.cfg.Self.Node) {
		m.overdue()
	}
}

// committed applies one entry, exactly as every other member does.
func (m *Member) committed(in EntryCommitted) {
	e, err := domain.Decode(in.Data)
	if err != nil {
		m.dom.Reject(in.Index)
		m.do(Notice{Kind: domain.EventRefused, Node: in.By.Node, Text: err.Error()})
		return
	}
	events, err := m.dom.Apply(in.Index, in.By, e)
	if err == nil {
		m.applied(in.Index, events)
	} else {
		m.do(Notice{Kind: domain.EventRefused, Node: in.By.Node, Text: fmt.Sprintf("entry %d: %v", in.Index, err)})
	}
	if in.By == m.cfg.Self {
		m.answer(in.Number, in.Index, events, err)
	}
}

// applied turns committed events into what must happen at once on this node.
func (m *Member) applied(index uint64, events []domain.Event) {
	if len(events) > 0 {
		m.do(Transition{Index: index, Events: events})
	}
	for _, e := range events {
		switch e.Kind {
		case domain.EventVictim:
			m.do(Deny{Life: e.Life})
		case domain.EventClaim:
			m.since.set(claimMark(e.Node, e.Claim), m.now)
			if n := m.dom.Node(e.Node); n != nil && n.Victim != nil && n.Victim.Claim != nil && n.Victim.Claim.Answers {
				m.answering = append(m.answering, m.now)
			}
		case domain.EventRelease:
			if !m.present() {
				continue // the log replays what was before this daemon came: its clients were told by others, or ask
			}
			m.releases = append(m.releases, release{index: index, at: m.now, verdict: *e.Verdict})
		}
	}
}

// present reports whether this very daemon is in the view.
func (m *Member) present() bool {
	in, ok := m.dom.InView(m.cfg.Self.Node)
	return ok && in == m.cfg.Self
}

// denyAll makes good for the victim entries that a snapshot skipped (R14).
func (m *Member) denyAll() {
	for _, n := range m.dom.Victims() {
		m.do(Deny{Life: n.Victim.Incarnation})
	}
}

// spec is everything an operation under the present claim on n depends on.
func (m *Member) spec(n *domain.Node, c *domain.Claim) operation.Spec {
	j := m.dom.Judge(n)
	j.Claim = c.Number
	s := operation.Spec{Claim: c.Number, ReadIndex: m.dom.Index, Judge: j}
	if c.On {
		s.Action, s.StartLevel = fence.ActionOn, n.PowerOn.Level
		s.Victim = fence.Victim{Incarnation: n.PowerOn.For, Machine: n.Machine, Index: m.dom.Index, Action: fence.ActionOn}
		return s
	}
	s.Victim, s.Action = n.Victim.Victim, n.Victim.Action
	return s
}

package member

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// client is a program on this node that registered.
type client struct {
	ClientRegistered
	granted bool
	frozen  bool   // it was told so, and not yet that it ended
	refused string // the reason that it was told last
	// told: every release up to this index was told, or is not for this client; placed says that this is known.
	told   uint64
	placed bool
	beat   int64 // when it was told a heartbeat last
}

func (c *client) watches() bool { return c.Role == RoleWatch }

// registered begins a client's stream: the first message is the state, whatever follows. Beyond the bound, or in a role that nobody knows, the
// stream ends at once.
func (m *Member) registered(in ClientRegistered) {
	if slices.ContainsFunc(m.clients, func(c *client) bool { return c.ID == in.ID }) {
		return // an id is never used twice in one run
	}
	switch {
	case in.Role != RoleWatch && in.Role != RoleReport:
		m.do(Drop{Client: in.ID, Why: fmt.Sprintf("role %q is not known: it is %s or %s", bound(in.Role), RoleWatch, RoleReport)})
		return
	case len(m.clients) >= MaxClients:
		m.do(Drop{Client: in.ID, Why: fmt.Sprintf("%d clients are registered on this node, more are not taken", len(m.clients))})
		return
	}
	c := &client{ClientRegistered: in, beat: m.now}
	if in.After == 0 && !m.present() {
		c.After = m.dom.Index // whatever its state names as unresolved is told, also if the log has more to say of it before this daemon is there
	}
	m.clients = append(m.clients, c)
	m.tell(c, Tell{Kind: TellState, State: m.clientState()})
}

func (m *Member) tell(c *client, t Tell) {
	t.Client = c.ID
	if t.Index == 0 {
		t.Index = m.dom.Index
	}
	switch t.Kind {
	case TellGranted, TellThawed, TellReleased:
		t.UntilMS = m.leaseSent + m.dom.Roster.Timing.LeaseMS
	}
	m.do(t)
}

// clientState is what a stream begins with. A life is unresolved until its release passed the gate, so each of them is told as released later.
func (m *Member) clientState() ClientState {
	s := ClientState{Frozen: m.frozen() != "", HeartbeatMS: HeartbeatMS}
	for i := range m.dom.Nodes {
		n := &m.dom.Nodes[i]
		if n.Victim != nil {
			s.Unresolved = append(s.Unresolved, n.Victim.Incarnation)
		}
		if r, ok := m.dom.Roster.Node(n.ID); n.Unknown && ok && !r.Witness {
			s.Unknown = append(s.Unknown, n.ID)
		}
	}
	for _, r := range m.releases {
		s.Unresolved = append(s.Unresolved, r.verdict.Incarnation)
	}
	return s
}

// clientGone forgets a client. One that was granted and did not say that it is done has stopped using what is shared by the end of its stream:
// that is the contract (S4.7). Where that is not enough it is critical, and then this node's life ends, if the cluster is armed (S4).
func (m *Member) clientGone(in ClientGone) {
	i := slices.IndexFunc(m.clients, func(c *client) bool { return c.ID == in.ID })
	if i < 0 {
		return
	}
	c := m.clients[i]
	m.clients = slices.Delete(m.clients, i, i+1)
	if !c.granted || in.Done || !c.Critical || m.fell {
		return
	}
	why := bound(fmt.Sprintf("critical client %s is gone and did not say that it is done: %s", c.Name, in.Why))
	if m.dom.Armed {
		m.losses.fatal = true
		m.fall(why)
		return
	}
	m.taint(why)
	m.do(Notice{Kind: domain.EventRefused, Node: m.cfg.Self.Node, Life: m.cfg.Self.Incarnation, Text: bound(why + "; the cluster is not armed, so this node is not reset")})
}

// taint notes that a client may have left something behind that no probe sees: this life never says again that it holds nothing (V12).
func (m *Member) taint(why string) {
	if m.tainted == "" {
		m.tainted = why
	}
}

// serve tells the clients what changed with this input, each in the one order: failed, or frozen, thawed, released, granted, and heartbeats.
func (m *Member) serve() {
	if len(m.clients) == 0 {
		return
	}
	if why := m.over(); why != "" {
		m.failed(why, func(*client) bool { return true })
		return
	}
	m.outcasts()
	m.tellReleases()
	m.grants()
	for _, c := range m.clients {
		if m.now-c.beat >= HeartbeatMS {
			c.beat = m.now
			m.tell(c, Tell{Kind: TellHeartbeat})
		}
	}
}

// over says why this node's life is over for the others, "" while it is not. Nothing makes it good again: the next life is another boot.
func (m *Member) over() string {
	switch {
	case m.fell:
		return m.fellWhy
	case m.lifeWord() == LifeVictim:
		return "this life is a victim or has a verdict"
	}
	return ""
}

// failed ends the streams of some clients with the last message there is.
func (m *Member) failed(why string, which func(*client) bool) {
	kept := m.clients[:0:0]
	for _, c := range m.clients {
		if !which(c) {
			kept = append(kept, c)
			continue
		}
		m.tell(c, Tell{Kind: TellFailed, Life: m.cfg.Self.Incarnation, Why: why})
		m.do(Drop{Client: c.ID, Why: why})
	}
	m.clients = kept
}

// outcasts fails the clients that hold a grant on a node that is no admitted member any more, as after a departure while the cluster was not
// armed: the others do not count with them, so they must stop, and this life cannot call itself clean again.
func (m *Member) outcasts() {
	n := m.dom.Node(m.cfg.Self.Node)
	if n != nil && n.Phase == domain.PhaseMember && n.Life == m.cfg.Self.Incarnation {
		return
	}
	names := m.holders()
	if len(names) == 0 {
		return
	}
	m.taint(bound(fmt.Sprintf("%s held a grant when this node was no member any more", strings.Join(names, ", "))))
	m.failed("this node is no admitted member any more", func(c *client) bool { return c.granted })
}

// holders names the clients that hold a grant. A client that waits for one holds nothing, and gets none while this node leaves.
func (m *Member) holders() []string {
	var names []string
	for _, c := range m.clients {
		if c.granted {
			names = append(names, c.Name)
		}
	}
	return names
}

// tellReleases tells every client that watches of the newest verdict of each node that it was not told yet, in the order of the log, behind
// the gate (R13): a release covers that life and every earlier life of its node, because a node has one open victim at a time, in the log's
// order. Nothing is released to a client while it is frozen.
func (m *Member) tellReleases() {
	why, open := m.frozen(), m.shut() == ""
	upTo, newest := m.proven(), m.newestVerdict()
	for _, c := range m.clients {
		if !c.watches() {
			continue
		}
		m.place(c)
		if open && c.placed && c.told < upTo {
			if c.told < newest {
				m.tellVerdicts(c, upTo)
			}
			c.told = upTo
		}
		if c.granted && (why != "") != c.frozen {
			m.freeze(c, why)
		}
	}
}

func (m *Member) freeze(c *client, why string) {
	c.frozen = why != ""
	t := Tell{Kind: TellThawed}
	if c.frozen {
		t.Kind, t.Why = TellFrozen, why
	}
	m.tell(c, t)
}

func (m *Member) tellVerdicts(c *client, upTo uint64) {
	var vs []*fence.Verdict
	for i := range m.dom.Nodes {
		if v := m.dom.Nodes[i].Last; v != nil && v.Index > c.told && v.Index <= upTo {
			vs = append(vs, v)
		}
	}
	slices.SortStableFunc(vs, func(a, b *fence.Verdict) int { return compare(a.Index, b.Index) })
	for _, v := range vs {
		if c.granted && c.frozen {
			m.freeze(c, "")
		}
		m.tell(c, Tell{Kind: TellReleased, Index: v.Index, Life: v.Incarnation, Verdict: *v})
	}
}

// place decides once, as soon as this daemon has read the log up to its own view, where a client's releases begin.
func (m *Member) place(c *client) {
	if c.placed || !m.present() {
		return
	}
	c.placed = true
	switch {
	case c.After == 0:
		c.told = m.proven() // what waits for the gate was named as unresolved, so it is told
	case c.After > m.dom.Index:
		c.told = 0 // not an index of this log: everything that is known is told, rather than too little
	case m.verdictsAt(c.After) > 1:
		c.told = c.After - 1 // the index does not say which of them it has handled
	default:
		c.told = c.After
	}
}

func (m *Member) verdictsAt(index uint64) int {
	count := 0
	for i := range m.dom.Nodes {
		if v := m.dom.Nodes[i].Last; v != nil && v.Index == index {
			count++
		}
	}
	return count
}

func (m *Member) newestVerdict() uint64 {
	var newest uint64
	for i := range m.dom.Nodes {
		if v := m.dom.Nodes[i].Last; v != nil {
			newest = max(newest, v.Index)
		}
	}
	return newest
}

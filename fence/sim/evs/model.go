package evs

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

// Config of a model.
type Config struct {
	// Nodes are corosync's nodelist, sorted; each has one vote.
	Nodes []fence.NodeID
	// TwoNode is votequorum's two_node with wait_for_all: one of two is a quorum, once it has seen the other since its corosync started (R23).
	TwoNode bool
	// LowestID is auto_tie_breaker: of two even halves the one with the lowest node id has the quorum.
	LowestID func() bool // nil for no
	// Chance draws a number below n.
	Chance func(n int) int
}

// Event is one callback of the group's service: exactly one of Message, Group and Ring is there.
type Event struct {
	From    agreement.Process
	Message *agreement.Message
	// Group is the whole list of members after a change, Left who is not in it any more.
	Group []agreement.Process
	Left  []agreement.Left
	Ring  *Ring
}

// Ring is what the group's service tells of a ring, behind the changes that it brings.
type Ring struct {
	ID    agreement.Ring
	Nodes []fence.NodeID
}

// Quorum is one callback of the quorum service.
type Quorum struct {
	Ring    agreement.Ring
	Quorate bool
}

// Model is all corosyncs of a cluster. Its owner serialises.
type Model struct {
	cfg   Config
	nodes []*station
	seq   uint64
	forms Forms
}

// Forms counts what changes of rings did.
type Forms struct {
	Merges int64 // two rings with members became one
	Holes  int64 // a message was lost and a later one of the same ring was not
	Ghosts int64 // a member stayed that was not there
}

// station is the corosync of one node.
type station struct {
	id      fence.NodeID
	up      bool
	ring    *ring
	got     int // how far it has received its ring's messages
	pending []message
	// members is the group as this corosync knows it.
	members []agreement.Process
	seen    bool // all nodes were in its ring once since it started
	client  *client
	ghost   bool // the others will not notice that its process went
}

// client is a daemon that is connected.
type client struct {
	process agreement.Process
	told    bool // it had its first list: nothing before it is for it
	group   []Event
	quorum  []Quorum
}

// message is one message of a ring; join and leave are of the group's service itself.
type message struct {
	from    int
	process agreement.Process
	body    *agreement.Message
	join    bool
	leave   bool
	how     agreement.Left
}

// New makes a model in which no corosync runs.
func New(cfg Config) *Model {
	m := &Model{cfg: cfg, seq: 4}
	for _, id := range cfg.Nodes {
		m.nodes = append(m.nodes, &station{id: id})
	}
	return m
}

// Forms says what changes of rings did so far.
func (m *Model) Forms() Forms { return m.forms }

// Up starts the corosync of the node at place i, alone in a ring.
func (m *Model) Up(i int) {
	s := m.nodes[i]
	if s.up {
		return
	}
	*s = station{id: s.id, up: true}
	m.form([]int{i})
}

// Down ends it: its client hears nothing any more and must connect anew; the others learn it by the next Form without it.
func (m *Model) Down(i int) {
	s := m.nodes[i]
	*s = station{id: s.id, ring: s.ring, ghost: s.ghost}
}

// Running reports whether a corosync runs.
func (m *Model) Running(i int) bool { return m.nodes[i].up }

// Connect lets a daemon join the group and follow both streams. Whoever was connected before on this node must have been disconnected.
func (m *Model) Connect(i int, pid uint32) {
	s := m.nodes[i]
	p := agreement.Process{Node: s.id, PID: pid}
	s.client = &client{process: p, quorum: []Quorum{m.quorum(s)}}
	s.pending = append(s.pending, message{from: i, process: p, join: true})
}

// Disconnect ends a daemon's connection; left tells the others how.
func (m *Model) Disconnect(i int, left agreement.Left) {
	s := m.nodes[i]
	if s.client == nil {
		return
	}
	left.Process = s.client.process
	s.pending = append(s.pending, message{from: i, process: left.Process, leave: true, how: left})
	s.client = nil
}

// Connected reports whether a daemon is connected.
func (m *Model) Connected(i int) bool { return m.nodes[i].client != nil }

// Process is how the group's service names the daemon of a node.
func (m *Model) Process(i int) agreement.Process { return m.nodes[i].client.process }

// Send gives the group a message; it has no place in the order before Sequence.
func (m *Model) Send(i int, body agreement.Message) {
	if s := m.nodes[i]; s.client != nil {
		s.pending = append(s.pending, message{from: i, process: s.client.process, body: &body})
	}
}

// Sequence is the token at a node: what it has to send gets its place in the order of its ring. It says how many messages the ring has now; every
// node of Peers gets them by Arrive.
func (m *Model) Sequence(i int) int {
	s := m.nodes[i]
	if !s.up {
		return 0
	}
	s.ring.messages = append(s.ring.messages, s.pending...)
	s.pending = s.pending[:0]
	return s.ring.end()
}

// Waiting is how many messages of a node wait for their place.
func (m *Model) Waiting(i int) int { return len(m.nodes[i].pending) }

// Peers are the places of the nodes of a node's ring, its own included.
func (m *Model) Peers(i int) []int { return m.nodes[i].ring.members }

// RingOf is the ring in which a node's corosync is; the zero value if it does not run.
func (m *Model) RingOf(i int) agreement.Ring {
	if s := m.nodes[i]; s.up {
		return s.ring.id
	}
	return agreement.Ring{}
}

// Received is how many messages of its ring a node has.
func (m *Model) Received(i int) int { return m.nodes[i].got }

// Arrive lets a node receive the messages of its ring up to a number. One of another ring is void.
func (m *Model) Arrive(i int, ring agreement.Ring, upto int) {
	s := m.nodes[i]
	if !s.up || s.ring.id != ring {
		return
	}
	for s.got < min(upto, s.ring.end()) {
		s.deliver(s.ring.at(s.got))
		s.got++
	}
	m.forget(s.ring)
}

// NextOfGroup takes what the group's service tells a node's daemon next; false for nothing.
func (m *Model) NextOfGroup(i int) (Event, bool) {
	c := m.nodes[i].client
	if c == nil || len(c.group) == 0 {
		return Event{}, false
	}
	e := c.group[0]
	c.group = c.group[1:]
	return e, true
}

// NextOfQuorum takes what the quorum service tells it next.
func (m *Model) NextOfQuorum(i int) (Quorum, bool) {
	c := m.nodes[i].client
	if c == nil || len(c.quorum) == 0 {
		return Quorum{}, false
	}
	q := c.quorum[0]
	c.quorum = c.quorum[1:]
	return q, true
}

// deliver takes the next message of the ring.
func (s *station) deliver(msg message) {
	switch {
	case msg.join:
		s.joins(msg.process)
	case msg.leave:
		if i := slices.Index(s.members, msg.process); i >= 0 {
			s.members = slices.Delete(slices.Clone(s.members), i, i+1)
			s.tell(Event{Group: s.members, Left: []agreement.Left{msg.how}})
		}
	default:
		s.tell(Event{From: msg.process, Message: msg.body})
	}
}

// joins takes a process into the group. The one that joins gets the whole list, and the ring behind it.
func (s *station) joins(p agreement.Process) {
	if !slices.Contains(s.members, p) {
		s.members = append(slices.Clone(s.members), p)
	}
	if c := s.client; c != nil && c.process == p && !c.told {
		c.told = true
		s.tell(Event{Group: s.members})
		s.tell(Event{Ring: s.ring.told()})
		return
	}
	s.tell(Event{Group: s.members})
}

func (s *station) tell(e Event) {
	if s.client != nil && s.client.told {
		s.client.group = append(s.client.group, e)
	}
}

package agreement

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// Config of a machine. Times are milliseconds.
type Config struct {
	Self    membership.Self
	Store   string // id of this node's store
	Starts  uint64 // how often it was started, this time included
	Version string
	FailMS  int64 // silence until a member leaves the view
	LeaseMS int64 // nothing is proposed for so long after a stop (R20)
	JoinMS  int64 // how long the set of those who are there stays the same before it is a view, unless that only loses whom the ring lost
}

// Meta is the small part of what is on disk.
type Meta struct {
	Domain   string `json:"domain"`
	Promised uint64 `json:"promised"`
	Synced   uint64 `json:"synced"`
	Commit   uint64 `json:"commit"`
	Seen     []Seen `json:"seen,omitempty"` // of the nodes' stores, sorted by node; replaced and never changed
	Sole     *Sole  `json:"sole,omitempty"` // nil: another may commit; replaced and never changed
}

// Durable is what the disk holds.
type Durable struct {
	Meta     Meta
	SnapAt   uint64
	Snapshot []byte  // of Snapshot, as JSON; nil for none
	Entries  []Entry // behind SnapAt, without a hole
}

// Change is one write, done as a whole: Meta is replaced; then the snapshot, if there is one, and entries up to SnapAt go; then entries behind
// After, if Cut; then Append.
type Change struct {
	Meta     Meta
	Snapshot []byte
	SnapAt   uint64
	Cut      bool
	After    uint64
	Append   []Entry
}

// Effect is one of Send, Write, Tell, Collect and Expel, to be done in order.
type Effect interface{ effect() }

// Send a message to the group, itself included.
type Send struct{ Message Message }

// Write a change; answer by Written when it is on disk. Writes are done in order. Nothing waits for a lazy one: it may stay a moment until there is
// another to go with it, so that this is not kept waiting by it.
type Write struct {
	Seq    uint64
	Change Change
	Lazy   bool
}

// Tell the reader.
type Tell struct{ Event membership.Event }

// Collect asks for the reader's state as of every event before this; answer by Compacted with this very Log.
type Collect struct{ Log Log }

func (Send) effect()    {}
func (Write) effect()   {}
func (Tell) effect()    {}
func (Collect) effect() {}

// Machine is one daemon's part in the agreement. Its owner serialises, and takes the effects after every call.
type Machine struct {
	cfg Config
	out []Effect
	now int64

	streams   Streams
	group     []Process
	known     map[Process]Hello // the newest Hello of every member of the group
	gone      []departure
	count     uint64
	changedAt int64
	hellos    map[Process]Hello // since the last change
	early     map[Process]State // that came with Hellos since the last change, or since a session was last made
	stated    uint64            // the count of this daemon's newest Hello with a State
	round     uint64            // counts what made a session or ended one since the last change, the same on all
	without   []Process         // who is left out until it says Hello again
	tries     int               // how often this node asked to go on without somebody since it last had a plan
	votes     int
	need      int

	two        bool   // corosync has two_node
	ringMS     int64  // and may take so long until both know of a split
	worded     bool   // the reader was told that this node goes on alone by a word
	seated     bool   // this store counted when its log was last taken over
	lent       uint64 // the index of the view that ended this daemon's being the sole one, when that was not committed yet; 0 for none
	askedAt    int64  // when it last asked for a session because the other says nothing
	partedFrom membership.Member
	merges

	session
	shadow *shadow

	meta     Meta
	cuts     uint64
	snapAt   uint64
	snapshot []byte
	log      []Entry // behind snapAt
	applied  Log
	seq      uint64
	writes   []pending
	ahead    uint64           // by how many epochs what is written promises more than is promised
	reserved uint64           // the epoch up to which the disk has promised
	then     membership.Event // of the next write

	proposals map[uint64]*proposal
	sentView  sentView
	first     string // the instance of its start
	spoke     bool   // it has said Hello in this connection to corosync
	ended     uint64 // how many connections ended in which it had
	presence
	lostWhy   string
	broken    string // an invariant does not hold: nothing is ever said again
	dropped   uint64
	collected uint64
}

// session is what belongs to one session and ends with it.
type session struct {
	id       Digest
	made     uint64        // the round that made it
	outdated bool          // a newer Hello of this node is under way, and ends it: what that says of its log must stay true until then
	parts    []Participant // sorted by node; their States come one by one
	states   map[Process]bool
	plan     *Plan
	promised map[Process]bool
	synced   map[Process]bool
	acked    map[Process]uint64
	paged    bool // the source has sent its pages
	promises bool // this node's promise is on its way to the disk
	syncs    bool // and its log
	here     bool // its log is on disk
	open     bool
	openedAt int64
	looked   bool    // whether the ring has lost members of the view, as soon as it is open here
	next     uint64  // index of the next entry
	waiting  []Entry // entries of the open session while this node's log is not whole
	commitTo uint64
}

type pending struct {
	seq     uint64
	session Digest
	kind    writeKind
	upto    uint64
	then    membership.Event // what the reader is told then, whatever became of the session; nil for nothing
	// promised is the epoch up to which the disk has promised then.
	promised uint64
}

type writeKind int

const (
	writeMeta writeKind = iota
	writeCommit
	writePromise
	writeSync
	writeAppend
	writeDomain
)

type proposal struct {
	data     []byte
	deadline int64
	sent     Digest
}

// New begins with what the disk holds: the reader is told all that is committed.
func New(cfg Config, d Durable, now int64) (*Machine, error) {
	m := &Machine{
		cfg: cfg, first: cfg.Self.Instance, now: now, known: map[Process]Hello{}, hellos: map[Process]Hello{}, early: map[Process]State{}, proposals: map[uint64]*proposal{},
		ahead: writesAhead(), reserved: d.Meta.Promised,
		meta: d.Meta, snapAt: d.SnapAt, snapshot: d.Snapshot, log: slices.Clone(d.Entries),
	}
	m.presence.peers = map[Process]*peer{}
	for i, e := range m.log {
		if e.Index != d.SnapAt+uint64(i)+1 {
			return nil, fmt.Errorf("the log has a hole: entry %d where %d was due", e.Index, d.SnapAt+uint64(i)+1)
		}
	}
	if m.meta.Commit > m.last() || d.SnapAt > m.meta.Commit {
		return nil, fmt.Errorf("the log ends at %d and is said to be committed up to %d", m.last(), m.meta.Commit)
	}
	if d.Snapshot != nil {
		if err := m.restore(d.Snapshot, d.SnapAt); err != nil {
			return nil, err
		}
		m.tell(m.then)
		m.then = nil
	}
	m.applyTo(m.meta.Commit)
	return m, nil
}

// restore takes a snapshot over; the reader is to be told when it is on disk.
func (m *Machine) restore(b []byte, at uint64) error {
	var s Snapshot
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("snapshot does not decode: %w", err)
	}
	if s.Log.Index != at {
		return fmt.Errorf("snapshot of index %d stands at %d", s.Log.Index, at)
	}
	m.applied = s.Log
	m.then = membership.SnapshotInstalled{Index: at, Data: s.Reader}
	return nil
}

// Effects takes what is to be done.
func (m *Machine) Effects() []Effect {
	out := m.out
	m.out = nil
	return out
}

func (m *Machine) tell(e membership.Event) { m.out = append(m.out, Tell{e}) }

// send binds a message to the session, where it is not one that makes sessions.
func (m *Machine) send(msg Message) {
	if m.broken != "" {
		return
	}
	if msg.Hello == nil && msg.Without == nil && msg.Ping == nil {
		msg.Session = m.id
	}
	m.out = append(m.out, Send{msg})
}

// write queues a change; what follows from it follows in Written.
func (m *Machine) write(c Change, kind writeKind, upto uint64) {
	m.seq++
	c.Meta = m.meta
	c.Meta.Promised += m.ahead
	lazy := kind == writeCommit && m.then == nil
	m.writes = append(m.writes, pending{seq: m.seq, session: m.id, kind: kind, upto: upto, then: m.then, promised: c.Meta.Promised})
	m.then = nil
	m.out = append(m.out, Write{m.seq, c, lazy})
}

// Written takes word from the disk: everything up to this write is on it.
func (m *Machine) Written(seq uint64, now int64) {
	m.now = now
	for len(m.writes) > 0 && m.writes[0].seq <= seq {
		w := m.writes[0]
		m.writes = m.writes[1:]
		m.reserved = max(m.reserved, w.promised)
		if w.then != nil {
			m.tell(w.then)
		}
		if w.kind == writeDomain {
			m.again()
		}
		if w.session != m.id || m.id == "" {
			continue // it is on disk, and nobody waits for it any more
		}
		switch w.kind {
		case writePromise:
			m.send(Message{Promise: true})
		case writeSync:
			m.here = true
			m.send(Message{Synced: true})
			if w.upto > m.plan.Last {
				m.send(Message{Ack: w.upto})
			}
		case writeAppend:
			m.send(Message{Ack: w.upto})
		case writeMeta, writeCommit, writeDomain:
		}
	}
	m.progress()
}

// Group takes a change of the group's members: the whole list, and who left how.
func (m *Machine) Group(members []Process, left []Left, now int64) {
	m.now = now
	for _, l := range left {
		m.leave(l)
	}
	m.group = slices.Clone(members)
	for p := range m.known {
		if !slices.Contains(m.group, p) {
			delete(m.known, p)
		}
	}
	for p := range m.presence.peers {
		if !slices.Contains(m.group, p) {
			delete(m.presence.peers, p)
		}
	}
	m.restart()
	m.progress()
}

// Ring takes the ring of the group's service. The first word of it comes after the group's first list and is no change.
func (m *Machine) Ring(r Ring, nodes []fence.NodeID, now int64) {
	m.now = now
	old := m.streams.Ring()
	m.streams.Group(r, nodes)
	switch {
	case old == r:
	case old == Ring{}:
		m.gather()
	default:
		m.restart()
	}
	m.progress()
}

// Quorum takes the quorum service's word.
func (m *Machine) Quorum(r Ring, quorate bool, now int64) {
	m.now = now
	if quorate && r != m.streams.quorum && r != m.streams.group {
		m.changedAt = now // a change has begun: the group's service tells of it in a moment, and nothing is lost before
	}
	m.streams.Quorum(r, quorate)
	m.progress()
}

// Votes takes what votequorum says: this node's votes and what a quorum needs. A change makes a new session: everybody counts by the same numbers.
func (m *Machine) Votes(own, need int, now int64) {
	m.now = now
	if m.votes == own && m.need == need {
		return
	}
	m.votes, m.need = own, need
	m.again()
	m.progress()
}

// Disconnected: corosync has gone, or its connection has; whatever was known of the ring is void until it tells again. What else used it on this
// node has lost it too, so the end of a connection in which this daemon said anything is the end of an instance (S4, R10): with the next one it is
// another to everybody. Nobody can take it for the one that was in the view, however soon it is back.
func (m *Machine) Disconnected(now int64) {
	m.streams = Streams{}
	m.Group(nil, nil, now)
	if !m.spoke {
		return
	}
	m.spoke, m.seated = false, false
	m.ended++
	m.cfg.Self.Instance = nextInstance(m.first, m.ended)
	for _, n := range m.Abandon() { // of the earlier instance
		m.tell(membership.Outcome{Number: n})
	}
	m.tell(membership.NewInstance{Instance: m.cfg.Self.Instance})
}

// Bootstrap makes a domain, once, by an operator's explicit word (R3).
func (m *Machine) Bootstrap(domain string, now int64) error {
	m.now = now
	if m.meta.Domain != "" {
		return fmt.Errorf("this node has domain %s already", m.meta.Domain)
	}
	m.meta.Domain = domain
	m.write(Change{}, writeDomain, 0)
	return nil
}

package sim

import (
	"github.com/fenced-project/fenced/fence"
)

// Model is a cluster's presence and log. It is not safe for concurrent use; its owner serialises.
type Model struct {
	Network
	cfg   Config
	need  int
	seats []*seat // one for each configured node, sorted by id

	log      []Entry // entries after base
	base     uint64  // everything up to here is in the snapshot
	snapshot []byte
	view     View
	viewAt   uint64
	accepted map[key]bool
}

// key identifies a proposal for ever: at most one entry for each (R6).
type key struct {
	instance string
	number   uint64
}

// seat is the place of one configured node.
type seat struct {
	node    Node
	running bool
	daemon  Daemon
	cursor  uint64 // index of the last entry delivered to this run
	heard   map[fence.NodeID]contact
	suspect map[fence.NodeID]bool
	denied  map[fence.Incarnation]bool
	pending []proposal
	lost    bool
}

type contact struct {
	at     int64
	daemon Daemon
}

type proposal struct {
	number   uint64
	data     []byte
	deadline int64 // 0: not set yet
}

// New makes a model in which nobody runs.
func New(cfg Config) *Model {
	m := &Model{cfg: cfg, accepted: make(map[key]bool)}
	sum := 0
	for _, n := range cfg.Nodes {
		sum += n.Votes
		m.seats = append(m.seats, &seat{node: n})
	}
	m.need = sum/2 + 1
	return m
}

// Start runs a daemon on its node. A daemon that ran there before is replaced without having been heard to leave.
func (m *Model) Start(d Daemon) {
	s := m.seat(d.Node)
	*s = seat{
		node: s.node, running: true, daemon: d,
		heard: make(map[fence.NodeID]contact), suspect: make(map[fence.NodeID]bool), denied: make(map[fence.Incarnation]bool),
	}
}

// Kill ends the daemon on a node.
func (m *Model) Kill(id fence.NodeID) { m.seat(id).running = false }

// Propose queues a proposal of the daemon that runs on a node.
func (m *Model) Propose(id fence.NodeID, number uint64, data []byte) {
	s := m.seat(id)
	s.pending = append(s.pending, proposal{number: number, data: data})
}

// Deny stops a node's acknowledgements of a life (R14).
func (m *Model) Deny(id fence.NodeID, life fence.Incarnation) { m.seat(id).denied[life] = true }

// Compact replaces everything up to an index by a snapshot, which joiners get instead. Daemons that have not read so far get it too.
func (m *Model) Compact(index uint64, data []byte) {
	if index <= m.base || index > m.last() {
		return
	}
	m.log = append([]Entry(nil), m.log[index-m.base:]...)
	m.base, m.snapshot = index, data
}

// Cursor is the index of the last entry that was delivered to a node's daemon.
func (m *Model) Cursor(id fence.NodeID) uint64 { return m.seat(id).cursor }

// Votes gives the votes of the current view and what quorum needs.
func (m *Model) Votes() (have, need int) {
	for _, d := range m.view.Members {
		have += m.seat(d.Node).node.Votes
	}
	return have, m.need
}

// LastHeard says when a node last heard another; false if never in this run.
func (m *Model) LastHeard(id, of fence.NodeID) (int64, bool) {
	c, ok := m.seat(id).heard[of]
	return c.at, ok
}

func (m *Model) last() uint64 { return m.base + uint64(len(m.log)) }

func (m *Model) seat(id fence.NodeID) *seat {
	for _, s := range m.seats {
		if s.node.ID == id {
			return s
		}
	}
	panic("sim: no such node in the model")
}

package world

import (
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// Domain is what is committed, by the checkers' own replica; to be read only.
func (s *Script) Domain() *domain.State { return s.w.check.dom }

// Look is the truth about one node.
type Look struct {
	Power   bool // its machine runs a kernel that does something
	Lives   int
	Boot    string
	Daemon  bool // a daemon runs
	Out     bool // its membership is out of service
	Quorate bool // its daemon is in a quorate view, as it sees it
	Leads   bool
	Granted bool // its program may use what is shared
	Using   bool // and does: it would write now
	State   bool // something that only a reset clears is in its kernel
	Ring    bool // its corosync runs
	Applied int
}

// Look looks at a node.
func (s *Script) Look(i int) Look {
	n := s.w.nodes[i]
	l := Look{Power: n.mach.alive(), Lives: n.mach.life, Boot: n.mach.boot, Granted: n.app.granted, State: n.mach.residue}
	l.Using = l.Power && n.app.uses()
	l.Ring = l.Power && s.w.rings != nil && s.w.rings.net.Running(i)
	if p := n.p; p != nil {
		l.Daemon, l.Out, l.Leads, l.Applied = true, p.emb.Out, p.emb.Leads() && !p.silent(), p.applied()
		l.Quorate = !p.stopped && p.m.Quorate()
	}
	return l
}

// Sees is a node's own copy of what is committed, nil where no daemon runs; to be read only.
func (s *Script) Sees(i int) *domain.State {
	if p := s.w.nodes[i].p; p != nil {
		return p.m.Domain()
	}
	return nil
}

// Held are the victims that a node's brake holds back.
func (s *Script) Held(i int) []fence.NodeID {
	if p := s.w.nodes[i].p; p != nil {
		return p.m.Held()
	}
	return nil
}

// Committed is the length of the committed log.
func (s *Script) Committed() int { return s.w.committedIndex() }

// Writes is how many writes of programs the shared disk saw.
func (s *Script) Writes() int { return s.w.check.writes }

// Dump traces where every node stands.
func (s *Script) Dump() { s.w.dump() }

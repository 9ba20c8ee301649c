package member

import (
	"cmp"
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// The two delays, post_join_delay and post_fail_delay, with the clock rules of the old fenced (ADR 0111): they give whoever is about to be fenced the
// time to come back clean. They count by this node's own monotonic clock, for each victim by itself and only while there is quorum: without it nobody
// can say that he is clean. Who comes back ends his own wait at once; and whoever comes back so, and was fenced by nobody, is a sign that the others may
// be just coming too, so their waits begin anew, and are post_join_delay at least. Each node is such a sign once for each wait, and a quorum that was
// lost begins it anew as often as there are nodes: who comes and goes puts nothing off for ever (S5.11).
// Kept for R10: S5.12, S2.7, L1.

// grace is how long a life that owes its announcement is waited for, or a victim before it is claimed.
type grace struct {
	life       fence.Incarnation
	generation uint64
	since      int64
	// until is when a victim may be claimed, as of the last look; anew the same by those who came back, 0 for none.
	until, anew int64
	by          []fence.NodeID // whose return began it anew
	lapses      int            // how often quorum was lost meanwhile
}

// overdueSince is since when this node waits for the announcement of a life; another life or generation begins anew (S2.7).
func (m *Member) overdueSince(node fence.NodeID, life fence.Incarnation) int64 {
	return m.graceOf(&m.graces, node, life).since
}

// graceOf finds the wait for a node's life in a list, which is sorted by node, or begins it; another life or generation begins anew.
func (m *Member) graceOf(list *[]grace, node fence.NodeID, life fence.Incarnation) *grace {
	i, had := slices.BinarySearchFunc(*list, node, func(g grace, node fence.NodeID) int { return cmp.Compare(g.life.Node, node) })
	if !had {
		*list = slices.Insert(*list, i, grace{life: life, generation: m.dom.Generation, since: m.now})
	}
	g := &(*list)[i]
	if g.life != life || g.generation != m.dom.Generation {
		*g = grace{life: life, generation: m.dom.Generation, since: m.now}
	}
	return g
}

func (m *Member) dropOverdue(node fence.NodeID) {
	m.graces = slices.DeleteFunc(m.graces, func(g grace) bool { return g.life.Node == node })
}

// delayed is until when a victim is not claimed yet, of which this node has known since began. Whoever was named by an operator waits for no delay
// but that of returner.
func (m *Member) delayed(n *domain.Node, began int64) int64 {
	v, t := n.Victim, m.dom.Roster.Timing
	until, g := m.returner(n), m.graceOf(&m.delays, n.ID, v.Incarnation)
	if v.Named || v.Force {
		g.until = 0 // and nobody's return puts it off
		return until
	}
	if m.lastVoter(n) {
		until = max(until, began+t.PostJoinDelayMS)
	}
	// Who takes over from an actor that died, or failed, waits neither for this delay nor for those who came back since.
	first := v.First == 0
	if first && t.PostFailDelayMS > 0 && v.Cause == fence.CauseFailed { // 0 moves nobody's turn
		until = max(until, g.since+t.PostFailDelayMS)
	}
	if first {
		until = max(until, g.anew)
	}
	g.until = until
	return until
}

// undelayed forgets what was waited for before this node stood still (R20).
func (m *Member) undelayed() { m.graces, m.delays, m.missing, m.lapsed = nil, nil, m.missing[:0], 0 }

// lapse notes since when there is no quorum.
func (m *Member) lapse() {
	m.missing = m.missing[:0]
	if m.lapsed == 0 {
		m.lapsed = m.now
	}
}

// lapseEnds begins what is waited for anew, because nobody could say that he is clean (pitfall 11): as often as there are nodes. After that the time without
// quorum is left out, and what began with a join or a next life goes on.
func (m *Member) lapseEnds() {
	if m.lapsed == 0 {
		return
	}
	for _, list := range [][]grace{m.graces, m.delays} {
		for i := range list {
			g, out := &list[i], m.now-m.lapsed
			if g.anew != 0 {
				g.anew += out
			}
			if g.lapses++; g.lapses > len(m.dom.Nodes) {
				g.since += out
				continue
			}
			g.since = m.now
			m.since.drop(joinedMark(g.life))
			m.since.drop(returnedMark(g.life))
		}
	}
	m.lapsed = 0
}

// returns looks who came back since the last look: who was unknown since a cold start, or a victim, and is a clean member now. Who was fenced is no
// victim any more when it boots. The delays of victims begin here, also of those who may not be claimed yet.
func (m *Member) returns() {
	m.lapseEnds()
	m.graces = slices.DeleteFunc(m.graces, func(g grace) bool { return m.dom.Node(g.life.Node) == nil })
	m.delays = slices.DeleteFunc(m.delays, func(g grace) bool {
		n := m.dom.Node(g.life.Node)
		return n == nil || n.Victim == nil || n.Victim.Incarnation != g.life
	})
	for _, id := range m.missing {
		if m.dom.Clean(id) {
			m.cameBack(id)
		}
	}
	m.missing = m.missing[:0]
	for i := range m.dom.Nodes {
		n := &m.dom.Nodes[i]
		if n.Unknown || n.Victim != nil {
			m.missing = append(m.missing, n.ID)
		}
		if n.Victim != nil {
			m.graceOf(&m.delays, n.ID, n.Victim.Incarnation)
		}
	}
}

// cameBack begins every wait that is not over anew, once for each node that comes back.
func (m *Member) cameBack(id fence.NodeID) {
	t := m.dom.Roster.Timing
	for i := range m.graces {
		if g := &m.graces[i]; m.now < g.since+t.PostJoinDelayMS && g.signs(id) {
			g.since = m.now
		}
	}
	for i := range m.delays {
		g := &m.delays[i]
		if m.now >= g.until || !g.signs(id) {
			continue
		}
		d := t.PostJoinDelayMS
		if m.dom.Node(g.life.Node).Victim.Cause == fence.CauseFailed {
			d = max(d, t.PostFailDelayMS)
		}
		g.anew = m.now + d
		g.until = g.anew
	}
}

// signs takes a node's return as a sign that this life may be coming too: another node's, and once.
func (g *grace) signs(id fence.NodeID) bool {
	if g.life.Node == id || slices.Contains(g.by, id) {
		return false
	}
	g.by = append(g.by, id)
	return true
}

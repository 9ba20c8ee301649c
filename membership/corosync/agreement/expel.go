package agreement

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// Expel is to make corosync on another node leave the ring: it is where it was not wanted any more (S1.3).
type Expel struct{ Node fence.NodeID }

func (Expel) effect() {}

// merges are the daemons that a view has lost with their node's ring, by instance, and those of them whose corosync was asked to end, once each.
type merges struct {
	lost     []string
	expelled []string
}

// loseTo remembers whom a view lost with their ring. Whoever shows up again as the same instance has gone on by itself meanwhile.
func (m *Machine) loseTo(v membership.View) {
	for _, d := range v.Left {
		if d.How == membership.HowNodeGone {
			m.lost = append(m.lost, d.Member.Instance)
		}
	}
	m.lost = m.lost[max(0, len(m.lost)-maxGone):]
}

// Expel asks a victim's corosync to end, because this daemon's claim on it is open, and reports whether it did. It does if that life merged into this
// ring: a view had lost it with its node's ring, and the same instance of the daemon has said Hello again. Once is enough: behind a corosync that starts
// again is another instance.
func (m *Machine) Expel(life fence.Incarnation, now int64) bool {
	m.now = now
	i := slices.IndexFunc(m.parts, func(p Participant) bool { return p.Hello.member().Incarnation == life })
	if i < 0 || life.Node == m.cfg.Self.Node || m.two || !m.mayView() || !slices.Contains(m.denied, life) {
		return false
	}
	merged := m.parts[i].Hello.Instance
	if !slices.Contains(m.lost, merged) || slices.Contains(m.expelled, merged) || !m.quorate(m.sound()) {
		return false
	}
	m.expelled = append(m.expelled, merged)
	m.expelled = m.expelled[max(0, len(m.expelled)-maxGone):]
	m.out = append(m.out, Expel{Node: life.Node})
	return true
}

// sound are those who are present and nobody's victims: they must be a quorum when the others have gone (S2.6).
func (m *Machine) sound() []Hello {
	return slices.DeleteFunc(m.present(), func(h Hello) bool { return slices.Contains(m.denied, h.member().Incarnation) })
}

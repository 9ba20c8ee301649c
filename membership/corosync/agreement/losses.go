package agreement

import (
	"slices"

	"github.com/fenced-project/fenced/membership"
)

// loses proposes what the ring has lost as soon as a session is open, once: nobody waits for the next ping.
func (m *Machine) loses() {
	if m.looked || !m.mayView() {
		return
	}
	m.looked = true
	m.offer(m.remaining(m.present()))
}

// remaining are the members of the view less those of whom corosync itself is sure that they are gone; nil if anybody else is missing from those who
// are present. Such a view only loses, and is not waited for: what may still change about a loss, the ring has waited for already (ADR 0101).
func (m *Machine) remaining(present []Hello) (rest []Hello) {
	for _, old := range m.applied.View.Members {
		i := slices.IndexFunc(present, func(h Hello) bool { return h.member() == old })
		switch {
		case i >= 0:
			rest = append(rest, present[i])
		case !m.leftRing(old):
			return nil
		}
	}
	return rest
}

// leftRing reports whether corosync told this daemon that a member went, and shows nothing of its node since: neither in the ring (a process that ended
// may be followed by the next one, and a node may be there again) nor in the group (a ghost).
func (m *Machine) leftRing(old membership.Member) bool {
	if m.streams.In(old.Node) || slices.ContainsFunc(m.group, func(p Process) bool { return p.Node == old.Node }) {
		return false
	}
	return slices.ContainsFunc(m.gone, func(g departure) bool { return g.instance == old.Instance })
}

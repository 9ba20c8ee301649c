package config

import (
	"strings"

	"github.com/fenced-project/fenced/fence"
)

// checkNodes refuses two nodes that share what must be one's own: id, address, machine.
func (l *loader) checkNodes() {
	for i, n := range l.nodes {
		for _, o := range l.nodes[:i] {
			if n.ID != 0 && n.ID == o.ID {
				at, first := valueAt(n.at, "id", n.by), valueAt(o.at, "id", o.by)
				l.rep.at(at, "give every node a number of its own and never give one again",
					"nodes %s and %s have the same id %d (%s)", o.Name, n.Name, n.ID, first.seen(at))
			}
			if n.Address != "" && n.Address == o.Address {
				at, first := valueAt(n.at, "address", n.by), valueAt(o.at, "address", o.by)
				l.rep.at(at, "give every node its own address or port",
					"nodes %s and %s have the same address %s (%s)", o.Name, n.Name, n.Address, first.seen(at))
			}
			if n.Machine != nil && o.Machine != nil && fence.NormalUUID(n.Machine.UUID) != "" && n.Machine.UUID == o.Machine.UUID {
				at, first := valueAt(n.at.get("machine"), "uuid", n.by), valueAt(o.at.get("machine"), "uuid", o.by)
				l.rep.at(at, "read each from its own machine: /sys/class/dmi/id/product_uuid",
					"nodes %s and %s have the same machine uuid %s (%s)", o.Name, n.Name, n.Machine.UUID, first.seen(at))
			}
			if n.Name != o.Name && strings.EqualFold(n.Name, o.Name) {
				l.rep.warn(n.by, "names are case-sensitive; choose ones that people can tell apart", "nodes %s and %s differ in case only", o.Name, n.Name)
			}
		}
	}
}

// checkDevices warns of devices that no level uses: most often a misspelt level.
func (l *loader) checkDevices() {
	for _, d := range l.devices {
		if !d.used {
			l.rep.warn(d.at, "use it in a level, or remove it", "no level uses device %s", d.Name)
		}
	}
}

// checkEvenSplit warns of a policy that the embedded membership cannot carry out: its log has no weights, and who believes that one half goes on
// waits for it in vain (0069). It is no error, because rosters that were applied have it.
func (l *loader) checkEvenSplit() {
	s := l.cfg.Roster.Policy.EvenSplit
	if s != "lowest-id" && !strings.HasPrefix(s, "node ") {
		return
	}
	l.rep.warn(l.root.get("policy").get("even_split"), "write freeze; so that one half goes on, give the cluster an odd number of votes or a node with `role: witness`",
		"policy.even_split %s does nothing with the embedded membership: both halves of an even split freeze", quote(s))
}

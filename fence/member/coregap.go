package member

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence/domain"
)

// What became of core processes between two daemons of a planned restart (R26: the same controllers). One that died or was replaced in the gap was seen
// by nobody, and what it held is what its policy is about: the life does not go on (ADR 0094).

// corePrint names the core processes that run and are not to be ignored, for the next daemon.
func (m *Member) corePrint() string {
	var b strings.Builder
	for _, c := range m.cores {
		if c.Policy != CoreIgnore {
			fmt.Fprintf(&b, "%q %q\n", c.Name, c.id)
		}
	}
	return b.String()
}

// coreChanged names a core process of that list that is not the one that ran, "" for none. What only one of the two files names is no matter.
func (m *Member) coreChanged(before string) string {
	for l := range strings.Lines(before) {
		var name, id string
		if _, err := fmt.Sscanf(l, "%q %q", &name, &id); err != nil {
			return "the record does not say which core processes ran"
		}
		if slices.ContainsFunc(m.cores, func(c *core) bool { return c.Name == name && c.Policy != CoreIgnore && c.id != id }) {
			return "core process " + name + " is not the one that ran before the restart"
		}
	}
	return ""
}

// looksForCores reports whether a life that may resume is waited with, because it is not known yet which of its core processes run.
func (m *Member) looksForCores(n *domain.Node) bool {
	if m.session.found == nil || n.Restart == nil {
		return false
	}
	r := m.session.found.Restart
	return r.Nonce == n.Restart.Nonce && m.now < r.UntilMS && slices.ContainsFunc(m.cores, func(c *core) bool { return !c.looked && c.Policy != CoreIgnore })
}

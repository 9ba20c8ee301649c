package daemon

import (
	"slices"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/client"
)

// Status says that this node does nothing and why, whatever the reason is; a state that is not the majority's is shown on every node.
func TestStatusSaysThatThisNodeIsFrozen(t *testing.T) {
	l := newLab(t)
	l.until(1, "a lease", func(s client.Status) bool { return !s.Frozen && s.FrozenWhy == "" && s.Armed })
	for _, x := range l.nodes { // as if the comparison had said so: what leads to it is the domain's and the member's business
		if err := x.d.ask(l.ctx(), func() { n := x.d.member.Domain().Node(3); n.Frozen = n.Instance }); err != nil {
			t.Fatal(err)
		}
	}
	l.until(3, "node 3 frozen", func(s client.Status) bool {
		return s.Frozen && strings.Contains(s.FrozenWhy, "not that of the majority") && !s.Healthy()
	})
	l.until(1, "what node 1 says of it", func(s client.Status) bool {
		return !s.Frozen && slices.Contains(s.Nodes[2].Flags, client.FlagFrozen) && !slices.Contains(s.Nodes[0].Flags, client.FlagFrozen) &&
			slices.ContainsFunc(s.Attention, func(a client.Attention) bool { return a.Code == client.AttentionDiverged && a.Node == "node-3" })
	})
	l.stop(2)
	l.stop(3)
	l.until(1, "no quorum", func(s client.Status) bool { return s.Frozen && strings.Contains(s.FrozenWhy, "quorate") })
}

package daemon

import (
	"strings"
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// Status has the votes as corosync counts them; a node in its ring that no roster knows is shown, and is nobody's business besides: it is no
// member and no victim.
func TestTheRingsVotesAndStrangers(t *testing.T) {
	l := newLab(t)
	s := l.until(1, "a cluster", func(s client.Status) bool { return members(s) == 3 })
	if len(s.Nodes) != 3 || s.Votes.Source != "roster" {
		t.Errorf("nodes %d, votes %+v", len(s.Nodes), s.Votes)
	}
	d := l.nodes[1].d
	info := membership.Info{Ring: "ring 1.2c", Nodes: []fence.NodeID{1, 2, 3, 77}, Source: "corosync", Votes: 4, Need: 3}
	if err := d.ask(l.ctx(), func() {
		if v := d.votes(info); v != (client.Votes{Have: 4, Need: 3, Source: "corosync"}) {
			t.Errorf("votes are %+v", v)
		}
		if a := d.strangers(info); len(a) != 1 || a[0].Code != client.AttentionStranger || !strings.Contains(a[0].Text, "node 77 is in ring 1.2c") {
			t.Errorf("attention is %+v", a)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

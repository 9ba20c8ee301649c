package member

import (
	"errors"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// R18, R22: a program on a cut life asks to have the winner fenced, because its own storage fell silent. Its daemon proposes nothing for it, and where
// it does not know of its verdict yet the log refuses it: nobody is a victim, and nobody ends himself.
func TestR18ACutLifeHasNobodyFenced(t *testing.T) {
	for name, lags := range map[string]bool{"it knows": false, "it lags": true} {
		t.Run(name, func(t *testing.T) {
			c := fabricCluster(t)
			c.pings = true
			for i := range c.nodes {
				c.dom(fence.NodeID(i + 1)).Roster.Policy.OnResidual = fence.ResidualVoteOnly
			}
			life := c.n(3).self().Incarnation
			ask := func(node fence.NodeID, cause fence.Cause) domain.Entry {
				return domain.Entry{Request: &domain.Request{ID: "r", Node: node, Action: fence.ActionReboot, Cause: cause, By: "x"}}
			}
			c.append(record{by: c.n(1).self(), data: encode(t, ask(3, fence.CauseOperator))})
			c.n(3).lag = lags
			c.run(3000)
			if !c.dom(1).IsCut(life) {
				t.Fatalf("%+v", c.dom(1).Node(3))
			}
			if lags {
				c.append(record{by: c.n(3).self(), data: encode(t, ask(1, fence.CauseReported))})
			} else {
				c.give(c.n(3), Requested{Reply: 7, Entry: ask(1, fence.CauseReported)})
				as := c.n(3).answers
				if len(as) == 0 || !errors.Is(as[len(as)-1].Err, fence.ErrRefused) || !strings.Contains(as[len(as)-1].Err.Error(), "ask another node") {
					t.Errorf("%+v", as)
				}
			}
			c.run(10_000)
			for _, id := range []fence.NodeID{1, 2} {
				if n := c.dom(2).Node(id); n.Victim != nil || n.Last != nil || !c.dom(2).Clean(id) || c.n(id).m.fell {
					t.Errorf("%+v", n)
				}
			}
		})
	}
}

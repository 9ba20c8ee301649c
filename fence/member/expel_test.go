package member

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// S1.3, S2.6: whose claim is open on a victim may also end its membership when it is heard, and nobody else, and not where the victim gives quorum.
func TestWhoeverClaimedAVictimExpelsIt(t *testing.T) {
	expels := func(change func(c *cluster, v *domain.Victim)) bool {
		c := newCluster(t, 3, true)
		m := c.n(1).m
		by := c.n(3).self()
		v := &domain.Victim{
			ID: 1, Victim: fence.Victim{Incarnation: by.Incarnation, Cause: fence.CauseFailed, Action: fence.ActionReboot, Index: m.dom.Index},
			Claim: &domain.Claim{Number: 1, Boot: by.Boot, Actor: c.n(1).self()},
		}
		m.dom.Node(3).Victim = v
		change(c, v)
		m.dom = restored(t, m.dom) // what was changed by hand is counted
		m.out = nil
		m.hear(by)
		return slices.Contains(m.out, Effect(Expel{Life: by.Incarnation}))
	}
	if !expels(func(*cluster, *domain.Victim) {}) {
		t.Error("the victim that its actor hears stays")
	}
	for why, change := range map[string]func(c *cluster, v *domain.Victim){
		"there is no claim":        func(_ *cluster, v *domain.Victim) { v.Claim = nil },
		"the claim is another's":   func(c *cluster, v *domain.Victim) { v.Claim.Actor = c.n(2).self() },
		"it powers it on":          func(_ *cluster, v *domain.Victim) { v.Claim.On = true },
		"another life is heard":    func(_ *cluster, v *domain.Victim) { v.Boot = "earlier" },
		"the others are no quorum": func(c *cluster, _ *domain.Victim) { m := c.n(1).m; m.dom.View.Members = without(m, 2) },
		"the other one is a victim too": func(c *cluster, v *domain.Victim) {
			w := *v
			w.Incarnation = c.n(2).self().Incarnation
			c.dom(1).Node(2).Victim = &w
		},
		"it is no quorum itself": func(c *cluster, _ *domain.Victim) { c.n(1).m.quorum = false },
		"with two_node":          func(c *cluster, _ *domain.Victim) { c.n(1).m.two = 1 },
	} {
		if expels(change) {
			t.Errorf("it is expelled although %s", why)
		}
	}
}

func without(m *Member, id fence.NodeID) []domain.Origin {
	return slices.DeleteFunc(slices.Clone(m.dom.View.Members), func(o domain.Origin) bool { return o.Node == id })
}

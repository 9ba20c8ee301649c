package member

import (
	"math/rand/v2"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// pluginDies ends every device call of node 1 that is not answered: what was asked for may have been done.
func (c *cluster) pluginDies() int {
	calls := 0
	for _, o := range c.n(1).ops {
		for i, p := range o.calls {
			if r, ok := p.in.(operation.CallResult); ok && !o.done {
				o.calls[i] = pending{c.now, operation.CallResult{ID: r.ID, Class: operation.ClassPluginDied, Text: "signal 9", StartedMS: r.StartedMS, FinishedMS: c.now}}
				calls++
			}
		}
	}
	return calls
}

// corosyncDies ends node 1's connection to its group: to the others, and to itself, it is another instance from here on. Nobody may have had a view
// without the old one (missed).
func (c *cluster) corosyncDies(missed bool) {
	x := c.n(1)
	x.cut = true
	c.give(x, QuorumLost{Why: "corosync ended"})
	if missed {
		c.run(100)
		c.install()
		c.run(100)
	}
	x.instance++
	c.give(x, NewInstance{Instance: x.self().Instance})
	x.cut = false
	c.give(x, QuorumHeld{})
	c.install()
}

// TestEveryDeathOfAPluginFollowsTheRule: the plugin that switches for node 1, at a hundred moments of each state: no life ends and nobody is counted as
// failed for it, nothing that it said is proof, and what was in work ends with the one verdict that it would have ended with.
// proves: S4.6
func TestEveryDeathOfAPluginFollowsTheRule(t *testing.T) {
	for _, state := range coreStates {
		t.Run(state.name, func(t *testing.T) {
			rnd, hit := rand.New(rand.NewPCG(6, 48)), 0
			for run := range 100 {
				c := state.enter(t)
				c.run(rnd.Int64N(40))
				four := c.dom(2).Node(4).Victim
				verdicts := c.count(2, domain.EventVerdict, 4)
				before, frozen := c.offs[4], c.n(1).m.frozen()
				calls := c.pluginDies()
				if calls > 0 {
					hit++
				}
				if c.run(20); c.coreOutcome() != CoreGoesOn || c.n(1).m.frozen() != frozen {
					t.Fatalf("run %d: %s, frozen %q, and was %q", run, c.coreOutcome(), c.n(1).m.frozen(), frozen)
				}
				for _, id := range []fence.NodeID{1, 2, 3} {
					if n := c.dom(2).Node(id); n.Victim != nil || n.Suspect != "" {
						t.Fatalf("run %d: node %d is counted as failed: %+v", run, id, n)
					}
				}
				if four == nil {
					continue
				}
				c.dead[4] = false // what nobody could switch answers again
				c.run(60_000)
				if got := c.count(2, domain.EventVerdict, 4) - verdicts; got != 1 || !c.dom(2).IsOver(four.Incarnation) {
					t.Fatalf("run %d: %d verdicts, over %t", run, got, c.dom(2).IsOver(four.Incarnation))
				}
				if calls > 0 && c.offs[4] == before { // R16 b: what nobody accepted proves nothing, though it may have been done
					t.Fatalf("run %d: the verdict rests on a command whose plugin died", run)
				}
			}
			if state.name == "fencing" && hit == 0 {
				t.Error("no call of a device was ever in work when its plugin died")
			}
		})
	}
}

// TestEveryDeathOfCorosyncFollowsTheRule: corosync under node 1, at a hundred moments of each state, whether or not the others had a view without it: a life
// that may hold something is counted as failed and is over by one verdict before anybody recovers; one that holds nothing is nobody's victim and
// comes back without a reboot (S4.3, S4.4, ADR 0077).
// proves: S4.6
func TestEveryDeathOfCorosyncFollowsTheRule(t *testing.T) {
	for _, state := range coreStates {
		t.Run(state.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(6, 49))
			for run := range 100 {
				c := state.enter(t)
				c.run(rnd.Int64N(40))
				life, before := c.n(1).self().Incarnation, c.count(2, domain.EventVerdict, 1)
				if c.n(1).m.stake() != state.stake {
					t.Fatalf("run %d: that moment is of another state", run)
				}
				c.corosyncDies(run%2 == 0)
				if x := c.n(1); x.mute {
					x.mute = false
					c.perform(x, Scan{}) // the scan that was on its way is answered now
				}
				c.run(1 + rnd.Int64N(40))
				if n := c.dom(2).Node(1); (n.Victim != nil && n.Victim.Incarnation == life) != state.stake && n.Suspect == "" {
					t.Fatalf("run %d: counted as failed, want %t: %+v", run, state.stake, n)
				}
				for _, r := range c.n(2).released {
					if r == life {
						t.Fatalf("run %d: released before its verdict", run)
					}
				}
				c.run(60_000)
				verdicts := c.count(2, domain.EventVerdict, 1) - before
				if !state.stake {
					if n := c.dom(2).Node(1); verdicts != 0 || !c.dom(2).Clean(1) || n.Life != life || c.n(1).fell {
						t.Fatalf("run %d: it does not come back without a reboot: %d verdicts, %+v", run, verdicts, n)
					}
					continue
				}
				if verdicts != 1 || !c.dom(2).IsOver(life) {
					t.Fatalf("run %d: %d verdicts, over %t", run, verdicts, c.dom(2).IsOver(life))
				}
			}
		})
	}
}

package member

import (
	"math/rand/v2"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// TestEveryDeathOfTheDaemonFollowsTheRule: fenced itself, at a hundred moments of each state. A life that may hold something is a victim in the next view, is
// released by nobody before its one verdict, and its next daemon is not let in; one that holds nothing is nobody's victim and comes back without a reboot.
// proves: S4.6
func TestEveryDeathOfTheDaemonFollowsTheRule(t *testing.T) {
	for _, state := range coreStates {
		t.Run(state.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(6, 46))
			for run := range 100 {
				c := state.enter(t)
				c.run(rnd.Int64N(40))
				life := c.n(1).self().Incarnation
				if c.n(1).m.stake() != state.stake {
					t.Fatalf("run %d: that moment is of another state", run)
				}
				c.kill(1)
				c.run(2000)
				c.install()
				c.run(1 + rnd.Int64N(40))
				n := c.dom(2).Node(1)
				counted := n.Victim != nil && n.Victim.Incarnation == life
				if !c.dom(2).Quorate() { // node 4 is away as well: suspect until there is quorum (R30)
					counted = n.Suspect != ""
				}
				if counted != state.stake {
					t.Fatalf("run %d: counted as failed %t, want %t: %+v", run, counted, state.stake, n)
				}
				if run%5 != 0 || !c.dom(2).Quorate() {
					continue // what follows is the same for all
				}
				before := c.count(2, domain.EventVerdict, 1)
				if !state.stake {
					c.start(1)
					c.n(1).mute = false
					c.install()
					c.run(5000)
					if n := c.dom(2).Node(1); !c.dom(2).Clean(1) || n.Life != life || c.count(2, domain.EventVerdict, 1) != before {
						t.Fatalf("run %d: it does not come back without a reboot: %+v", run, n)
					}
					continue
				}
				c.run(30_000)
				if got := c.count(2, domain.EventVerdict, 1) - before; got != 1 || !c.dom(2).IsOver(life) {
					t.Fatalf("run %d: %d verdicts, over %t", run, got, c.dom(2).IsOver(life))
				}
			}
		})
	}
}

// TestEveryDeathOfTheHolderOrAClientFollowsTheRule: the watchdog's holder and a program, critical or not, at a hundred moments of each state. The holder's
// death ends every life of an armed cluster that has its watchdog open, and a critical program's that of a life in which it has a grant.
// proves: S4.6
func TestEveryDeathOfTheHolderOrAClientFollowsTheRule(t *testing.T) {
	for _, state := range coreStates {
		t.Run(state.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(6, 47))
			for run := range 100 {
				c := state.enter(t)
				for _, critical := range []bool{false, run%2 == 0} {
					s := c.registerWith(1, ClientRegistered{Name: "app", Role: RoleWatch, Critical: critical})
					c.run(1 + rnd.Int64N(40))
					m := c.n(1).m
					granted := len(m.clients) > 0 && m.clients[len(m.clients)-1].granted
					c.gone(1, s, false)
					if ends := granted && critical; m.fell != ends {
						t.Fatalf("run %d: a program, critical %t, granted %t: fell %t", run, critical, granted, m.fell)
					}
				}
				x := c.n(1)
				if x.m.fell {
					continue
				}
				c.dogs = map[fence.NodeID]*kennel{1: {mode: WatchdogAuto}}
				x.m.cfg.Watchdog, x.m.dog.seen.Open, x.m.dog.untilMS = WatchdogAuto, true, c.now+5000
				released := x.m.released()
				c.give(x, WatchdogSeen{Stint: x.m.dog.stint, Over: true, Why: "its holder died"})
				if x.m.fell == released {
					t.Fatalf("run %d: the holder died, the log lets the watchdog be closed %t: fell %t", run, released, x.m.fell)
				}
			}
		})
	}
}

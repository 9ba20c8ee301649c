package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// R24: a life says that it halts by policy, or when lives in a row ended themselves in vain; not below the level that knows it (R11).
func TestWhoHaltsSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		policy string
		before int
		halts  bool
	}{
		"policy":      {fence.ResidualHalt, 0, true},
		"vote-only":   {fence.ResidualVoteOnly, maxSelfFences, false},
		"in vain":     {fence.ResidualSelfFence, maxSelfFences, true},
		"not in vain": {fence.ResidualSelfFence, maxSelfFences - 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			k := newCluster(t, 3, true)
			k.run(1000)
			r := testRoster(3)
			r.Version, r.Policy.OnResidual = 2, c.policy
			k.commit(domain.Entry{Roster: &domain.Roster{Roster: r, By: "t"}})
			k.run(100)
			k.powerOff(3)
			k.install()
			k.run(500)
			k.boot(3)
			x := k.n(3)
			x.m.cfg.SelfFences, x.residue, x.disk.EverArmed = c.before, true, true
			k.install()
			k.run(3000)
			if got := k.dom(1).Halts(x.self().Incarnation); got != c.halts || k.dom(1).Clean(3) {
				t.Errorf("it says that it halts: %t, %+v", got, k.dom(1).Node(3))
			}
			if x.m.dom.Feature = domain.FeatureHalt - 1; x.m.halting(OutcomeDirty) {
				t.Error("an older build would refuse its word")
			}
		})
	}
}

// R24: a life that was called dirty before the policy was changed says so as soon as it knows.
func TestADirtyLifeFollowsThePolicy(t *testing.T) {
	k := newCluster(t, 3, true)
	k.run(1000)
	r := testRoster(3)
	r.Version, r.Policy.OnResidual = 2, fence.ResidualVoteOnly
	k.commit(domain.Entry{Roster: &domain.Roster{Roster: r, By: "t"}})
	k.run(100)
	k.powerOff(3)
	k.install()
	k.run(500)
	k.boot(3)
	x := k.n(3)
	x.residue, x.disk.EverArmed = true, true
	k.install()
	k.run(1000)
	life := x.self().Incarnation
	if n := k.dom(1).Node(3); n.Phase != domain.PhaseDirty || n.Life != life || k.dom(1).Halts(life) {
		t.Fatalf("%+v", n)
	}
	r.Version, r.Policy.OnResidual = 3, fence.ResidualHalt
	k.commit(domain.Entry{Roster: &domain.Roster{Roster: r, By: "t"}})
	if k.run(500); k.dom(1).Node(3).Victim == nil && !k.dom(1).Halts(life) {
		t.Errorf("%+v", k.dom(1).Node(3))
	}
}

package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// R9: a machine is not left off because the level that proved it off cannot switch it on: another level may have been the one that
// switched it off, under an earlier claim.
func TestPowerOnFallsBackToEveryLevel(t *testing.T) {
	m := New(Config{Self: domain.Origin{Incarnation: fence.Incarnation{Node: 1, Boot: "b"}, Instance: "i"}})
	m.dom.Roster = testRoster(3)
	m.dom.Roster.Nodes[2].Levels = []fence.Level{{Steps: []fence.Step{{Device: "bmc-3"}}}, {Steps: []fence.Step{{Device: "bmc-2"}}}}
	n := &domain.Node{ID: 3, PowerOn: &domain.PowerOn{Level: 0}}
	c := &domain.Claim{Number: 1, On: true}
	if s := m.spec(n, c); s.StartLevel != 0 {
		t.Fatalf("the first try takes the devices of level %d, want the level that proved", s.StartLevel)
	}
	n.PowerOn.Tried = []fence.NodeID{2}
	if s := m.spec(n, c); s.StartLevel != -1 {
		t.Fatalf("after a failure it takes level %d, want all", s.StartLevel)
	}
	n.PowerOn.Tried, n.PowerOn.Round = nil, 1
	if s := m.spec(n, c); s.StartLevel != -1 {
		t.Fatalf("after a failed round it takes level %d, want all", s.StartLevel)
	}
}

// R9, R11: the actor says which levels its walk touched, whatever came of it, once all members understand that.
func TestTheActorSaysWhatItSwitched(t *testing.T) {
	for _, feature := range []int{domain.FeatureSwitched - 1, domain.FeatureSwitched} {
		for _, proven := range []bool{false, true} {
			m := New(Config{Self: domain.Origin{Incarnation: fence.Incarnation{Node: 1, Boot: "b"}, Instance: "i"}})
			m.dom.Roster, m.dom.Feature, m.quorum = testRoster(3), feature, true
			m.dom.View = domain.View{Index: 1, Members: []domain.Origin{m.cfg.Self}, Quorate: true}
			life := fence.Incarnation{Node: 3, Boot: "c"}
			n := &domain.Node{ID: 3, Victim: &domain.Victim{Victim: fence.Victim{Incarnation: life}, Claim: &domain.Claim{Number: 1}}}
			r := &run{node: 3, claim: 1, life: life, done: true, quiet: true, result: operation.Result{Proven: proven, Switched: []int{0, 1}}}
			m.conclude(n, r)
			var said []int
			for _, e := range m.out {
				if p, ok := e.(Propose); ok && p.Entry.Verdict != nil {
					said = p.Entry.Verdict.Switched
				} else if ok {
					said = p.Entry.ClaimEnd.Switched
				}
			}
			if want := feature == domain.FeatureSwitched; len(m.out) != 1 || (len(said) == 2) != want {
				t.Errorf("level %d, proven %v: %v of %+v", feature, proven, said, m.out)
			}
		}
	}
}

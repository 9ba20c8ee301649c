package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// R14: a node whose own votes are a quorum holds a lease that nobody acknowledges only while everybody else is known to be over.
func TestAloneTheLeaseNeedsAVerdictOnEverybodyElse(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *domain.State, peer *domain.Node)
		leased bool
	}{
		"verdicts on both": {func(*domain.State, *domain.Node) {}, true},
		"one left":         {func(_ *domain.State, p *domain.Node) { p.Ended, p.Phase = nil, domain.PhaseLeft }, true},
		"one has no verdict yet": {func(_ *domain.State, p *domain.Node) {
			p.Victim = &domain.Victim{Victim: fence.Victim{Incarnation: p.Life}}
		}, false},
		"one vanished, idle": {func(_ *domain.State, p *domain.Node) { p.Ended, p.Phase = nil, domain.PhaseGone }, false},
		"one is unknown":     {func(_ *domain.State, p *domain.Node) { p.Unknown = true }, false},
		"one is suspect":     {func(_ *domain.State, p *domain.Node) { p.Suspect = "i" }, false},
		"one lapsed":         {func(_ *domain.State, p *domain.Node) { p.Lapsed = p.Life }, false},
		"a new life in the view": {func(s *domain.State, p *domain.Node) {
			s.View.Members = append(s.View.Members, domain.Origin{Incarnation: p.Life})
		}, false},
		"no quorum":                {func(s *domain.State, _ *domain.Node) { s.View.Quorate = false }, false},
		"a victim itself":          {func(s *domain.State, _ *domain.Node) { s.Node(1).Phase = domain.PhaseDirty }, false},
		"one was never seen alive": {func(_ *domain.State, p *domain.Node) { p.Ended, p.Life = nil, fence.Incarnation{} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCluster(t, 3, true)
			m := w.n(1).m
			s := m.dom
			s.View.Members = s.View.Members[:1]
			for _, id := range []fence.NodeID{2, 3} {
				n := s.Node(id)
				n.Phase, n.Instance, n.Ended = domain.PhaseAbsent, "", []string{n.Life.Boot}
			}
			c.change(s, s.Node(2))
			for range 10 { // longer than a lease, without an acknowledgement of anybody
				w.now += 1000
				m.Step(w.now, Tick{})
			}
			if m.leased() != c.leased {
				t.Errorf("leased %v, want %v", m.leased(), c.leased)
			}
		})
	}
}

// R14, R20: a node that was stopped while it was alone does not renew its lease by what it knew before: what came meanwhile waits in queues.
func TestAloneAStopEndsTheLease(t *testing.T) {
	w := newCluster(t, 3, true)
	m := w.n(1).m
	m.dom.View.Members = m.dom.View.Members[:1]
	for _, id := range []fence.NodeID{2, 3} {
		n := m.dom.Node(id)
		n.Phase, n.Instance, n.Ended = domain.PhaseAbsent, "", []string{n.Life.Boot}
	}
	timing := m.dom.Roster.Timing
	tick := func(ms int64) bool {
		w.now += ms
		m.Step(w.now, Tick{})
		return m.leased()
	}
	leased := false
	for range 10 {
		leased = tick(timing.FailureTimeoutMS / 2)
	}
	if !leased {
		t.Fatal("it holds no lease")
	}
	if tick(2 * timing.FailureTimeoutMS) {
		t.Error("it holds a lease at once after a stop")
	}
	if tick(timing.FailureTimeoutMS/2) || !tick(timing.FailureTimeoutMS/2) {
		t.Error("it holds one again after another time than a failure timeout")
	}
}

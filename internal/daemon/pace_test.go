package daemon

import (
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// Ticks come slowly only when nothing was wanted for a while, and close together from the moment on in which something is.
func TestPace(t *testing.T) {
	p := newPace()
	defer p.stop()
	for _, step := range []struct {
		do    func()
		every time.Duration
	}{
		{func() { p.rest(1, idleTick) }, idleTick},
		{func() { p.hurry(1000) }, tickEvery},
		{func() { p.rest(1000+hurryMS-1, idleTick) }, tickEvery},
		{func() { p.rest(1000+hurryMS, idleTick) }, idleTick},
		{func() { p.rest(9000, 100*time.Millisecond) }, 100 * time.Millisecond},
		{func() { p.rest(9000, time.Millisecond) }, tickEvery}, // pings may be faster than ticks ever are
	} {
		if step.do(); p.every != step.every {
			t.Fatalf("every %v, want %v", p.every, step.every)
		}
	}
}

// Whatever waits for time to pass keeps the ticks close together.
func TestWhatIsQuiet(t *testing.T) {
	life := fence.Incarnation{Node: 1, Boot: "b"}
	state := func(other domain.Node) *domain.State {
		me := domain.Node{ID: 1, Phase: domain.PhaseMember, Life: life, Instance: "i"}
		other.ID = 2
		return &domain.State{
			Nodes: []domain.Node{me, other},
			View:  domain.View{Quorate: true, Members: []domain.Origin{{Incarnation: life, Instance: "i"}}},
		}
	}
	if !nothingOpen(state(domain.Node{}), 1) {
		t.Error("a clean member with nothing open is not quiet")
	}
	for what, other := range map[string]domain.Node{
		"victim": {Victim: &domain.Victim{}}, "power-on": {PowerOn: &domain.PowerOn{}}, "announcement": {Pending: &domain.Announce{}},
		"effect in flight": {Unquiet: []domain.Claim{{}}},
	} {
		if nothingOpen(state(other), 1) {
			t.Errorf("quiet with an open %s", what)
		}
	}
	if nothingOpen(state(domain.Node{}), 2) {
		t.Error("a node that is no clean member is quiet")
	}
}

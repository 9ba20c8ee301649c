package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// R15: where the engine's settings let two sides be quorate no watchdog's time is judged as a proof, whatever the victim announced, and this node
// announces its own so; that one is fed by the lease as ever (R14).
func TestNoWatchdogProvesWhereTwoSidesMayBeQuorate(t *testing.T) {
	w := newCluster(t, 3, true)
	m := w.n(1).m
	n := &domain.Node{ID: 3, Victim: &domain.Victim{Victim: fence.Victim{Incarnation: fence.Incarnation{Node: 3, Boot: "x"}}}}
	m.dog.seen = WatchdogSeen{Open: true, Kind: "iTCO_wdt"}
	if m.spec(n, &domain.Claim{Number: 1}).Judge.Watchdog.SidesQuorate || m.announced() != (fence.Watchdog{}) && m.announced().SidesQuorate {
		t.Fatal("it doubts before anybody said so")
	}
	m.Step(w.now, SidesQuorate{})
	if !m.spec(n, &domain.Claim{Number: 1}).Judge.Watchdog.SidesQuorate {
		t.Error("a watchdog's time would be judged as a proof")
	}
	if a := m.announced(); a.Open && !a.SidesQuorate {
		t.Errorf("it announces %+v", a)
	}
	if m.cfg.SidesQuorate {
		t.Error("its own watchdog follows the loop, not the lease")
	}
}

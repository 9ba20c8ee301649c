package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence/domain"
)

func TestAnotherInstanceIsNotInTheView(t *testing.T) { // S4, R10: whoever was in the view is gone, also where contact seems to be back
	m, self := joining(t)
	m.Step(115, ResidualScanned{Session: Session{State: SessionNone}})
	if !m.Quorate() {
		t.Fatal("it is not in the view")
	}
	m.Step(120, QuorumLost{Why: "corosync ended"})
	m.Step(121, NewInstance{Instance: "i+1"})
	for _, in := range []Input{QuorumHeld{}, Tick{}, ViewInstalled{Index: 3, Members: []domain.Origin{self}, Quorate: true}} {
		if m.Step(130, in); m.Quorate() {
			t.Fatalf("after %T it takes itself for one of the view", in)
		}
	}
	if self.Instance = "i+1"; m.Self() != self {
		t.Fatalf("it is %+v", m.Self())
	}
	out := m.Step(140, ViewInstalled{Index: 4, Members: []domain.Origin{self}, Quorate: true})
	if !m.Quorate() || kinds(out, "Scan") != 1 {
		t.Fatalf("it does not arrive anew: %v", out)
	}
}

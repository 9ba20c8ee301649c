package member

import (
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// pairOf is a cluster in which nodes 1 and 2 are taken for the two of a two_node: m is the mind of one, peer the other.
func pairOf(t *testing.T, self, other fence.NodeID) (w *cluster, m *Member, peer domain.Origin) {
	t.Helper()
	w = newCluster(t, 3, true)
	m = w.n(self).m
	m.Step(w.now, TwoNode{RingMS: 3000})
	peer = w.n(other).m.Self()
	m.Step(w.now, QuorumLost{Why: "parted"})
	m.Step(w.now, Parted{By: peer})
	return w, m, peer
}

func noted(effects []Effect) (notes []WriteLocal) {
	for _, e := range effects {
		if n, ok := e.(WriteLocal); ok && len(n.Records) > 0 {
			notes = append(notes, n)
		}
	}
	return notes
}

// begins ticks until a power-off is noted, and says how long that took, or -1 where it did not within a time.
func begins(w *cluster, m *Member, within int64) int64 {
	for from := w.now; w.now-from < within; w.now += 100 {
		if len(noted(m.Step(w.now, Tick{}))) > 0 {
			return w.now - from
		}
	}
	return -1
}

// R23: the first begins at once, the other a gap later, and the gap exceeds the worst off-to-effect time of all levels and the skew.
func TestTurnsOfTwoLieAGapApart(t *testing.T) {
	w, m, _ := pairOf(t, 1, 2)
	r := &m.dom.Roster
	gap := operation.Gap(r, m.skew())
	var worst int64
	for _, n := range r.Nodes {
		worst = max(worst, operation.OffToEffect(n.Levels, r.Devices))
	}
	if gap <= worst+m.cfg.RingMS+m.window() || m.cfg.RingMS < 3000 {
		t.Errorf("the gap is %d ms, a power-off takes effect within %d, both notice within %d", gap, worst, m.cfg.RingMS)
	}
	if m.parting.turn != 1 || len(m.locals) != 1 || m.locals[0].Node != 2 {
		t.Errorf("the first does not begin at once: %+v", m.parting)
	}
	if at := begins(w, m, 2*gap-m.window()-1000); at >= 0 {
		t.Errorf("it begins again %d ms later, in the other's turn", at)
	}
	w, m, _ = pairOf(t, 2, 1)
	if at := begins(w, m, 2*gap); at < gap || at > gap+m.window() {
		t.Errorf("the second begins after %d ms, a gap is %d", at, gap)
	}
}

// R22, R23: only an admitted clean member that is armed and parted from the very life that it knows switches anything.
func TestWhoMayNotClaimTakesNoTurn(t *testing.T) {
	for name, change := range map[string]func(m *Member){
		"dirty":            func(m *Member) { m.dom.Node(1).Phase = domain.PhaseDirty },
		"a victim":         func(m *Member) { m.dom.Node(1).Victim = &domain.Victim{} },
		"disarmed":         func(m *Member) { m.dom.Armed = false },
		"another life":     func(m *Member) { m.dom.Node(2).Life.Boot = "another" },
		"not parted":       func(m *Member) { m.parting.from = domain.Origin{} },
		"stopped":          func(m *Member) { m.gapUntil = m.now + 1_000_000 },
		"aimed at":         func(m *Member) { aim(m) },
		"the other paused": func(m *Member) { m.dom.Paused = []domain.Pause{{Node: 2}} },
		"ends by itself":   func(m *Member) { m.fell = true },
	} {
		w, m, _ := pairOf(t, 1, 2)
		m.parting.turn = 0
		m.locals = nil
		change(m)
		if at := begins(w, m, m.window()); at >= 0 {
			t.Errorf("%s: it begins after %d ms", name, at)
		}
	}
}

func aim(m *Member) {
	n := m.dom.Node(1)
	n.Unquiet = append(n.Unquiet, domain.Claim{Number: 99, DurationMS: 60_000, EffectMS: 90_000, Local: "x"})
}

// R16 d, R23: it vouches for a life whose devices read off and that was not heard since, and for no other.
func TestOnlySilenceAfterTheReadIsVouchedFor(t *testing.T) {
	for name, heard := range map[string]bool{"silent": false, "heard since": true} {
		w, m, peer := pairOf(t, 1, 2)
		m.locals = []*LocalPower{{
			LocalRecord: LocalRecord{ID: "x", Node: 2, Life: peer.Boot, Boot: m.cfg.Self.Boot, By: duelist}, Done: true, noted: true, quiet: true, Told: true,
			Off: &operation.Result{Proven: true, StartedMS: w.now + 10, FinishedMS: w.now + 10},
		}}
		w.now += 100
		var effects []Effect
		if heard {
			effects = m.Step(w.now, Heard{By: peer})
		}
		vouched := false
		for _, e := range append(effects, m.Step(w.now, Tick{})...) {
			v, ok := e.(Vouch)
			vouched = vouched || ok && v.Life == peer.Incarnation
		}
		if !vouched && !heard {
			for _, e := range m.Step(w.now+m.window(), Tick{}) {
				_, ok := e.(Vouch)
				vouched = vouched || ok
			}
		}
		if vouched == heard {
			t.Errorf("%s: vouched %v", name, vouched)
		}
	}
}

// A split that only flickers does not begin the turns anew: both sides go on counting alike.
func TestTurnsAreCountedFromTheLastContact(t *testing.T) {
	w, m, peer := pairOf(t, 1, 2)
	since := m.parting.since
	w.now += 3000
	m.Step(w.now, Parted{})
	m.Step(w.now, Parted{By: peer})
	if m.parting.since != since {
		t.Error("the turns begin anew without contact")
	}
	m.Step(w.now, Parted{})
	m.Step(w.now, Heard{By: peer})
	w.now += 100
	m.Step(w.now, Parted{By: peer})
	gap := operation.Gap(&m.dom.Roster, m.skew())
	if m.parting.since != w.now+gap {
		t.Errorf("after a contact the turns are counted from %d, it is %d and a gap is %d", m.parting.since, w.now, gap)
	}
	m.locals = nil
	if at := begins(w, m, 2*gap); at < gap-200 || at > gap+m.window() {
		t.Errorf("the first begins %d ms after a contact: what the other began before it may be under way for %d", at, gap)
	}
}

// R2, R23: the life of the other runs on another machine than the roster's. Nothing is switched for it, and no proof about the node's own is one of it.
func TestNoTurnAgainstALifeElsewhere(t *testing.T) {
	w, m, peer := pairOf(t, 2, 1)
	gap := operation.Gap(&m.dom.Roster, m.skew())
	m.dom.Node(1).Foreign = &fence.Machine{UUID: "spare"}
	if at := begins(w, m, 2*gap); at >= 0 {
		t.Errorf("it begins after %d ms", at)
	}
	m.locals = []*LocalPower{{
		LocalRecord: LocalRecord{Node: 1, Life: peer.Boot, Boot: m.cfg.Self.Boot}, Done: true, noted: true, quiet: true,
		Off: &operation.Result{Proven: true, StartedMS: w.now + 10, FinishedMS: w.now + 10},
	}}
	w.now += 100
	for _, e := range m.Step(w.now, Tick{}) {
		if v, ok := e.(Vouch); ok {
			t.Errorf("it vouches for %v", v.Life)
		}
	}
	m.dom.Node(1).Foreign = nil
	w.now += 100
	if !slices.ContainsFunc(m.Step(w.now, Tick{}), func(e Effect) bool { _, ok := e.(Vouch); return ok }) {
		t.Error("of its own machine it does not vouch: this test shows nothing")
	}
}

package member

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// begun lists when the turns of a node begin, counted from when it was parted, for so long.
func begun(t *testing.T, self, other fence.NodeID, within int64) (at []int64) {
	t.Helper()
	w, m, _ := pairOf(t, self, other)
	from := w.now
	if len(m.locals) > 0 {
		at = append(at, 0)
	}
	for seen := m.parting.turn; w.now-from < within; w.now += 500 {
		m.Step(w.now, Tick{})
		for _, l := range m.locals { // each fails at once
			l.noted, l.Done, l.quiet, l.effect = true, true, true, 0
		}
		if m.parting.turn != seen {
			seen, at = m.parting.turn, append(at, w.now-from)
		}
		if n := len(m.locals); n > maxDuels+2 {
			t.Fatalf("%d failed turns are remembered", n)
		}
	}
	return at
}

// R23, R20: turns never end, however many fail, and stay a gap apart, and by more the longer they go on: clocks part.
func TestTurnsNeverEndAndStayApart(t *testing.T) {
	const days = 2 * 24 * 3600 * 1000
	one, two := begun(t, 1, 2, days), begun(t, 2, 1, days)
	_, m, _ := pairOf(t, 1, 2)
	gap := operation.Gap(&m.dom.Roster, m.skew())
	if len(one) < 3*maxLocals || len(two) < 3*maxLocals {
		t.Fatalf("%d and %d turns in two days", len(one), len(two))
	}
	all := append(slices.Clone(one), two...)
	slices.Sort(all)
	for i, at := range all[1:] {
		if apart := at - all[i]; apart < gap-500+at/driftPart-1000 {
			t.Fatalf("turn %d begins %d ms after the one before, a gap is %d, and %d ms are over", i+2, apart, gap, at)
		}
	}
	if last := all[len(all)-1]; last < days-3*(gap+days/driftPart) {
		t.Errorf("the last turn is at %d ms of %d", last, days)
	}
}

// R31: a failed turn whose off may still take effect is not forgotten, nor one that proved something.
func TestOnlyTurnsThatAreOverAreForgotten(t *testing.T) {
	_, m, _ := pairOf(t, 1, 2)
	m.locals = nil
	for i := range 3 * maxDuels {
		l := &LocalPower{LocalRecord: LocalRecord{ID: fmt.Sprint(i), Node: 2, By: duelist}, noted: true, Done: true, quiet: true, Off: &operation.Result{}}
		switch i {
		case 0:
			l.effect = m.now + 1
		case 1:
			l.Off.Proven = true
		case 2:
			l.By = "an operator"
		case 3:
			l.Done = false
		}
		m.locals = append(m.locals, l)
	}
	m.foldDuels(2)
	var ids []string
	for _, l := range m.locals {
		ids = append(ids, l.ID)
	}
	if want := []string{"0", "1", "2", "3", "16", "17", "18", "19", "20", "21", "22", "23"}; !slices.Equal(ids, want) {
		t.Errorf("left are %v", ids)
	}
}

// R23, R11: the gap comes from what both have committed, and what its corosync has learned since is committed, and counts from then on.
func TestTheGapIsWhatBothHaveCommitted(t *testing.T) {
	_, m, _ := pairOf(t, 1, 2)
	if got := m.skew(); got != 10_000+2*m.window() {
		t.Errorf("before anything is committed the skew is %d", got)
	}
	m.dom.Feature = domain.FeatureTwo
	m.dom.Roster.Nodes = m.dom.Roster.Nodes[:2]
	m.dom.Node(1).TwoMS, m.dom.Node(2).TwoMS = 12_000, 20_000
	m.Step(m.now, TwoNode{RingMS: 30_000})
	if got := m.skew(); got != 20_000+2*m.window() {
		t.Errorf("the skew is %d: the other one does not know of its own change", got)
	}
	if m.twoMS() != 30_000 || m.announcement(m.dom.Node(1)).TwoMS != 30_000 {
		t.Errorf("it says %d", m.announcement(m.dom.Node(1)).TwoMS)
	}
	m.Step(m.now, TwoNode{RingMS: 15_000})
	if m.twoMS() != 15_000 {
		t.Errorf("a shorter one is not said: %d", m.twoMS())
	}
}

// R23: a change of how long its corosync takes is announced again, without a new arrival.
func TestAnotherTokenIsAnnouncedAgain(t *testing.T) {
	w := newCluster(t, 3, true)
	m := w.n(1).m
	m.dom.Feature = domain.FeatureTwo
	m.dom.Node(1).TwoMS = 12_000
	said := func(effects []Effect) (ms int64) {
		for _, e := range effects {
			if p, ok := e.(Propose); ok {
				if d := p.Entry; d.Announce != nil {
					ms = d.Announce.TwoMS
				}
			}
		}
		return ms
	}
	if got := said(m.Step(w.now, TwoNode{RingMS: 12_000})); got != 0 {
		t.Errorf("nothing is new, and it says %d", got)
	}
	if got := said(m.Step(w.now, TwoNode{RingMS: 25_000})); got != 25_000 {
		t.Errorf("it says %d", got)
	}
}

// R23, R16 d: the other one stopped while it joined: no view that is committed names its life. It is switched off like any other, and only what was read
// since is a proof about it.
func TestAJoinerIsProvenOver(t *testing.T) {
	w, m, old := pairOf(t, 1, 2)
	came := old
	came.Boot, came.Instance = "b2-again", "another"
	m.locals, m.parting = nil, parting{}
	n := m.dom.Node(2)
	n.Instance, n.Phase = "", domain.PhaseAbsent
	m.Step(w.now, Parted{By: came})
	if len(m.locals) != 1 || m.locals[0].Life != came.Boot {
		t.Fatalf("it does not take its turn against the joiner: %+v", m.locals)
	}
	vouched := func() (lives []fence.Incarnation) {
		m.parting.vouched = 0
		w.now += 100
		for _, e := range m.Step(w.now, Tick{}) {
			if v, ok := e.(Vouch); ok {
				lives = append(lives, v.Life)
			}
		}
		return lives
	}
	before := &LocalPower{
		LocalRecord: LocalRecord{ID: "x", Node: 2, Life: old.Boot, Boot: m.cfg.Self.Boot, By: duelist}, Done: true, noted: true, quiet: true, Told: true,
		Off: &operation.Result{Proven: true, StartedMS: w.now + 10, FinishedMS: w.now + 10},
	}
	l := m.locals[0]
	m.locals = []*LocalPower{before}
	m.heard = nil // forgotten: it was long ago
	if got := vouched(); len(got) != 0 {
		t.Errorf("the proof about the life before is one about %v", got)
	}
	l.noted, l.Done, l.quiet, l.Off = true, true, true, before.Off
	m.locals = []*LocalPower{l}
	if got := vouched(); len(got) != 1 || got[0] != came.Incarnation {
		t.Errorf("it vouches for %v", got)
	}
	n.Instance = "one that a committed view names" // and not this one
	if got := vouched(); len(got) != 0 {
		t.Errorf("it vouches for %v beside another one in the view", got)
	}
}

// R23, R16: what a claim's own walk has read off is a proof too, so that nothing is switched twice; a cut, and a walk to on, are none.
func TestAClaimsProofIsVouchedFor(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *run)
		proof  bool
	}{
		"off":          {func(*run) {}, true},
		"cut":          {func(r *run) { r.result.Evidence.Kind = fence.EvidenceStorageCut }, false},
		"elapsed":      {func(r *run) { r.result.Evidence.Kind = fence.EvidenceWatchdog }, false},
		"on":           {func(r *run) { r.on = true }, false},
		"not done":     {func(r *run) { r.done = false }, false},
		"not proven":   {func(r *run) { r.result.Proven = false }, false},
		"another life": {func(r *run) { r.life.Boot = "another" }, false},
	} {
		w, m, peer := pairOf(t, 1, 2)
		m.locals = nil
		r := &run{node: 2, claim: 1, life: peer.Incarnation, done: true, quiet: true, result: operation.Result{
			Proven: true, StartedMS: w.now + 10, FinishedMS: w.now + 10, Evidence: fence.Evidence{Kind: fence.EvidencePowerOff},
		}}
		c.change(r)
		m.running = []*run{r}
		if got := m.readOff(2, peer.Incarnation); got != c.proof {
			t.Errorf("%s: proof %v", name, got)
		}
	}
}

// R14, R12: of two with two_node a node that is alone in the view holds a lease also where the other's newest life went without becoming a victim: it was
// idle, or never let in. Who may hold something is no such life, and without two_node nobody is.
func TestAloneOfTwoTheLeaseNeedsNoVictim(t *testing.T) {
	for name, c := range map[string]struct {
		change func(n *domain.Node)
		two    bool
		leased bool
	}{
		"idle":                  {func(n *domain.Node) { n.Phase = domain.PhaseGone }, true, true},
		"never let in":          {func(n *domain.Node) { n.Phase = domain.PhaseAbsent }, true, true},
		"idle, without setting": {func(n *domain.Node) { n.Phase = domain.PhaseGone }, false, false},
		"stateful":              {func(n *domain.Node) { n.Phase, n.Stateful = domain.PhaseAbsent, true }, true, false},
		"a victim": {func(n *domain.Node) {
			n.Phase, n.Victim = domain.PhaseAbsent, &domain.Victim{Victim: fence.Victim{Incarnation: n.Life}}
		}, true, false},
		"unknown":             {func(n *domain.Node) { n.Phase, n.Unknown = domain.PhaseAbsent, true }, true, false},
		"dirty":               {func(n *domain.Node) { n.Phase = domain.PhaseDirty }, true, false},
		"on another machine":  {func(n *domain.Node) { n.Phase, n.Foreign = domain.PhaseAbsent, &fence.Machine{UUID: "spare"} }, true, false},
		"of an earlier state": {func(n *domain.Node) { n.Phase = domain.PhaseUnguarded }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCluster(t, 3, true)
			m := w.n(1).m
			if c.two {
				m.Step(w.now, TwoNode{RingMS: 3000})
			}
			m.dom.View.Members = m.dom.View.Members[:1]
			over := m.dom.Node(3)
			over.Phase, over.Instance, over.Ended = domain.PhaseAbsent, "", []string{over.Life.Boot}
			n := m.dom.Node(2)
			n.Instance, n.Stateful = "", false
			c.change(n)
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

// R12, R14, R15: where a person's word lets one of two go on alone, nothing is proven. Who was idle may have been told the same and use what is shared, so
// there is no lease beside it until it has a verdict; the end of the word ends that.
func TestAWordSparesNobody(t *testing.T) {
	w := newCluster(t, 3, true)
	m := w.n(1).m
	m.Step(w.now, TwoNode{RingMS: 3000, Word: true})
	m.dom.View.Members = m.dom.View.Members[:1]
	over := m.dom.Node(3)
	over.Phase, over.Instance, over.Ended = domain.PhaseAbsent, "", []string{over.Life.Boot}
	n := m.dom.Node(2)
	n.Instance, n.Stateful, n.Phase = "", false, domain.PhaseGone
	leased := func() bool {
		for range 10 {
			w.now += 1000
			m.Step(w.now, Tick{})
		}
		return m.leased()
	}
	if leased() {
		t.Error("a lease beside one that may have been told to go on alone as well")
	}
	n.Ended = []string{n.Life.Boot}
	if !leased() {
		t.Error("no lease after its verdict")
	}
	n.Ended = nil
	m.Step(w.now, TwoNode{RingMS: 3000})
	if !leased() {
		t.Error("no lease where it is a proof again")
	}
}

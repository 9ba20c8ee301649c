package domain

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// ApplyView applies a view that the membership provider put in the sequence. It is where lives that vanished become victims (R30).
// Kept for R30: S1.5, V3.
func (s *State) ApplyView(index uint64, members []Origin, quorate bool) []Event {
	if index <= s.Index {
		return nil
	}
	old, was := s.View, s.Quorate()
	s.Index = index
	members = slices.Clone(members)
	slices.SortFunc(members, byNode)
	s.View = View{Index: index, Members: members, Quorate: quorate}
	t := &turn{s: s, index: index}
	t.uncounted()
	t.emit(Event{Kind: EventView})
	// One of two that goes on alone, or half of a cluster by even_split, waits for nobody who came, because nobody did. Below FeatureReturners it says nothing.
	came := slices.ContainsFunc(members, func(o Origin) bool { return !among(old.Members, o) })
	joined := s.Quorate() && s.returners() && (!was || came && s.staying(old.Members, members) < s.Quorum())
	if s.continues(old.Members, members) {
		t.departures(old.Members)
	} else {
		t.coldStart()
	}
	t.arrivals(old.Members)
	t.suspects()
	t.orphans()
	for i := range s.Nodes {
		if v := s.Nodes[i].Victim; joined && v != nil && v.Joined == 0 { // once for each victim: who comes and goes for ever must not hold it up for ever
			v.Joined = index
		}
		t.settle(&s.Nodes[i])
	}
	t.disarms()
	s.counted()
	return t.events
}

// continues reports whether some daemon of the old view is in the new one: its memory vouches for what was agreed (R10). A witness's does not:
// it stays up while every node dies, and whoever comes back would be a victim with nobody clean left to act.
// Kept for R10: S5.12, V16.
func (s *State) continues(old, now []Origin) bool {
	for _, m := range now {
		if among(old, m) && !s.Witness(m.Node) {
			return true
		}
	}
	return false
}

// coldStart makes every clean node unknown, also those that had left: durable memory adds suspicion and never removes it (R10). Victims stay.
func (t *turn) coldStart() {
	t.s.Generation++
	if n := t.s.OpenDrill(); n != nil {
		t.drillFailed(n, "a cold start: nobody remembers what was seen")
	}
	for i := range t.s.Nodes {
		n := &t.s.Nodes[i]
		n.Restart = nil
		n.Instance, n.Pending, n.Suspect, n.Lapsed = "", nil, "", fence.Incarnation{}
		n.Phase, n.Unknown = PhaseAbsent, n.Victim == nil && !n.Added && !t.s.Witness(n.ID) // who never came was never admitted
	}
	t.emit(Event{Kind: EventCold, Text: itoa(t.s.Generation)})
}

// departures handles every daemon of the old view that is not in the new one.
func (t *turn) departures(old []Origin) {
	for _, m := range old {
		if among(t.s.View.Members, m) {
			continue
		}
		if n := t.s.Node(m.Node); n != nil && n.Life == m.Incarnation {
			n.Instance = ""
			t.departed(n, m.Instance)
		}
	}
}

// departed decides what the end of a life's presence means: a clean leave nothing, a committed-stateless life is gone, every other is a victim (R12, R30).
func (t *turn) departed(n *Node, instance string) {
	phase := n.Phase
	n.Pending = nil
	switch {
	case phase == PhaseLeft:
		return
	case t.s.Witness(n.ID):
		t.witnessGone(n)
		return
	case n.Victim != nil:
		n.Phase = PhaseAbsent
		return
	case phase == PhaseMember && !n.Stateful && t.s.Armed, phase == PhaseJoining:
		n.Phase = PhaseAbsent
		if phase == PhaseMember {
			n.Restart = nil // whoever holds nothing needs nobody's patience
		}
		if n.Foreign != nil { // a clean life elsewhere leaves nothing behind: what is feared of this node is another life (0026)
			n.Life, n.LifeIndex, n.Foreign = fence.Incarnation{}, 0, nil
			t.another(n)
		}
		if phase == PhaseMember {
			n.Phase = PhaseGone
			t.emit(Event{Kind: EventGone, Node: n.ID, Life: n.Life})
		}
		return
	case phase != PhaseMember && phase != PhaseDirty:
		return
	case t.s.Quorate() && t.goesAway(n, instance):
		return
	}
	if !t.s.Quorate() {
		n.Suspect = instance // keeps its phase: a common view may show continuity
		return
	}
	n.Phase = PhaseAbsent
	t.makeVictim(n, n.Life, fence.CauseFailed)
}

// arrivals records every daemon that the old view did not have.
func (t *turn) arrivals(old []Origin) {
	for _, m := range t.s.View.Members {
		n := t.s.Node(m.Node)
		if n != nil {
			n.Added = false // from here on its vote counts, whether it stays or not
		}
		if n == nil || (among(old, m) && n.Instance == m.Instance && n.Life == m.Incarnation) {
			continue
		}
		if n.Life == m.Incarnation && n.Suspect == m.Instance {
			n.Suspect, n.Instance = "", m.Instance
			continue
		}
		if t.goesAway(n, n.Suspect) {
			n.Suspect = ""
		}
		if n.Suspect != "" { // another daemon or another life: its memory does not continue what was agreed
			n.Suspect, n.Lapsed = "", n.Life
		}
		n.otherBoot(m.Incarnation)
		if !n.Lapsed.Zero() && t.s.Quorate() {
			t.condemn(n)
		}
		if n.Life != m.Incarnation {
			t.another(n)
			n.Life, n.LifeIndex, n.Stateful = m.Incarnation, t.index, false
			n.remembers()
		}
		n.Instance, n.Feature = m.Instance, 0
		n.again(t.index)
		t.shown(n)
		if t.s.IsCut(m.Incarnation) {
			n.Phase = PhaseAbsent // it runs, as far as anybody knows, and has nothing to say (R18)
			continue
		}
		if t.s.IsOver(m.Incarnation) {
			t.emit(Event{Kind: EventRefused, Node: n.ID, Life: m.Incarnation, Text: "this life has a verdict and is never admitted (R16)"})
		}
	}
}

// condemn makes a suspect a victim, once a quorate view has shown that it did not continue (R30).
func (t *turn) condemn(n *Node) {
	life := n.Life
	if n.Lapsed.Zero() {
		n.Phase = PhaseAbsent
	} else {
		life = n.Lapsed
	}
	n.Suspect, n.Lapsed = "", fence.Incarnation{}
	if n.Victim == nil {
		t.makeVictim(n, life, fence.CauseFailed)
	}
}

// suspects turns those that departed without quorum into victims once a quorate view shows that they are still away (R30).
func (t *turn) suspects() {
	if !t.s.Quorate() {
		return
	}
	t.restarting()
	for i := range t.s.Nodes {
		if n := &t.s.Nodes[i]; (n.Suspect != "" && n.Instance == "") || !n.Lapsed.Zero() {
			t.condemn(n)
		}
	}
}

// orphans ends claims whose actor is no clean member of the view any more, and those of a cluster that was disarmed meanwhile; what they
// sent may still be in flight (R9).
func (t *turn) orphans() {
	t.s.matters(func(n *Node) bool {
		t.touch(n)
		t.orphan(n)
		return true
	})
}

// orphan is orphans for one node.
func (t *turn) orphan(n *Node) {
	if v := n.Victim; v != nil && v.Claim != nil {
		kind, why := t.lost(v.Claim, v.Force)
		if why == "" {
			return
		}
		t.emit(Event{Kind: kind, Node: n.ID, Life: v.Incarnation, Claim: v.Claim.Number, Actor: v.Claim.Actor.Node, Text: why})
		n.Unquiet = append(n.Unquiet, *v.Claim)
		t.switchedAny(n)
		v.Claim = nil
	}
	if p := n.PowerOn; p != nil && p.Claim != nil {
		kind, why := t.lost(p.Claim, p.Force)
		if why == "" {
			return
		}
		t.emit(Event{Kind: kind, Node: n.ID, Life: p.For, Claim: p.Claim.Number, Actor: p.Claim.Actor.Node, On: true, Text: why})
		n.Unquiet = append(n.Unquiet, *p.Claim)
		p.Claim = nil
	}
	t.unfenceOrphan(n)
	t.drillOrphan(n)
}

// lost says why a claim is not in force any more, "" if it is.
func (t *turn) lost(c *Claim, force bool) (EventKind, string) {
	m, ok := t.s.InView(c.Actor.Node)
	switch {
	case !ok || m != c.Actor:
		return EventHandover, "actor left the view"
	case !c.Own() && !t.s.Clean(c.Actor.Node):
		return EventHandover, "actor is no clean member any more"
	case !t.s.Armed && !force:
		return EventCanceled, "disarmed"
	case t.s.Node(c.Actor.Node).Outvoted():
		return EventHandover, "actor has another state than the majority (I3)"
	}
	return "", ""
}

// makeVictim names a life a victim at this index. A disarmed cluster only says what it would have done; the node is unknown from then on.
func (t *turn) makeVictim(n *Node, life fence.Incarnation, cause fence.Cause) {
	n.Restart = nil // armed or not: what is over is said once (R26)
	if !t.s.Armed && cause != fence.CauseOperator && cause != fence.CauseRecover {
		t.would(n, life, cause)
		return
	}
	machine := n.Machine
	if life == n.Life && n.Foreign != nil {
		machine = *n.Foreign // it runs elsewhere: only evidence about that machine ends it (R2)
	}
	if life == n.Life {
		n.Pending = nil
	}
	t.drillFailed(n, "the node is a victim")
	if cause != fence.CauseOperator && cause != fence.CauseRecover {
		t.lostAgain(n, life.Boot)
	}
	n.Victim = &Victim{ID: t.number(), Victim: fence.Victim{Incarnation: life, Machine: machine, Cause: cause, Index: t.index, Action: t.leaves(n)}, Watchdog: t.victimWatchdog(n, life), Shared: t.sharedOf(n, life), Rewired: life == n.Life && n.Rewired}
	n.Unknown = n.Unknown && life == n.Life && n.Foreign != nil // a life elsewhere answers nothing about this node's own machine
	if p := n.PowerOn; p != nil {                               // off comes first (V5); what the new operation is to leave behind decides about on
		n.PowerOn, n.Victim.Restore = nil, p.Drill
		if p.Claim != nil {
			n.Unquiet = append(n.Unquiet, *p.Claim)
			t.emit(Event{Kind: EventCanceled, Node: n.ID, Life: p.For, Operation: p.ID, Claim: p.Claim.Number, Actor: p.Claim.Actor.Node, On: true, Text: "the node is a victim again"})
		}
	}
	t.stopUnfence(n, EventCanceled, "the node is a victim again")
	n.unasked()
	if n.Phase == PhaseMember {
		n.Phase = PhaseDirty
	}
	t.emit(Event{Kind: EventVictim, Node: n.ID, Life: life, Cause: cause})
}

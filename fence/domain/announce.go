package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// announce records what a life says of itself after its scan. A clean word is remembered as pending and admitted by settle.
func (t *turn) announce(a Announce) error {
	n, err := t.present()
	if err != nil {
		return err
	}
	if err := checkTexts(a.Why, a.Version, a.Machine.UUID, a.Machine.Serial, a.Roster); err != nil {
		return err
	}
	life := t.by.Incarnation
	if t.s.IsOver(life) {
		return t.refuse(n, life, "this life has a verdict and is never admitted (R16)")
	}
	if n.Machine.Known() && !n.Machine.Same(a.Machine) {
		return t.refuse(n, life, fmt.Sprintf("machine %s is not the machine %s of this node (R2, S5.6)", a.Machine.UUID, n.Machine.UUID))
	}
	for i := range t.s.Nodes {
		if o := &t.s.Nodes[i]; o.ID != n.ID && o.Machine.Known() && o.Machine.Same(a.Machine) {
			return t.refuse(n, life, fmt.Sprintf("machine %s is already the machine of %s (R16)", a.Machine.UUID, t.name(o.ID)))
		}
	}
	n.Roster, n.Feature, n.Version, n.Watchdog, n.Why = a.Roster, a.Feature, a.Version, a.Watchdog, a.Why
	if n.Victim != nil && n.Victim.Incarnation == life {
		return t.refuse(n, life, "this life is a victim: only a verdict or its reset ends that")
	}
	if !a.Clean {
		n.Phase, n.Pending = PhaseDirty, nil
		if a.Unguarded && n.Victim == nil {
			n.Phase, n.Unknown = PhaseUnguarded, false
		}
		t.emit(Event{Kind: EventDirty, Node: n.ID, Life: life, Text: a.Why})
		return nil
	}
	if n.Victim != nil && n.Victim.Unknown() && !n.Machine.Known() {
		return t.refuse(n, life, "the machine of the unknown victim was never announced nor declared, so this life proves nothing about it (R2)")
	}
	n.Pending = &a
	t.settle(n)
	return nil
}

// refuse rejects an announcement loudly: an alarm for the administrator, an error for the proposer.
func (t *turn) refuse(n *Node, life fence.Incarnation, why string) error {
	n.Phase, n.Pending, n.Why = PhaseDirty, nil, why
	if n.Victim != nil || !t.s.Armed {
		n.Phase = PhaseJoining
	}
	t.emit(Event{Kind: EventRefused, Node: n.ID, Life: life, Text: why})
	return nil
}

// settle ends a victim that a clean later life of the same machine proves over, and admits a pending life, as soon as nothing of an
// earlier claim can take effect any more (R2, R9). It is called after every change that may allow it.
func (t *turn) settle(n *Node) {
	if n.Pending == nil || n.Instance == "" || !t.s.View.Quorate {
		return
	}
	if n.Victim != nil && !t.rebirth(n) {
		return
	}
	if n.Victim != nil && n.Victim.Claim != nil {
		c := n.Victim.Claim
		n.Victim.Claim = nil
		n.Unquiet = append(n.Unquiet, *c)
		t.emit(Event{Kind: EventCanceled, Node: n.ID, Life: n.Victim.Incarnation, Claim: c.Number, Actor: c.Actor.Node, Text: "a clean later life of the same machine announced itself"})
	}
	if len(n.Unquiet) > 0 {
		return // admission and cancellation wait for quiescence (R9, S5.9)
	}
	if v := n.Victim; v != nil {
		ev := fence.Evidence{Kind: fence.EvidenceBootChanged, ReadIndex: t.index, Boot: n.Life.Boot, Machine: n.Pending.Machine}
		t.resolve(n, fence.Verdict{Incarnation: v.Incarnation, Kind: fence.VerdictReset, Index: t.index, Evidence: ev}, nil, Times{})
	}
	t.admit(n)
}

// rebirth reports whether the pending life proves that the victim's life is over: a new boot id of the same physical machine (R2). For a
// victim nobody ever saw, the clean scan of the same machine is the proof. A virtual machine proves nothing by its boot id alone.
func (t *turn) rebirth(n *Node) bool {
	v, a := n.Victim, n.Pending
	if v.Boot == n.Life.Boot || !v.Machine.Same(a.Machine) {
		return false
	}
	return !a.Machine.Virtual && !v.Machine.Virtual
}

// admit makes the pending life a clean member (R12: stateful from then on in an armed cluster).
func (t *turn) admit(n *Node) {
	a := n.Pending
	n.Pending = nil
	n.Phase, n.Unknown, n.Suspect, n.OffHeld, n.Why = PhaseMember, false, "", false, ""
	n.Stateful = t.s.Armed
	if !n.Machine.Known() {
		n.Machine = a.Machine
	}
	n.Machine.Virtual = n.Machine.Virtual || a.Machine.Virtual
	t.emit(Event{Kind: EventClean, Node: n.ID, Life: n.Life})
}

// stateful commits whether the proposer's life may hold state (R12).
func (t *turn) stateful(e Stateful) error {
	n, err := t.present()
	if err != nil {
		return err
	}
	if !t.s.Clean(n.ID) {
		return fmt.Errorf("%s is no clean member", t.name(n.ID))
	}
	n.Stateful = e.On
	t.emit(Event{Kind: EventStateful, Node: n.ID, Life: n.Life, On: e.On})
	return nil
}

// leave is a clean leave (S2.12): the proposer has scanned and closed its grant gate.
func (t *turn) leave(e Leave) error {
	n, err := t.present()
	if err != nil {
		return err
	}
	if n.Victim != nil {
		return errors.New("a victim does not leave cleanly")
	}
	if n.Phase == PhaseDirty {
		return errors.New("a dirty node does not leave cleanly (S2.11)")
	}
	if err := checkTexts(e.Why); err != nil {
		return err
	}
	n.Phase, n.Stateful, n.Pending = PhaseLeft, false, nil
	t.emit(Event{Kind: EventLeft, Node: n.ID, Life: n.Life, Text: e.Why})
	return nil
}

// overdue makes victims of lives that had post_join_delay to say that they are clean and did not (R10, S2.6, S2.8).
func (t *turn) overdue(o Overdue) error {
	if err := t.quorate(); err != nil {
		return err
	}
	by, err := t.present()
	if err != nil {
		return err
	}
	if !t.s.Clean(by.ID) {
		return fmt.Errorf("%s is no clean member", t.name(by.ID))
	}
	if !t.s.Armed {
		return fence.ErrNotArmed
	}
	if len(o.Lives) > len(t.s.Nodes) {
		return errors.New("more lives than nodes")
	}
	for _, life := range o.Lives {
		n := t.s.Node(life.Node)
		if n == nil || life != t.s.OverdueLife(n) {
			continue // it announced itself, left, or became a victim meanwhile
		}
		cause := fence.CauseStartup
		if n.Phase == PhaseDirty {
			cause = fence.CauseResidual
		}
		t.makeVictim(n, life, cause)
	}
	t.orphans()
	return nil
}

// OverdueLife names the life that is to be fenced if this node does not announce itself clean in time; zero if there is none: a node that
// is unknown since a cold start, or a daemon in the view that is not clean (S2.8). Witnesses hold no state.
func (s *State) OverdueLife(n *Node) fence.Incarnation {
	r, ok := s.Roster.Node(n.ID)
	present := n.Instance != "" && (n.Phase == PhaseJoining || n.Phase == PhaseDirty)
	if !ok || r.Witness || n.Victim != nil || n.Phase == PhaseMember || n.Phase == PhaseLeft || !(n.Unknown || present) {
		return fence.Incarnation{}
	}
	if n.Life.Boot == "" || s.IsOver(n.Life) {
		return fence.UnknownLife(n.ID, s.Generation)
	}
	return n.Life
}

// checkTexts bounds what an entry carries for people.
func checkTexts(texts ...string) error {
	if i := slices.IndexFunc(texts, func(s string) bool { return len(s) > MaxText }); i >= 0 {
		return fmt.Errorf("a text has %d bytes, at most %d are allowed", len(texts[i]), MaxText)
	}
	return nil
}

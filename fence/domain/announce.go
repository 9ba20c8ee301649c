package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// announce records what a life says of itself after its scan. A clean word is remembered as pending and admitted by settle. A life that has
// left and finds state after all takes its leave back by saying that it is dirty: bad news is never refused (V12, S2.11).
func (t *turn) announce(a Announce) error {
	n, err := t.present()
	if err != nil {
		return err
	}
	if err := errors.Join(checkTexts(a.Why, a.Version, a.Machine.UUID, a.Machine.Serial, a.Roster), t.s.checkTwo(a), t.s.checkHalt(a)); err != nil {
		return err
	}
	life := t.by.Incarnation
	if t.s.IsCut(life) {
		return fmt.Errorf("%s is cut off from what is shared: only a new boot is let in (R18, V11)", life)
	}
	switch {
	case a.Since != n.Arrived:
		return fmt.Errorf("it belongs to the arrival at index %d, this one is of index %d (I4)", a.Since, n.Arrived)
	case t.s.IsOver(life):
		t.halts(n, a)
		return t.refuse(n, life, "this life has a verdict and is never admitted (R16)")
	case t.s.Witness(n.ID):
		return t.attend(n, a)
	case a.Clean && n.Phase != PhaseJoining && n.Phase != PhaseMember:
		return fmt.Errorf("%s is %s: only a reset makes it clean (V11)", t.name(n.ID), n.Phase)
	}
	if n.Machine.Known() && !n.Machine.Same(a.Machine) {
		return t.foreign(n, a, fmt.Sprintf("machine %s is not the machine %s of this node (R2, S5.6)", a.Machine.UUID, n.Machine.UUID))
	}
	if n.former(a.Machine) {
		return t.foreign(n, a, fmt.Sprintf("machine %s was given up: another one took the place of %s (R2)", a.Machine.UUID, t.name(n.ID)))
	}
	for _, o := range t.s.others(n, machineNames([]string{a.Machine.UUID}, "")) {
		if o.Machine.Same(a.Machine) {
			return t.foreign(n, a, fmt.Sprintf("machine %s is already the machine of %s (R16)", a.Machine.UUID, t.name(o.ID)))
		}
	}
	if err := t.uses(n, a); err != nil {
		return err
	}
	n.Foreign = nil
	n.Roster, n.Feature, n.Version, n.Why, n.TwoMS = a.Roster, a.Feature, a.Version, a.Why, a.TwoMS
	t.watched(n, a)
	t.halts(n, a)
	if n.Victim != nil && n.Victim.Incarnation == life {
		return t.refuse(n, life, "this life is a victim: only a verdict or its reset ends that")
	}
	if !a.Clean {
		t.dirty(n, a)
		return nil
	}
	if n.Phase == PhaseMember { // it only tells of its file or its version again; nothing about its state changes
		n.Machine.Virtual = n.Machine.Virtual || a.Machine.Virtual
		return nil
	}
	if n.Stateful && !n.resumes(a) {
		return t.refuse(n, life, "the log says that this life is stateful, and its daemon did not stay (R12, R26)")
	}
	if n.Victim != nil && n.Victim.Unknown() && !n.Machine.Known() {
		return t.refuse(n, life, "the machine of the unknown victim was never announced nor declared, so this life proves nothing about it (R2)")
	}
	n.Pending = &a
	t.settle(n)
	return nil
}

// dirty keeps a life out, whatever it was before; what it held as an actor goes to another (R22).
func (t *turn) dirty(n *Node, a Announce) {
	unguarded := a.Unguarded && n.Victim == nil && !n.Stateful && n.Phase == PhaseJoining
	n.Phase, n.Pending, n.Restart = PhaseDirty, nil, nil
	if unguarded {
		n.Phase = PhaseUnguarded // what was unknown about earlier lives stays unknown
	}
	t.emit(Event{Kind: EventDirty, Node: n.ID, Life: n.Life, Text: a.Why})
	if n.Drill != nil && n.Drill.Life == n.Life {
		t.drillFailed(n, "it is dirty: "+a.Why)
	}
	t.orphans()
}

// foreign refuses a life that runs on another machine than this node's (R2, S5.6). A clean one is nobody's victim: the devices of this node
// reach another machine. One that holds state is dirty, and must be proven over where it runs.
// Kept for R2: S5.6, V11.
func (t *turn) foreign(n *Node, a Announce, why string) error {
	clean := a.Clean && n.Phase == PhaseJoining && !n.Stateful
	t.halts(n, a)
	if err := t.refuse(n, t.by.Incarnation, why); err != nil {
		return err
	}
	m := a.Machine
	n.Foreign = &m
	n.Phase = PhaseDirty
	if clean {
		n.Phase = PhaseJoining
	}
	return nil
}

// refuse rejects an announcement loudly: an alarm for the administrator, an error for the proposer.
func (t *turn) refuse(n *Node, life fence.Incarnation, why string) error {
	stays := n.Phase == PhaseJoining && (n.Victim != nil || !t.s.Armed) // who was more than that may hold state
	n.Phase, n.Pending, n.Why, n.Restart = PhaseDirty, nil, why, nil
	if stays {
		n.Phase = PhaseJoining
	}
	t.orphans()
	t.emit(Event{Kind: EventRefused, Node: n.ID, Life: life, Text: why})
	return nil
}

// settle ends a victim that a clean later life of the same machine proves over, and admits a pending life, as soon as nothing of an
// earlier claim can take effect any more (R2, R9). It is called after every change that may allow it.
// Kept for R9: S5.9, S5.10, V5.
func (t *turn) settle(n *Node) {
	if n.Pending == nil || n.Instance == "" || !t.s.Quorate() || n.Suspect != "" || !n.Lapsed.Zero() {
		return
	}
	if n.Victim != nil && !n.Reborn() {
		return
	}
	if n.drillClaim() != nil {
		return // its power may be cut at any moment: it gets nothing before that is over (R9)
	}
	if n.Victim != nil && n.Victim.Claim != nil {
		c := n.Victim.Claim
		n.Victim.Claim = nil
		n.Unquiet = append(n.Unquiet, *c)
		t.switchedAny(n)
		t.emit(Event{Kind: EventCanceled, Node: n.ID, Life: n.Victim.Incarnation, Claim: c.Number, Actor: c.Actor.Node, Text: "a clean later life of the same machine announced itself"})
	}
	t.standDown(n)
	if len(n.Unquiet) > 0 {
		return // admission and cancellation wait for quiescence (R9, S5.9)
	}
	if v := n.Victim; v != nil {
		ev := fence.Evidence{Kind: fence.EvidenceBootChanged, ReadIndex: t.index, Boot: n.Life.Boot, Machine: n.Pending.Machine}
		t.resolve(n, fence.Verdict{Incarnation: v.Incarnation, Kind: fence.VerdictReset, Index: t.index, Evidence: ev}, nil, Times{})
	}
	if t.required(n) {
		n.Unknown = n.Unknown && n.lives() // as if it was admitted: it says that it holds nothing, so nobody else waits for its ways (R10, R12)
		return
	}
	t.admit(n)
}

// Reborn reports whether the pending life proves that the victim's life is over: a new boot id of the same physical machine (R2). For a
// victim nobody ever saw, the clean scan of the same machine is the proof. A virtual machine proves nothing by its boot id alone.
func (n *Node) Reborn() bool {
	v, a := n.Victim, n.Pending
	if v == nil || a == nil || v.Boot == n.Life.Boot || !v.Machine.Same(a.Machine) {
		return false
	}
	return !a.Machine.Virtual && !v.Machine.Virtual
}

// admit makes the pending life a clean member (R12: stateful from then on in an armed cluster).
func (t *turn) admit(n *Node) {
	a := n.Pending
	n.Pending = nil
	n.Phase, n.Unknown, n.OffHeld, n.Lost, n.Why = PhaseMember, false, false, false, ""
	was := n.Stateful
	n.Stateful, n.Switched = t.s.Armed, nil // it runs: what is off of it now is for people to see
	if was := n.Machine; !was.Known() {
		n.Machine = a.Machine
		t.rename(n, was)
	}
	n.Machine.Virtual = n.Machine.Virtual || a.Machine.Virtual
	t.runs(n)
	t.calm(n)
	t.emit(Event{Kind: EventClean, Node: n.ID, Life: n.Life})
	t.resumed(n, was)
}

// Rest is the sum of the votes of the view that stay when a node goes; who has left already, restarts, is a victim, halts or has its verdict does not count, though
// its daemon is still there. Of two that go at once the log's order picks the one that may.
func (s *State) Rest(without fence.NodeID) int {
	return s.sum(without, func(m Origin) bool {
		n := s.Node(m.Node)
		return (n == nil || n.Phase != PhaseLeft && n.Victim == nil && n.Restart == nil) && !s.Judged(m.Incarnation) && !s.Halts(m.Incarnation)
	})
}

// leave is a clean leave (S2.12): the proposer has scanned and closed its grant gate. It takes quorum from nobody who stays, unless forced:
// they would freeze, and nobody would fence for them. With two_node the one who stays is a quorum when the other's daemon has ended (ADR 0084).
func (t *turn) leave(e Leave) error {
	if err := t.quorate(); err != nil {
		return err
	}
	n, err := t.present()
	if err != nil {
		return err
	}
	if !t.s.Clean(n.ID) {
		return fmt.Errorf("%s is no clean member, so it does not leave cleanly (S2.11)", t.name(n.ID))
	}
	if rest := t.s.Rest(n.ID); !e.Force && rest < t.s.Quorum() && !t.s.ByProof(n.ID) {
		return fmt.Errorf("%w: those who stay would have %d of the %d votes that quorum needs", fence.ErrUnsafe, rest, t.s.Quorum())
	}
	if err := checkTexts(e.Why); err != nil {
		return err
	}
	n.Phase, n.Stateful, n.Pending, n.Restart = PhaseLeft, false, nil, nil
	t.closes(n)
	t.emit(Event{Kind: EventLeft, Node: n.ID, Life: n.Life, Text: e.Why})
	t.orphans()
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
		t.touch(n)
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
// is unknown since a cold start, or a daemon in the view that is not clean (S2.8). Witnesses hold no state; who announced itself and waits
// only for quiescence (R9) is not late; a clean life on a foreign machine is beyond our devices (R2).
func (s *State) OverdueLife(n *Node) fence.Incarnation {
	if n.Phase == PhaseMember {
		return fence.Incarnation{} // the usual case first: this is asked of every node with each input
	}
	_, ok := s.Roster.Place(n.ID)
	present := n.Instance != "" && (n.Phase == PhaseJoining || n.Phase == PhaseDirty)
	if !ok || s.Witness(n.ID) || n.Victim != nil || n.Phase == PhaseLeft || n.Phase == PhaseUnguarded || n.Pending != nil || !(n.Unknown || present) ||
		(n.Foreign != nil && n.Phase == PhaseJoining) {
		return fence.Incarnation{}
	}
	return s.meant(n) // a cut life too: it is known, and its ways are read anew (R10, R18)
}

// checkTexts bounds what an entry carries for people.
func checkTexts(texts ...string) error {
	if i := slices.IndexFunc(texts, func(s string) bool { return len(s) > MaxText }); i >= 0 {
		return fmt.Errorf("a text has %d bytes, at most %d are allowed", len(texts[i]), MaxText)
	}
	return nil
}

package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// FeatureNamed is the feature level from which a request for a life that has its verdict succeeds although a later life is there (R11, R29).
// Kept for R29: S2.17, V7.
const FeatureNamed = 3

// request makes a life a victim because somebody asked (R29), joins an open operation, or succeeds at once when a fresh verdict satisfies it.
func (t *turn) request(r Request) error {
	t.asked = &r
	if err := t.quorate(); err != nil {
		return err
	}
	by, err := t.present()
	if err != nil {
		return err
	}
	if by.Victim != nil {
		return fmt.Errorf("%s is a victim itself: its requests are refused (R29)", t.name(by.ID))
	}
	n, err := t.node(r.Node)
	if err != nil {
		return err
	}
	if err := t.checkRequest(r); err != nil {
		return err
	}
	if t.s.Witness(n.ID) {
		return fmt.Errorf("%s is a witness: it holds nothing that is shared and has no device", t.name(n.ID))
	}
	switch r.Action {
	case fence.ActionOn:
		return t.requestOn(n, r)
	case fence.ActionUnfence:
		return t.requestUnfence(n, r)
	}
	if t.s.proven(n, r) {
		t.emit(Event{Kind: EventRequest, Node: n.ID, Life: n.Last.Incarnation, Verdict: n.Last, Operation: n.LastOperation, Request: r.ID, Text: "that life has its verdict, a later one is there"})
		return nil
	}
	ask := Ask{ID: r.ID, By: r.By, Reason: r.Reason}
	if v := n.Victim; v != nil {
		return t.join(n, v, r, ask)
	}
	if t.s.cutSatisfies(n, r) {
		v := n.Cut.Verdict
		t.emit(Event{Kind: EventRequest, Node: n.ID, Life: v.Incarnation, Verdict: v, Operation: n.Cut.ID, Request: r.ID, Text: "it is cut off, and nothing has opened its ways"})
		return nil
	}
	if t.satisfied(n, r) {
		t.emit(Event{Kind: EventRequest, Node: n.ID, Life: n.Last.Incarnation, Verdict: n.Last, Operation: n.LastOperation, Request: r.ID, Text: "a fresh verdict satisfies it"})
		t.leaveBehind(n, r)
		return nil
	}
	life := t.s.meant(n)
	if t.s.meansCut(n, r) {
		life = n.Cut.Life
	}
	if r.Boot != "" && r.Boot != life.Boot && r.Boot != n.Life.Boot {
		return fmt.Errorf("the life of %s is boot %s, the request names %s", t.name(n.ID), fence.ShortBoot(life.Boot), fence.ShortBoot(r.Boot))
	}
	if n.Instance != "" && !r.Force && t.s.Rest(n.ID) < t.s.Quorum() && !t.s.ByProof(n.ID) {
		return fmt.Errorf("%w: the others would not be quorate without %s (R21)", fence.ErrUnsafe, t.name(n.ID))
	}
	if t.s.Disarming() && !r.Force {
		return ErrDisarming
	}
	t.makeVictim(n, life, r.Cause)
	n.Victim.Action, n.Victim.Force, n.Victim.Requests = t.wished(n, r), r.Force, []Ask{ask}
	n.Victim.Named = r.Cause == fence.CauseOperator
	t.askedNow(r.Cause, &n.Victim.AskedAt)
	t.emit(Event{Kind: EventRequest, Node: n.ID, Life: life, Request: r.ID, Text: r.By + ": " + r.Reason})
	t.orphans()
	return nil
}

// leaveBehind makes what a verdict left behind what the newest request wants: held off, or powered on again. A later life is not touched.
func (t *turn) leaveBehind(n *Node, r Request) {
	switch {
	case n.Life != n.Last.Incarnation && !t.s.IsOver(n.Life):
	case r.Action == fence.ActionOff:
		n.PowerOn, n.OffHeld = nil, true
	case n.OffHeld && t.wished(n, r) != fence.ActionOff:
		n.PowerOn = &PowerOn{ID: n.LastOperation, For: n.Last.Incarnation, Level: n.Last.Evidence.Level, Force: r.Force, Named: t.names(r)}
		n.OffHeld, n.Losses = false, Losses{}
	}
}

// names reports whether a request is an operator's, whom a pause does not hold, once all members remember it (R11).
func (t *turn) names(r Request) bool {
	return r.Cause == fence.CauseOperator && t.s.Feature >= FeaturePause
}

func (t *turn) checkRequest(r Request) error {
	switch {
	case r.ID == "" || r.By == "":
		return errors.New("a request needs an id and a requester (R29)")
	case r.Action != fence.ActionOff && r.Action != fence.ActionReboot && r.Action != fence.ActionOn && r.Action != fence.ActionUnfence:
		return fmt.Errorf("unknown action %q", r.Action)
	case r.Cause != fence.CauseOperator && r.Cause != fence.CauseReported:
		return fmt.Errorf("a request cannot have cause %q", r.Cause)
	case r.Force && r.Cause != fence.CauseOperator:
		return errors.New("only an operator may use force")
	case !t.s.Armed && !r.Force:
		return fence.ErrNotArmed
	}
	return checkTexts(r.ID, r.By, r.Reason)
}

// join adds a request to the open operation. Off is the stronger wish: it wins over reboot, unless only a hold wished it and a person lifts that.
func (t *turn) join(n *Node, v *Victim, r Request, ask Ask) error {
	if r.Boot != "" && r.Boot != v.Boot {
		return fmt.Errorf("the victim of %s is boot %s, the request names %s", t.name(n.ID), fence.ShortBoot(v.Boot), fence.ShortBoot(r.Boot))
	}
	if len(v.Requests) >= maxAsks {
		return fmt.Errorf("%d requests wait for this operation already", len(v.Requests))
	}
	if !slices.ContainsFunc(v.Requests, func(a Ask) bool { return a.ID == r.ID }) {
		v.Requests = append(v.Requests, ask)
	}
	switch {
	case r.Action == fence.ActionOff:
		v.Action = fence.ActionOff
	case r.byPerson() && !v.Named && (n.OffHeld || n.Looped()) && t.s.Feature >= FeatureHold:
		v.Action = t.wished(n, r)
	}
	v.Force = v.Force || r.Force
	v.Named = v.Named || r.Cause == fence.CauseOperator
	t.askedNow(r.Cause, &v.AskedAt)
	t.emit(Event{Kind: EventRequest, Node: n.ID, Life: v.Incarnation, Request: r.ID, Text: r.By + ": " + r.Reason + " (joined)"})
	return nil
}

// satisfied reports whether the last verdict is on the very life that is meant and no other life has been seen since (R29). A human's
// acknowledgement or a new boot id does not satisfy a wish to have the power cut; a cut satisfies a program that waits for a release and nobody else.
func (t *turn) satisfied(n *Node, r Request) bool {
	if n.Last == nil || n.Last.Evidence.Kind != fence.EvidencePowerOff || n.Instance != "" {
		return false
	}
	if n.PowerOn != nil && n.PowerOn.Claim != nil && r.Action == fence.ActionOff {
		return false // it is being powered on: off must be commanded again
	}
	if r.Boot != "" {
		return r.Boot == n.Last.Boot
	}
	if n.PowerOn != nil && t.s.returners() {
		// What is not on yet has no later life: dlm asks again for the one that is over (R27), and a second off would only delay its return.
		return n.Life == n.Last.Incarnation || t.s.IsOver(n.Life)
	}
	return (n.Life == n.Last.Incarnation || t.s.IsOver(n.Life)) && n.PowerOn == nil && (n.OffHeld || r.Action == fence.ActionReboot)
}

// proven reports whether the very life that a request names was proven over while a later one of its node is there or is a victim itself (R29). The
// later one is not touched: it was not named. Who wants it held off names it. A program was released from a life that was cut, and waits for no more
// of it once that is over (R18).
func (s *State) proven(n *Node, r Request) bool {
	if s.Feature < FeatureNamed || r.Boot == "" || r.Action != fence.ActionReboot || n.Last == nil || n.Last.Boot != r.Boot || n.Last.Unknown() {
		return false
	}
	wasCut := n.Last.Kind == fence.VerdictCut && !s.IsCut(n.Last.Incarnation) && r.Cause == fence.CauseReported
	return (n.Last.Evidence.Kind == fence.EvidencePowerOff || wasCut) && (n.Victim != nil || n.Instance != "")
}

// requestOn makes a power-on obligation for a node that is held off.
func (t *turn) requestOn(n *Node, r Request) error {
	switch {
	case n.Victim != nil:
		return errors.New("the node has an open victim (V5)")
	case n.Instance != "":
		return errors.New("the node is in the view: it runs")
	case n.Drill != nil:
		return errors.New("the node is being drilled: it is powered on by that")
	case n.OffHeld && !r.byPerson() && t.s.Feature >= FeatureHold:
		return errors.New("the node is held off: only a person switches it on, by fenced on (0082)")
	case n.PowerOn == nil && t.s.Disarming() && !r.Force:
		return ErrDisarming
	}
	if t.restored(n, r) {
		return nil
	}
	if n.PowerOn == nil {
		n.PowerOn = t.powerOn(n, r)
	}
	n.OffHeld = false
	n.PowerOn.Force = n.PowerOn.Force || r.Force
	n.PowerOn.Named = n.PowerOn.Named || t.names(r)
	t.askedNow(r.Cause, &n.PowerOn.AskedAt)
	t.emit(Event{Kind: EventRequest, Node: n.ID, Life: n.PowerOn.For, Request: r.ID, On: true, Text: r.By + ": " + r.Reason})
	return nil
}

// byPerson reports whether a person asks: neither a program, which does not know of holds, nor one of two nodes for what it switched off itself.
func (r Request) byPerson() bool { return r.Cause == fence.CauseOperator && r.By != ByItself }

// powerOn is the obligation to switch a node on: at the level that its last verdict rests on, or at all of them.
func (t *turn) powerOn(n *Node, r Request) *PowerOn {
	p := &PowerOn{ID: t.number(), For: n.Life, Force: r.Force}
	if p.For.Zero() { // nobody has seen it yet, and the walk must know whose node it is
		p.For = fence.UnknownLife(n.ID, t.s.Generation)
	}
	if n.Last != nil {
		p.For, p.Level = n.Last.Incarnation, n.Last.Evidence.Level
		if n.Last.Kind == fence.VerdictCut {
			p.Level = allLevels // that level switches no power
		}
	}
	return p
}

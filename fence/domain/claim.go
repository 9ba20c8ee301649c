package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// claim gives one eligible member the right to act (R7, R8). The log's order decides between two that ask.
// Kept for R7: S5.11, I5.
func (t *turn) claim(e ClaimEntry) error {
	if err := t.quorate(); err != nil {
		return err
	}
	if _, err := t.present(); err != nil {
		return err
	}
	n, err := t.node(e.Node)
	if err != nil {
		return err
	}
	actor, itself := t.by.Node, t.itself(n, e) // who opens its own ways is no member yet: claimUnfence judges whether it may (0099)
	switch {
	case !itself && !t.s.Eligible(actor):
		return fmt.Errorf("%s is not eligible (R8)", t.name(actor))
	case !itself && actor == e.Node:
		return errors.New("nobody fences itself remotely (V7)")
	case e.Number != n.NextClaim:
		return fmt.Errorf("claim number %d was asked, the next is %d (R7)", e.Number, n.NextClaim)
	case e.DurationMS <= 0 || e.DurationMS > maxClaimMS:
		return fmt.Errorf("claim duration %d ms is out of bounds", e.DurationMS)
	}
	switch {
	case e.Drill:
		return t.claimDrill(n, e)
	case e.Unfence:
		return t.claimUnfence(n, e)
	case e.On:
		return t.claimOn(n, e)
	}
	return t.claimOff(n, e)
}

// maxClaimMS bounds a claim: a level that waits for a human or a watchdog is asked again under a new claim.
const maxClaimMS = 24 * 60 * 60 * 1000

// OnInFlight reports whether a power-on of an ended claim may still take effect: only an off may overlap with a later claim (I5).
func OnInFlight(n *Node) bool {
	return slices.ContainsFunc(n.Unquiet, func(c Claim) bool { return c.On })
}

func (t *turn) claimOff(n *Node, e ClaimEntry) error {
	v := n.Victim
	switch {
	case v == nil || v.Boot != e.Boot:
		return fmt.Errorf("%s has no victim of boot %s", t.name(n.ID), fence.ShortBoot(e.Boot))
	case v.Claim != nil:
		return fmt.Errorf("claim %d by %s is active (V4)", v.Claim.Number, t.name(v.Claim.Actor.Node))
	case n.Reborn():
		return errors.New("a clean later life of the same machine waits for admission (R2)")
	case OnInFlight(n):
		return errors.New("a power-on of an earlier claim may still be in flight (I5)")
	case t.s.MayFence(n) != nil:
		return t.s.MayFence(n)
	case v.Cause != fence.CauseOperator && t.s.activeClaims() >= t.s.Roster.Policy.MaxConcurrent:
		return fmt.Errorf("%d operations are active (R21)", t.s.activeClaims())
	case len(n.Unquiet) >= maxUnquiet:
		return fmt.Errorf("%d claims may still have something in flight (R9)", len(n.Unquiet))
	}
	if err := t.voter(n, e); err != nil {
		return err
	}
	if err := t.turnOf(v.Tried, e.Again); err != nil {
		return err
	}
	if err := t.brake(v, e); err != nil {
		return err
	}
	v.Claim = t.grant(n, e)
	if v.First == 0 {
		v.First = e.Number
	}
	t.emit(Event{Kind: EventClaim, Node: n.ID, Life: v.Incarnation, Claim: e.Number, Actor: t.by.Node, Cause: v.Cause})
	return nil
}

// brake limits how many victims that still answer are claimed within its window: each may be a false detection (R21). It counts victims, not
// attempts, and whoever claimed them: members that each count for themselves claim more together than they may. An operator exceeds it by name.
// Kept for R21: S0.9, V13.
func (t *turn) brake(v *Victim, e ClaimEntry) error {
	if !e.Answers || t.s.Braked(v.Incarnation) {
		return nil
	}
	if limit := t.s.BrakeLimit(); len(t.s.Answering) >= limit && !v.Named && !v.Force {
		return fmt.Errorf("it still answers, and %d victims that still answered were claimed lately, at most %d may be (R21)", len(t.s.Answering), limit)
	}
	if len(t.s.Answering) < len(t.s.Nodes) { // as many as there can be at once; by name there may be more in one window, and one more changes nothing
		t.s.Answering = append(t.s.Answering, v.Incarnation)
	}
	return nil
}

// Braked reports whether this victim is counted by the brake.
func (s *State) Braked(life fence.Incarnation) bool { return slices.Contains(s.Answering, life) }

// BrakeLimit is how many victims that still answer may be claimed within the window (R21).
func (s *State) BrakeLimit() int { return max(1, len(s.View.Members)/4) }

// window takes a victim from the brake's count once its window is over by a clean member's own timer (R21).
func (t *turn) window(w Window) error {
	if _, err := t.present(); err != nil {
		return err
	}
	if !t.s.Clean(t.by.Node) {
		return fmt.Errorf("%s is no clean member", t.name(t.by.Node))
	}
	i := slices.Index(t.s.Answering, w.Life)
	if i < 0 {
		return fmt.Errorf("the brake does not count %s", w.Life)
	}
	t.s.Answering = slices.Delete(t.s.Answering, i, i+1)
	return nil
}

// claimOn is the claim on a power-on obligation: only when nothing of an earlier claim is in flight (R9, V5).
func (t *turn) claimOn(n *Node, e ClaimEntry) error {
	p := n.PowerOn
	switch {
	case p == nil || p.For.Boot != e.Boot:
		return fmt.Errorf("%s has no power-on obligation for boot %s", t.name(n.ID), fence.ShortBoot(e.Boot))
	case p.Claim != nil:
		return fmt.Errorf("claim %d by %s is active (V4)", p.Claim.Number, t.name(p.Claim.Actor.Node))
	case n.Cut != nil && n.Cut.Claim != nil:
		return fmt.Errorf("claim %d by %s is active (V4)", n.Cut.Claim.Number, t.name(n.Cut.Claim.Actor.Node))
	case n.Victim != nil:
		return errors.New("the node has an open victim (V5)")
	case t.s.MayPowerOn(n) != nil:
		return t.s.MayPowerOn(n)
	case len(n.Unquiet) > 0:
		return fmt.Errorf("claim %d may still have something in flight (R9)", n.Unquiet[0].Number)
	case t.s.Unfences(n):
		return errors.New("it runs, and its new life waits until its ways are open again (R18)")
	}
	if err := t.turnOf(p.Tried, e.Again); err != nil {
		return err
	}
	p.Claim = t.grant(n, e)
	t.emit(Event{Kind: EventClaim, Node: n.ID, Life: p.For, Claim: e.Number, Actor: t.by.Node, On: true})
	return nil
}

// turnOf puts an actor whose walk failed behind everyone eligible who has not tried in this round (R8), unless it waited for them in vain:
// a member whose loop hangs must not block the others for ever.
func (t *turn) turnOf(tried []fence.NodeID, again bool) error {
	if again || !slices.Contains(tried, t.by.Node) {
		return nil
	}
	if id := t.s.untried(tried); id != 0 {
		return fmt.Errorf("%s tried in this round, it is the turn of %s (R8)", t.name(t.by.Node), t.name(id))
	}
	return nil
}

// untried is the first in rank order of those who may claim and have not tried, 0 where all have: whoever is found first ends the search.
func (s *State) untried(tried []fence.NodeID) fence.NodeID {
	for i := range s.Nodes {
		if id := s.Nodes[i].ID; !slices.Contains(tried, id) && s.Eligible(id) {
			return id
		}
	}
	return 0
}

func (t *turn) grant(n *Node, e ClaimEntry) *Claim {
	n.NextClaim++
	return &Claim{
		Number: e.Number, Boot: e.Boot, Actor: t.by, Index: t.index, On: e.On,
		DurationMS: e.DurationMS, EffectMS: t.s.effectMS(n.ID), Answers: e.Answers,
	}
}

// effectMS is the longest effect time of all devices in a node's levels (R9).
func (s *State) effectMS(id fence.NodeID) int64 {
	r, _ := s.Roster.Node(id)
	var longest int64
	for _, l := range r.Levels {
		for _, step := range l.Steps {
			if d, ok := s.Roster.Device(step.Device); ok {
				longest = max(longest, d.EffectMS)
			}
		}
	}
	return longest
}

func (s *State) activeClaims() int {
	c := 0
	s.matters(func(n *Node) bool {
		if n.Victim != nil && n.Victim.Claim != nil {
			c++
		}
		return true
	})
	return c
}

// claimEnd ends an active claim without a verdict: the actor's walk failed, or anyone saw its duration pass (R8).
func (t *turn) claimEnd(e ClaimEnd) error {
	if _, err := t.present(); err != nil {
		return err
	}
	n, err := t.node(e.Node)
	if err != nil {
		return err
	}
	if err := checkAttempts(e.Attempts, e.Text); err != nil {
		return err
	}
	if c := n.drillClaim(); c != nil && c.Number == e.Number {
		return t.drillExpired(n, e)
	}
	slot, tried, round, life := t.slot(n, e.Number)
	if slot == nil {
		return fmt.Errorf("claim %d on %s is not active (R7)", e.Number, t.name(n.ID))
	}
	c := **slot
	if !e.Expired && c.Actor != t.by {
		return fmt.Errorf("only its actor may end claim %d", e.Number)
	}
	if e.Expired && !t.s.Clean(t.by.Node) {
		return fmt.Errorf("%s is no clean member", t.name(t.by.Node))
	}
	*slot = nil
	if !e.Quiet || e.Expired {
		n.Unquiet = append(n.Unquiet, c)
	}
	switch {
	case c.On:
	case e.Expired:
		t.switchedAny(n)
	default:
		t.switched(n, e.Switched)
	}
	t.failedFor(n, tried, round, c)
	t.emit(Event{Kind: EventClaimEnd, Node: n.ID, Life: life, Claim: c.Number, Actor: c.Actor.Node, On: c.On, Attempts: e.Attempts, Text: e.Text})
	t.vouched(n)
	t.settle(n)
	return nil
}

// failed notes that an actor's walk failed; when everyone eligible has tried, a new round begins.
func (t *turn) failed(tried *[]fence.NodeID, round *int, actor fence.NodeID) {
	if !slices.Contains(*tried, actor) {
		*tried = append(*tried, actor)
	}
	if t.s.untried(*tried) != 0 {
		return
	}
	*tried = nil
	*round++
}

// failedFor is failed for a claim on a node: where only the node itself may try, its failure is a full round.
func (t *turn) failedFor(n *Node, tried *[]fence.NodeID, round *int, c Claim) {
	if c.Actor.Node != n.ID {
		t.failed(tried, round, c.Actor.Node)
		return
	}
	*tried = nil
	*round++
}

// slot finds where the active claim with this number lives: at the victim or at the power-on obligation.
func (t *turn) slot(n *Node, number uint64) (claim **Claim, tried *[]fence.NodeID, round *int, life fence.Incarnation) {
	if v := n.Victim; v != nil && v.Claim != nil && v.Claim.Number == number {
		return &v.Claim, &v.Tried, &v.Round, v.Incarnation
	}
	if p := n.PowerOn; p != nil && p.Claim != nil && p.Claim.Number == number {
		return &p.Claim, &p.Tried, &p.Round, p.For
	}
	if c := n.Cut; c != nil && c.Claim != nil && c.Claim.Number == number {
		return &c.Claim, &c.Tried, &c.Round, n.Life
	}
	return nil, nil, nil, fence.Incarnation{}
}

// returned takes an ended claim from the list of those that may still have something in flight (R9).
func (t *turn) returned(e Returned) error {
	if _, err := t.present(); err != nil {
		return err
	}
	n, err := t.node(e.Node)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(n.Unquiet, func(c Claim) bool { return c.Number == e.Number })
	if i < 0 {
		return fmt.Errorf("claim %d on %s is not waited for", e.Number, t.name(n.ID))
	}
	if !e.Elapsed && n.Unquiet[i].Actor != t.by {
		return fmt.Errorf("only its actor knows that claim %d returned", e.Number)
	}
	n.Unquiet = slices.Delete(n.Unquiet, i, i+1)
	t.settle(n)
	return nil
}

func checkAttempts(as []Attempt, text string) error {
	if len(as) > MaxAttempts {
		return fmt.Errorf("%d attempts, at most %d are allowed", len(as), MaxAttempts)
	}
	texts := []string{text}
	for _, a := range as {
		texts = append(texts, a.Text, a.Result, a.Device, a.Login)
	}
	return checkTexts(texts...)
}

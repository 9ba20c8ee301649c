package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// A cut ends no life: it closes the ways of a machine to what is shared, and the life goes on behind them (R18). So a cut life stays what it was
// when it was cut, for as long as it lasts: it is never admitted, and a stronger verdict on it stays possible. What was closed is opened again only
// for a new boot with a clean scan, by a claim of its own, before that life is admitted (V11, 0079).

// FeatureCut is the feature level from which there are cuts (R11).
const FeatureCut = 3

// Cut is what claims have closed of a node's ways to what is shared, or may have, and nobody has opened again.
type Cut struct {
	// ID is the operation that closed it.
	ID uint64 `json:"id"`
	// Life has the verdict cut, on Machine; zero where only claims that failed have closed something.
	Life    fence.Incarnation `json:"life,omitzero"`
	Machine fence.Machine     `json:"machine,omitzero"`
	// Shared is what that life had announced that it uses, Verdict its verdict.
	Shared  []string       `json:"shared,omitempty"`
	Verdict *fence.Verdict `json:"verdict,omitempty"`
	// Over: that life is proven over since, by more than a cut.
	Over bool `json:"over,omitempty"`
	// Owed: nobody has closed anything, but the boot has to open its own ways before it is admitted (0099).
	Owed bool `json:"owed,omitempty"`
	// Steps are what may be closed, in the order of the levels.
	Steps []fence.Step `json:"steps"`
	// Force: an operator asked for it, at the index AskedAt; it is carried out also while disarmed.
	Force   bool           `json:"force,omitempty"`
	AskedAt uint64         `json:"asked_at,omitempty"`
	Claim   *Claim         `json:"claim,omitempty"`
	Tried   []fence.NodeID `json:"tried,omitempty"`
	Round   int            `json:"round"`
}

// IsCut reports whether this very life has the verdict cut and nothing has proven it over since: it may run, and be heard.
func (s *State) IsCut(life fence.Incarnation) bool {
	n := s.Node(life.Node)
	return n != nil && n.lives() && n.Cut.Life == life
}

// lives reports whether a cut life of this node may go on.
func (n *Node) lives() bool { return n.Cut != nil && !n.Cut.Life.Zero() && !n.Cut.Over }

// judgeCut adds to a judge what evidence of a cut is judged by.
func (s *State) judgeCut(n *Node, j *fence.Judge) {
	if s.Feature < FeatureCut || n.Victim == nil {
		return
	}
	r, _ := s.Roster.Node(n.ID)
	j.Cuts, j.Announced, j.Uses, j.Shared, j.Home = true, n.Victim.Shared, r.Shared, s.Roster.Shared, n.Machine
	j.Rewired = n.Victim.Rewired
	cut := s.IsCut(n.Victim.Incarnation)
	j.IsCut = cut && n.Victim.Cause != fence.CauseStartup // after a cold start it is to be read anew that its ways are closed (R10)
	if n.lives() && !cut {
		j.CutLife = n.Cut.Life
	}
}

// closed remembers steps that an operation on this node closed, or may have.
func (t *turn) closed(n *Node, operation uint64, steps []fence.Step) {
	if len(steps) == 0 || t.s.Feature < FeatureCut {
		return
	}
	c := Cut{ID: operation}
	if n.Cut != nil {
		c = *n.Cut
	}
	c.Steps, c.Owed = slices.Clone(c.Steps), false
	for _, s := range steps {
		if !slices.Contains(c.Steps, s) {
			c.Steps = append(c.Steps, s)
		}
	}
	n.Cut = &c
}

// cutSteps are the steps of a level that close a way to what is shared.
func (s *State) cutSteps(l fence.Level) []fence.Step {
	var out []fence.Step
	for _, st := range l.Steps {
		if d, ok := s.Roster.Device(st.Device); ok && d.Kind == fence.KindStorage {
			out = append(out, st)
		}
	}
	return out
}

// cutBy remembers a verdict cut.
func (n *Node) cutBy(v *Victim, verdict fence.Verdict) {
	n.Cut.ID, n.Cut.Life, n.Cut.Machine, n.Cut.Over = v.ID, v.Incarnation, v.Machine, false
	n.Cut.Shared, n.Cut.Verdict = v.Shared, &verdict
}

// unasked ends what an operator asked about the ways of a node: he asked for the life that was there.
func (n *Node) unasked() {
	if n.Cut != nil {
		n.Cut.Force, n.Cut.AskedAt, n.Cut.Tried, n.Cut.Round = false, 0, nil, 0
	}
}

// meant is the life of a node that a request by its name means: a cut one that may go on is meant too, for a stronger proof (R18).
func (s *State) meant(n *Node) fence.Incarnation {
	if n.Life.Boot == "" || s.IsOver(n.Life) && !s.IsCut(n.Life) {
		return fence.UnknownLife(n.ID, s.Generation)
	}
	return n.Life
}

// meansCut reports whether a request means the cut life: it names it, or it is an operator's for a node whose new boot waits only for the end of that
// one, as a guest's does. His reboot ends both.
func (s *State) meansCut(n *Node, r Request) bool {
	named := r.Boot != "" && s.IsCut(fence.Incarnation{Node: n.ID, Boot: r.Boot})
	return named || r.Boot == "" && r.Cause == fence.CauseOperator && n.lives() && n.Pending != nil && s.MayUnfence(n) != nil
}

// cutSatisfies reports whether a program asks for a life that is cut off already: what it waits for was said (R29).
func (s *State) cutSatisfies(n *Node, r Request) bool {
	return r.Cause == fence.CauseReported && r.Action == fence.ActionReboot && n.lives() && n.Cut.Verdict != nil &&
		(r.Boot == "" && n.Life == n.Cut.Life || r.Boot == n.Cut.Life.Boot)
}

// outlived notes that a cut life is over, by a verdict on that very life that is more than a cut, or by one that ended whatever ran on its machine.
func (n *Node) outlived(v fence.Verdict, victim *Victim) {
	if !n.lives() || v.Kind == fence.VerdictCut {
		return
	}
	kind := v.Evidence.Kind
	whole := (kind == fence.EvidencePowerOff || kind == fence.EvidenceBootChanged) && victim.Machine.Same(n.Cut.Machine)
	if v.Incarnation == n.Cut.Life || whole {
		c := *n.Cut
		c.Over = true
		n.Cut = &c
	}
}

// MayUnfence says why the ways of a node stay closed now, nil if they may be opened: only for a life that is no cut one, that has announced itself
// clean, on a machine of which the cut life is over (R2, R18, V11).
func (s *State) MayUnfence(n *Node) error {
	name, c := s.Roster.Name(n.ID), n.Cut
	machine := n.Machine
	if n.Pending != nil {
		machine = n.Pending.Machine
	}
	switch {
	case n.Victim != nil:
		return fmt.Errorf("%s has an open victim (V5)", name)
	case n.Instance == "" || s.IsOver(n.Life) || n.Phase != PhaseMember && n.Pending == nil:
		return fmt.Errorf("%s has no new boot that announced itself clean: its ways stay closed (R18, V11)", name)
	case n.lives() && (n.Life == c.Life || machine.Virtual || c.Machine.Virtual || !machine.Same(c.Machine)):
		return fmt.Errorf("a new boot does not prove that %s is over: it needs a reset, off or an acknowledgement first (R2)", c.Life)
	}
	return nil
}

// Unfences reports whether a pending life of this node waits until its ways are open again, and they may be opened.
func (s *State) Unfences(n *Node) bool {
	return n.Cut != nil && n.Pending != nil && len(n.Cut.Steps) > 0 && s.MayUnfence(n) == nil
}

// required notes what the pending life has to open itself (owes), and reports whether it waits until its ways are open (required unfencing). Where nothing of them is configured any more,
// and the cut life is over, nothing is left to open. Who resumes was a member as it is: a disk that does not answer must not make it late, and a victim (R26).
func (t *turn) required(n *Node) bool {
	if n.resumes(*n.Pending) {
		return false
	}
	t.owes(n)
	if n.Cut == nil {
		return false
	}
	if len(n.Cut.Steps) == 0 && t.s.MayUnfence(n) == nil {
		n.Cut = nil
	}
	return n.Cut != nil
}

// claimUnfence gives one member the right to open the ways of a node again (R9, R18, V11).
func (t *turn) claimUnfence(n *Node, e ClaimEntry) error {
	if t.s.Feature < FeatureCut {
		return fmt.Errorf("unfencing needs feature level %d, the committed one is %d (R11)", FeatureCut, t.s.Feature)
	}
	c := n.Cut
	switch {
	case c == nil || len(c.Steps) == 0 || n.Life.Boot != e.Boot:
		return fmt.Errorf("nothing is closed to boot %s of %s", fence.ShortBoot(e.Boot), t.name(n.ID))
	case c.Claim != nil:
		return fmt.Errorf("claim %d by %s is active (V4)", c.Claim.Number, t.name(c.Claim.Actor.Node))
	case n.PowerOn != nil && n.PowerOn.Claim != nil:
		return fmt.Errorf("claim %d by %s is active (V4)", n.PowerOn.Claim.Number, t.name(n.PowerOn.Claim.Actor.Node))
	case n.Drill != nil && (n.Drill.Claim != nil || n.Drill.Life == n.Life): // a later life opens its ways: the drill waits until it is admitted
		return errors.New("the node is being drilled")
	case t.s.MayOpen(n) != nil:
		return t.s.MayOpen(n)
	case len(n.Unquiet) > 0:
		return fmt.Errorf("claim %d may still have something in flight (R9)", n.Unquiet[0].Number)
	}
	if err := errors.Join(t.s.MayUnfence(n), t.whoOpens(n), t.turnOf(c.Tried, e.Again)); err != nil {
		return err
	}
	c.Claim = t.grant(n, e)
	c.Claim.On, c.Claim.Unfence = true, true
	t.emit(Event{Kind: EventClaim, Node: n.ID, Life: n.Life, Operation: c.ID, Claim: e.Number, Actor: t.by.Node, On: true})
	return nil
}

// unfenced ends a claim to open the ways of a node. Where they are open, its life scans and announces itself anew: what came into reach only now
// may have left something behind (V11).
func (t *turn) unfenced(n *Node, e PowerDone) {
	c := n.Cut
	claim := *c.Claim
	c.Claim = nil
	if !e.Quiet {
		n.Unquiet = append(n.Unquiet, claim)
	}
	switch {
	case !e.OK:
		t.failedFor(n, &c.Tried, &c.Round, claim)
	default:
		if claim.Own() {
			n.opened(c.Steps)
		}
		if c.Steps, c.Tried, c.Round = t.s.left(n, claim), nil, 0; len(c.Steps) > 0 {
			break // what is left only the node itself opens, or only others do
		}
		n.Cut = nil
		if n.Pending != nil {
			n.again(t.index)
		}
	}
	t.emit(Event{Kind: EventUnfence, Node: n.ID, Life: n.Life, Operation: c.ID, Claim: claim.Number, Actor: claim.Actor.Node, On: e.OK, Attempts: e.Attempts, Text: e.Text})
	t.settle(n)
}

// stopUnfence ends an active claim to open the ways of a node; what it asked for may still take effect (R9).
func (t *turn) stopUnfence(n *Node, kind EventKind, why string) {
	if n.Cut == nil || n.Cut.Claim == nil {
		return
	}
	c := *n.Cut.Claim
	n.Cut.Claim = nil
	n.Unquiet = append(n.Unquiet, c)
	t.emit(Event{Kind: kind, Node: n.ID, Life: fence.Incarnation{Node: n.ID, Boot: c.Boot}, Operation: n.Cut.ID, Claim: c.Number, Actor: c.Actor.Node, On: true, Text: why})
}

// unfenceOrphan ends a claim to open the ways of a node whose actor, or the life that it was for, is not there any more.
func (t *turn) unfenceOrphan(n *Node) {
	if n.Cut == nil || n.Cut.Claim == nil {
		return
	}
	kind, why := t.lost(n.Cut.Claim, n.Cut.Force)
	switch may := t.s.MayUnfence(n); {
	case why != "":
	case n.Life.Boot != n.Cut.Claim.Boot:
		kind, why = EventCanceled, "the life that it was for is gone"
	case may != nil:
		kind, why = EventCanceled, may.Error()
	}
	if why != "" {
		t.stopUnfence(n, kind, why)
	}
}

// requestUnfence is an operator's wish that a node's ways be open (R18). It changes no rule: it is refused where they must stay closed, it repeats
// what failed, is carried out also while disarmed if forced, and opens what nobody here remembers to have closed.
func (t *turn) requestUnfence(n *Node, r Request) error {
	if t.s.Feature < FeatureCut {
		return fmt.Errorf("unfencing needs feature level %d, the committed one is %d (R11)", FeatureCut, t.s.Feature)
	}
	if err := t.s.MayUnfence(n); err != nil {
		return err
	}
	if n.Drill != nil {
		return errors.New("the node is being drilled")
	}
	rn, _ := t.s.Roster.Node(n.ID)
	var all []fence.Step
	for _, l := range rn.Levels {
		all = append(all, t.s.cutSteps(l)...)
	}
	cuts := len(all) > 0
	if n.Pending == nil { // what it would have to open itself it opens in no boot in which it was admitted
		all = slices.DeleteFunc(all, t.s.onTarget)
	}
	switch {
	case cuts && len(all) == 0:
		return fmt.Errorf("%s registers itself once in each boot, before it is admitted: `fenced reboot %s` lets it do so again (V11)", t.name(n.ID), t.name(n.ID))
	case len(all) == 0:
		return fmt.Errorf("%w: no level of %s cuts storage", fence.ErrNoCut, t.name(n.ID))
	case n.Cut == nil || n.Cut.Claim == nil: // what is being opened now is told as a whole at its end
		owed := n.Cut != nil && n.Cut.Owed
		t.closed(n, 0, all)
		others, _ := t.s.ToOpen(n)
		n.Cut.ID, n.Cut.Owed = t.number(), owed && len(others) == 0 // to ask closes nothing
	}
	n.Cut.Force, n.Cut.Tried, n.Cut.Round = n.Cut.Force || r.Force, nil, 0
	t.askedNow(r.Cause, &n.Cut.AskedAt)
	t.emit(Event{Kind: EventRequest, Node: n.ID, Life: n.Life, Operation: n.Cut.ID, Request: r.ID, On: true, Text: r.By + ": " + r.Reason})
	return nil
}

// cutsKnown refuses a roster with words of cuts where not everybody knows them (R11).
func (t *turn) cutsKnown(r fence.Roster) error {
	says := len(r.Shared) > 0 || slices.ContainsFunc(r.Nodes, func(n fence.RosterNode) bool { return len(n.Shared) > 0 }) ||
		slices.ContainsFunc(r.Devices, func(d fence.Device) bool { return d.Accepted })
	if says && t.s.Feature < FeatureCut && t.s.Roster.Version > 0 {
		return fmt.Errorf("shared and accept_mapping need feature level %d, the committed one is %d (R11)", FeatureCut, t.s.Feature)
	}
	if t.s.Feature < FeatureOwn && t.s.Roster.Version > 0 && slices.ContainsFunc(r.Devices, func(d fence.Device) bool { return d.OnTarget }) {
		return fmt.Errorf("on_target needs feature level %d, the committed one is %d (R11)", FeatureOwn, t.s.Feature)
	}
	return nil
}

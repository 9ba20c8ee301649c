package domain

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/fenced-project/fenced/fence"
)

// verdict judges the actor's evidence again, from committed state, and ends the victim (R6, R7, R16). A verdict is valid if its claim is
// active, its actor a member, the current view quorate.
func (t *turn) verdict(p Proof) error {
	if err := t.quorate(); err != nil {
		return err
	}
	if _, err := t.present(); err != nil {
		return err
	}
	n, err := t.node(p.Node)
	if err != nil {
		return err
	}
	v := n.Victim
	switch {
	case v == nil || v.Boot != p.Boot:
		return fmt.Errorf("%s has no victim of boot %s", t.name(n.ID), fence.ShortBoot(p.Boot))
	case v.Claim == nil:
		return errors.New("no claim is active (R7)")
	case v.Claim.Actor != t.by:
		return fmt.Errorf("claim %d belongs to %s (R7)", v.Claim.Number, t.name(v.Claim.Actor.Node))
	case !t.s.Clean(t.by.Node):
		return fmt.Errorf("%s is no clean member (R7)", t.name(t.by.Node))
	}
	if err := checkAttempts(p.Attempts, ""); err != nil {
		return err
	}
	if err := fence.Admissible(v.Victim, p.Evidence, t.s.judgeOf(n, p.Evidence)); err != nil {
		return err
	}
	kind := fence.VerdictReset
	switch {
	case p.Evidence.Kind == fence.EvidenceStorageCut:
		kind = fence.VerdictCut
	case v.Action == fence.ActionOff:
		kind = fence.VerdictOff
	}
	verdict := fence.Verdict{Incarnation: v.Incarnation, Kind: kind, Claim: v.Claim.Number, Actor: t.by.Node, Index: t.index, Evidence: p.Evidence}
	claim, cause, action, first, force, restore := *v.Claim, v.Cause, v.Action, v.First, v.Force, v.Restore
	named := v.Named && t.s.Feature >= FeaturePause
	t.switched(n, p.Switched)
	if kind == fence.VerdictCut {
		r, _ := t.s.Roster.Node(n.ID)
		t.closed(n, v.ID, t.s.cutSteps(r.Levels[p.Evidence.Level]))
		n.cutBy(v, verdict)
	}
	elsewhere := n.Foreign != nil // what is there now runs on another machine than the one that was read off
	t.resolve(n, verdict, p.Attempts, p.Times)
	if !p.Quiet {
		n.Unquiet = append(n.Unquiet, claim)
	}
	if kind != fence.VerdictCut && !elsewhere && n.LifeIndex != 0 && n.LifeIndex < claim.Index {
		t.end(n, n.Life.Boot) // a life seen before the claim ran on the machine that was read off
	}
	t.speakAnew(n)
	switch {
	case restore && action != fence.ActionOff:
		n.PowerOn = &PowerOn{ID: n.LastOperation, For: v.Incarnation, Level: allLevels, Force: true}
	case kind == fence.VerdictCut && action != fence.ActionOff && len(n.Switched) > 0:
		n.PowerOn = &PowerOn{ID: n.LastOperation, For: v.Incarnation, Level: n.Switched[0], Force: force} // a level that failed may have switched it off (R9)
	case p.Evidence.Kind != fence.EvidencePowerOff:
	case action == fence.ActionOff:
		t.keep(n, v.Incarnation)
	case cause == fence.CauseStartup && claim.Number == first && p.Evidence.FirstReadOff():
		// it was off already: a node that nobody knew is not powered on (R10)
	default:
		n.PowerOn = &PowerOn{ID: n.LastOperation, For: v.Incarnation, Level: p.Evidence.Level, Force: force, Named: named}
	}
	t.settle(n) // a life that proves nothing by itself (a virtual machine's) waited for this
	return nil
}

// allLevels is the level of a power-on that goes to the devices of all of them: another one than that of the proof may have switched off too.
const allLevels = -1

// resolve ends a victim with a verdict and releases it.
func (t *turn) resolve(n *Node, v fence.Verdict, as []Attempt, times Times) {
	victim := n.Victim
	n.Victim = nil
	n.Last, n.LastOperation = &v, victim.ID
	n.outlived(v, victim)
	t.end(n, v.Boot)
	if n.Life == v.Incarnation {
		n.Stateful = false
		n.Phase = PhaseAbsent
	}
	if n.Instance != "" && !t.s.IsOver(n.Life) && n.Pending == nil {
		n.again(t.index) // the life that is here now may announce itself again
	}
	var request string
	if len(victim.Requests) > 0 {
		request = victim.Requests[0].ID
	}
	e := Event{Kind: EventVerdict, Node: n.ID, Life: v.Incarnation, Claim: v.Claim, Actor: v.Actor, Operation: victim.ID, Cause: victim.Cause, Verdict: n.Last, Request: request, Attempts: as, Times: times}
	t.emit(e)
	e.Kind, e.Attempts = EventRelease, nil
	t.emit(e)
}

// again lets the daemon that is in the view announce itself anew, after a new scan.
func (n *Node) again(index uint64) {
	n.Phase, n.Roster, n.Why, n.Pending, n.Foreign, n.Arrived = PhaseJoining, "", "", nil, nil, index
}

// end remembers that a boot of this node is over.
func (t *turn) end(n *Node, boot string) {
	if boot == "" || (fence.Incarnation{Boot: boot}).Unknown() || slices.Contains(n.Ended, boot) {
		return
	}
	n.Ended = append(n.Ended, boot)
	if len(n.Ended) > maxEnded {
		n.Ended = slices.Delete(n.Ended, 0, len(n.Ended)-maxEnded)
	}
	if n.Life.Boot == boot {
		n.Pending = nil
		if n.Phase != PhaseLeft {
			n.Phase = PhaseAbsent
		}
	}
}

// ack ends a victim on a human's word: this node, this life, a reason, never a life that is in the view.
// Kept for R19: S2.9, V9.
func (t *turn) ack(a Ack) error {
	if err := t.quorate(); err != nil {
		return err
	}
	if _, err := t.present(); err != nil {
		return err
	}
	n, err := t.node(a.Node)
	if err != nil {
		return err
	}
	if err := checkTexts(a.By, a.Reason); err != nil {
		return err
	}
	v := n.Victim
	switch {
	case v == nil:
		return fmt.Errorf("%s has no open victim", t.name(n.ID))
	case v.Boot != a.Boot:
		return fmt.Errorf("the victim is boot %s, the acknowledgement names %s", fence.ShortBoot(v.Boot), fence.ShortBoot(a.Boot))
	case n.Instance != "" && !t.s.earlier(n):
		return fmt.Errorf("%s is in the view: a member is never acknowledged (R19)", t.name(n.ID))
	case a.Reason == "" || a.By == "":
		return errors.New("an acknowledgement needs a name and a reason (R19)")
	}
	if c := v.Claim; c != nil {
		n.Unquiet = append(n.Unquiet, *c)
		t.switchedAny(n)
		t.emit(Event{Kind: EventCanceled, Node: n.ID, Life: v.Incarnation, Claim: c.Number, Actor: c.Actor.Node, Text: "acknowledged by an operator"})
		v.Claim = nil
	}
	t.emit(Event{Kind: EventAck, Node: n.ID, Life: v.Incarnation, Text: a.By + ": " + a.Reason})
	t.resolve(n, fence.Verdict{
		Incarnation: v.Incarnation, Kind: fence.VerdictAcknowledged, Actor: t.by.Node, Index: t.index,
		Evidence: fence.Evidence{Kind: fence.EvidenceOperator, By: a.By, Reason: a.Reason},
	}, nil, Times{})
	t.settle(n) // the later life, if one is there, waited for this
	return nil
}

// powerDone ends a power-on claim.
func (t *turn) powerDone(e PowerDone) error {
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
	if c := n.Cut; c != nil && c.Claim != nil && c.Claim.Number == e.Number && c.Claim.Actor == t.by {
		t.unfenced(n, e)
		return nil
	}
	p := n.PowerOn
	if p == nil || p.Claim == nil || p.Claim.Number != e.Number || p.Claim.Actor != t.by {
		return fmt.Errorf("power-on claim %d on %s is not active for %s", e.Number, t.name(n.ID), t.name(t.by.Node))
	}
	c := *p.Claim
	p.Claim = nil
	if !e.Quiet {
		n.Unquiet = append(n.Unquiet, c)
	}
	if e.OK {
		t.poweredOn(n)
	} else {
		t.failed(&p.Tried, &p.Round, c.Actor.Node)
	}
	t.emit(Event{Kind: EventPowerOn, Node: n.ID, Life: p.For, Operation: p.ID, Claim: c.Number, Actor: c.Actor.Node, On: e.OK, Attempts: e.Attempts, Text: e.Text})
	t.settle(n)
	return nil
}

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }

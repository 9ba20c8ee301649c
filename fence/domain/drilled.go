package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// claimDrill gives one member the right to cut the drilled node's power.
func (t *turn) claimDrill(n *Node, e ClaimEntry) error {
	d := n.Drill
	switch {
	case d == nil || d.Life.Boot != e.Boot:
		return fmt.Errorf("%s has no drill of boot %s", t.name(n.ID), fence.ShortBoot(e.Boot))
	case d.Claim != nil || d.Evidence != nil:
		return errors.New("the drill is being carried out (V4)")
	case !d.Ready || n.Phase != PhaseLeft || n.Life != d.Life || n.Instance == "":
		return fmt.Errorf("%s has not left, or is not there any more: it may hold state, or its silence says nothing", t.name(n.ID))
	case !e.Answers:
		return fmt.Errorf("%s is not heard: its silence would say nothing", t.name(n.ID))
	case len(t.s.Victims()) > 0:
		return errors.New("a real operation comes first")
	case t.s.Votes(n.ID) < t.s.Quorum():
		return fmt.Errorf("%w: without it the others would not be quorate", fence.ErrUnsafe)
	case len(n.Unquiet) > 0 || n.PowerOn != nil || n.Cut != nil && n.Cut.Claim != nil:
		return errors.New("an earlier operation on it is not over (R9)")
	}
	d.Claim = t.grant(n, e)
	d.Claim.Drill = true
	t.emit(Event{Kind: EventClaim, Node: n.ID, Life: d.Life, Claim: e.Number, Actor: t.by.Node, Cause: fence.CauseOperator})
	return nil
}

// drillOff takes what the actor saw. The evidence is judged by the one function that may, with this drill's own level taken for proven: that is
// what is being found out, and nobody is released by it.
func (t *turn) drillOff(e DrillOff) error {
	if _, err := t.present(); err != nil {
		return err
	}
	n, err := t.node(e.Node)
	if err != nil {
		return err
	}
	c := n.drillClaim()
	if c == nil || c.Number != e.Number || c.Actor != t.by {
		return fmt.Errorf("drill claim %d on %s is not active for %s", e.Number, t.name(n.ID), t.name(t.by.Node))
	}
	if err := errors.Join(checkAttempts(e.Attempts, e.Text), checkPhases(e.Phases)); err != nil {
		return err
	}
	if e.Evidence != nil && t.s.Node(t.by.Node).Outvoted() {
		return fmt.Errorf("%s has another state than the majority: what it read proves nothing (I3)", t.name(t.by.Node))
	}
	d := n.Drill
	if e.Evidence != nil {
		if e.Evidence.Level != d.Level {
			return fmt.Errorf("level %d was to be drilled, the evidence is of level %d", d.Level+1, e.Evidence.Level+1)
		}
		if err := fence.Admissible(d.victim(n), *e.Evidence, t.s.JudgeDrill(n)); err != nil {
			return err
		}
	}
	d.Claim = nil
	if !e.Quiet {
		n.Unquiet = append(n.Unquiet, *c)
	}
	if e.Commanded || e.Evidence != nil {
		t.restore(n)
	}
	ev := Event{Kind: EventDrill, Node: n.ID, Life: d.Life, Claim: c.Number, Actor: t.by.Node, Attempts: e.Attempts, Times: e.Times, Phases: e.Phases, Text: e.Text}
	if e.Evidence == nil {
		t.drillOver(n, ev)
		t.settle(n)
		return nil
	}
	d.Evidence, d.Actor = e.Evidence, t.by
	ev.Step = DrillIsOff
	t.emit(ev)
	t.settle(n)
	return nil
}

// victim is the drilled life in the words in which evidence is judged.
func (d *Drill) victim(n *Node) fence.Victim {
	return fence.Victim{Incarnation: d.Life, Machine: n.Machine, Cause: fence.CauseOperator, Index: d.Index, Action: fence.ActionReboot}
}

// DrillVictim is the life that an open drill is about, for the walk that its actor takes.
func (n *Node) DrillVictim() fence.Victim { return n.Drill.victim(n) }

// JudgeDrill is what evidence of an open drill is judged by: as for a victim, with what the drill tests taken for proven.
func (s *State) JudgeDrill(n *Node) fence.Judge {
	j := s.Judge(n)
	j.Claim = 0
	if c := n.drillClaim(); c != nil {
		j.Claim = c.Number
	}
	if d := n.Drill; d.Level < len(j.Levels) && j.Levels[d.Level].Reach(j.Devices) == d.Reach {
		j.Proven = append(slices.Clone(j.Proven), j.Levels[d.Level].Proofs(j.Devices)...)
	}
	return j
}

// restore obliges the members to switch on again what a drill switched off, also where it was another machine's outlet.
func (t *turn) restore(n *Node) {
	d := n.Drill
	if n.PowerOn == nil {
		n.PowerOn = &PowerOn{ID: d.ID, For: d.Life, Level: d.Level, Force: true, Drill: true}
	}
}

// drillEnd ends a drill before its claim or after its evidence.
func (t *turn) drillEnd(e DrillEnd) error {
	n, err := t.drilled(e.Node, e.Drill)
	if err != nil {
		return err
	}
	if err := errors.Join(checkTexts(e.Text), checkPhases(e.Phases)); err != nil {
		return err
	}
	switch {
	case t.by.Incarnation != n.Drill.Life && !t.s.Clean(t.by.Node):
		return fmt.Errorf("%s is no clean member", t.name(t.by.Node))
	case n.Drill.Claim != nil:
		return errors.New("its actor is at it: only that claim's end ends it (R9)")
	}
	t.drillOver(n, Event{Kind: EventDrill, Node: n.ID, Life: n.Drill.Life, Actor: n.Drill.Actor.Node, Text: e.Text, Phases: e.Phases})
	return nil
}

// mapping ends a drill well. Who proposes it saw the node alive, its power read off, its silence, and its return as a boot that began after that;
// every member checks what the log knows of it (R16 a).
func (t *turn) mapping(m Mapping) error {
	if _, err := t.present(); err != nil {
		return err
	}
	n, err := t.node(m.Node)
	if err != nil {
		return err
	}
	r, _ := t.s.Roster.Node(n.ID)
	devices := t.s.Roster.Devices
	if err := errors.Join(checkTexts(m.Text, m.Mapping), checkPhases(m.Phases)); err != nil {
		return err
	}
	d := n.Drill
	switch {
	case t.s.Feature < FeatureDrill && m.Drill == 0:
		if !slices.ContainsFunc(r.Levels, func(l fence.Level) bool { return slices.Contains(l.Proofs(devices), m.Mapping) }) {
			return fmt.Errorf("no level of %s has this mapping", t.name(n.ID))
		}
		t.proven(n, m.Mapping)
		return nil
	case d == nil || d.ID != m.Drill || d.Reach != m.Mapping:
		return fmt.Errorf("no open drill on %s tests this (R16 a)", t.name(n.ID))
	case d.Level >= len(r.Levels) || r.Levels[d.Level].Reach(devices) != d.Reach:
		return fmt.Errorf("level %d of %s reaches something else now: its devices changed (V6)", d.Level+1, t.name(n.ID))
	case d.Evidence == nil:
		return errors.New("its power was not read off under this drill (R16 b)")
	case d.Actor != t.by:
		return fmt.Errorf("only %s saw it", t.name(d.Actor.Node))
	case t.s.Node(t.by.Node).Outvoted():
		return fmt.Errorf("%s has another state than the majority: what it saw proves nothing (I3)", t.name(t.by.Node))
	case n.Life == d.Life || n.Instance == "" || !t.s.Clean(n.ID):
		return fmt.Errorf("%s is not back as a new clean life: nothing shows that its power was cut", t.name(n.ID))
	}
	for _, p := range d.Evidence.Devices {
		if p.First.Identity.Empty() && p.Final.Identity.Empty() {
			t.proven(n, r.Levels[d.Level].Proof(fence.Step{Device: p.Device, Target: p.Target}, devices))
		}
	}
	t.drillOver(n, Event{Kind: EventDrill, Step: DrillPassed, Node: n.ID, Life: d.Life, Actor: t.by.Node, Text: m.Text, Phases: m.Phases})
	return nil
}

func (t *turn) proven(n *Node, proof string) {
	if !slices.Contains(n.Proven, proof) {
		n.Proven = append(slices.Clone(n.Proven), proof)
	}
}

// drillFailed ends an open drill because something else happened to its node; what it may have switched is switched on again.
func (t *turn) drillFailed(n *Node, why string) {
	d := n.Drill
	if d == nil {
		return
	}
	ev := Event{Kind: EventDrill, Node: n.ID, Life: d.Life, Actor: d.Actor.Node, Text: why}
	if c := d.Claim; c != nil {
		d.Claim = nil
		n.Unquiet = append(n.Unquiet, *c)
		ev.Claim, ev.Actor = c.Number, c.Actor.Node
		t.restore(n)
	}
	t.drillOver(n, ev)
}

// drillOver forgets the drill and keeps what came of it.
func (t *turn) drillOver(n *Node, ev Event) {
	d := n.Drill
	if ev.Step == "" {
		ev.Step = DrillFailed
	}
	ev.Operation = d.ID
	n.LastDrill = &LastDrill{ID: d.ID, Index: t.index, Level: d.Level, Reach: d.Reach, Passed: ev.Step == DrillPassed, Text: ev.Text, Phases: ev.Phases}
	n.Drill = nil
	t.emit(ev)
}

// drillOrphan ends a drill whose actor or node is not there any more: what was seen is in nobody's memory.
func (t *turn) drillOrphan(n *Node) {
	d := n.Drill
	switch {
	case d == nil:
	case d.Claim != nil:
		if _, why := t.lost(d.Claim, true); why != "" {
			t.drillFailed(n, why)
		}
	case d.Evidence != nil:
		if m, ok := t.s.InView(d.Actor.Node); !ok || m != d.Actor || !t.s.Clean(d.Actor.Node) {
			t.drillFailed(n, "who saw its power cut is gone: nothing is proven")
		} else if t.s.Node(d.Actor.Node).Outvoted() {
			t.drillFailed(n, "who saw its power cut has another state than the majority: nothing is proven (I3)")
		}
	case n.Instance != d.Instance || n.Life != d.Life:
		t.drillFailed(n, "the node went before its power was cut")
	}
}

// drillExpired ends a drill whose claim's time is over, by anybody's timer (R8).
func (t *turn) drillExpired(n *Node, e ClaimEnd) error {
	if !e.Expired || !t.s.Clean(t.by.Node) {
		return errors.New("a drill's claim is ended by its actor's word of what it saw, or when its time is over")
	}
	t.drillFailed(n, "its claim ran out")
	t.settle(n)
	return nil
}

func checkPhases(ps []PhaseTime) error {
	if len(ps) > maxPhases {
		return fmt.Errorf("%d phases, at most %d are allowed", len(ps), maxPhases)
	}
	for _, p := range ps {
		if err := checkTexts(p.Name); err != nil {
			return err
		}
	}
	return nil
}

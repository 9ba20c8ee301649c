package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// A drill cuts and restores the power of a healthy node, as a fence would: claim, walk, two reads, the all-off pass. It proves what the devices
// of one level reach (R16 a). The node holds nothing while it runs: it leaves cleanly first, but its daemon stays and is listened to. So nobody
// is released and nothing is recovered, whatever comes of it; and its own voice is the witness: a node that speaks although its outlet reads off
// is not behind that outlet. It is no victim, because a victim ends its own life, and a reset by itself would look like the drill's work.

// FeatureDrill is the feature level from which there are drills (R11).
const FeatureDrill = 3

// DrillStart asks for a drill.
type DrillStart struct {
	ID     string       `json:"id"`
	Node   fence.NodeID `json:"node"`
	Level  int          `json:"level"` // counts from zero
	By     string       `json:"by"`
	Reason string       `json:"reason,omitempty"`
}

// DrillReady is the node's own word: it has left, scanned again with the gate closed, and its record says so.
type DrillReady struct {
	Node  fence.NodeID `json:"node"`
	Drill uint64       `json:"drill"`
}

// DrillOff ends the drill's claim. With Evidence, the power was read off and the node fell silent; the actor judged that. Commanded says that
// something was switched, or may have been: then it is switched on again, whatever else.
type DrillOff struct {
	Node      fence.NodeID    `json:"node"`
	Number    uint64          `json:"number"`
	Evidence  *fence.Evidence `json:"evidence,omitempty"`
	Commanded bool            `json:"commanded,omitempty"`
	Quiet     bool            `json:"quiet,omitempty"`
	Text      string          `json:"text,omitempty"`
	Attempts  []Attempt       `json:"attempts,omitempty"`
	Times     Times           `json:"times,omitzero"`
	Phases    []PhaseTime     `json:"phases,omitempty"`
}

// DrillEnd ends a drill that came to nothing: the node could not leave, nobody carried it out, the node did not come back as it should.
type DrillEnd struct {
	Node   fence.NodeID `json:"node"`
	Drill  uint64       `json:"drill"`
	Text   string       `json:"text"`
	Phases []PhaseTime  `json:"phases,omitempty"`
}

// PhaseTime is how long one part of a drill took, measured by its actor, for people.
type PhaseTime struct {
	Name string `json:"name"`
	MS   int64  `json:"ms"`
}

// maxPhases bounds what an entry may carry of them.
const maxPhases = 16

// Drill is an open drill.
type Drill struct {
	ID    uint64            `json:"id"`
	Index uint64            `json:"index"`
	Life  fence.Incarnation `json:"life"`
	Ask   Ask               `json:"ask"`
	Level int               `json:"level"`
	// Reach is what its level reached when it began: that is what it may prove.
	Reach string `json:"reach"`
	// Ready: the node holds nothing and says so. Claim is the actor's while it switches; then Evidence is what it read, and Actor who it was.
	Ready    bool            `json:"ready,omitempty"`
	Claim    *Claim          `json:"claim,omitempty"`
	Evidence *fence.Evidence `json:"evidence,omitempty"`
	Actor    Origin          `json:"actor,omitzero"`
}

// LastDrill is what came of a node's newest drill.
type LastDrill struct {
	ID     uint64      `json:"id"`
	Index  uint64      `json:"index"`
	Level  int         `json:"level"`
	Reach  string      `json:"reach"`
	Passed bool        `json:"passed"`
	Text   string      `json:"text,omitempty"`
	Phases []PhaseTime `json:"phases,omitempty"`
}

// DrillStep is a step of a drill, for its events.
type DrillStep string

// The steps, in their order; the claim between ready and off is an EventClaim, the power-on after it an EventPowerOn.
const (
	DrillAsked   DrillStep = "asked"
	DrillIsReady DrillStep = "ready"
	DrillIsOff   DrillStep = "off"
	DrillPassed  DrillStep = "passed"
	DrillFailed  DrillStep = "failed"
)

// OpenDrill returns the node that is being drilled; nil if there is none. There is never more than one.
func (s *State) OpenDrill() *Node {
	for i := range s.Nodes {
		if s.Nodes[i].Drill != nil {
			return &s.Nodes[i]
		}
	}
	return nil
}

// Proves reports whether a drill has proven a device of a node's level, which counts from zero.
func (s *State) Proves(n *Node, level int, step fence.Step) bool {
	r, _ := s.Roster.Node(n.ID)
	return level >= 0 && level < len(r.Levels) && slices.Contains(n.Proven, r.Levels[level].Proof(step, s.Roster.Devices))
}

func (n *Node) drillClaim() *Claim {
	if n.Drill == nil {
		return nil
	}
	return n.Drill.Claim
}

// drill begins a drill, where it can hurt nobody: force changes nothing about it.
func (t *turn) drill(e DrillStart) error {
	if t.s.Feature < FeatureDrill {
		return fmt.Errorf("a drill needs feature level %d, the committed one is %d: not every node has a build that knows drills (R11)", FeatureDrill, t.s.Feature)
	}
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
	n, err := t.node(e.Node)
	if err != nil {
		return err
	}
	if e.ID == "" || e.By == "" {
		return errors.New("a drill needs an id and a name")
	}
	if err := checkTexts(e.ID, e.By, e.Reason); err != nil {
		return err
	}
	if err := t.s.MayDrill(n, e.Level); err != nil {
		return err
	}
	r, _ := t.s.Roster.Node(n.ID)
	n.Drill = &Drill{
		ID: t.number(), Index: t.index, Life: n.Life, Ask: Ask{ID: e.ID, By: e.By, Reason: e.Reason}, Level: e.Level, Reach: r.Levels[e.Level].Reach(t.s.Roster.Devices),
	}
	t.emit(Event{Kind: EventDrill, Step: DrillAsked, Node: n.ID, Life: n.Life, Request: e.ID, By: e.By, Reason: e.Reason, Text: fmt.Sprintf("%s: level %d", e.By, e.Level+1)})
	return nil
}

// MayDrill says why a drill of a node's level would hurt or prove nothing now; nil if it may begin.
func (s *State) MayDrill(n *Node, level int) error {
	name := s.Roster.Name(n.ID)
	r, _ := s.Roster.Node(n.ID)
	switch {
	case r.Witness:
		return fmt.Errorf("%s is a witness: it has no device", name)
	case s.OpenDrill() != nil:
		return fmt.Errorf("%s is being drilled: one at a time", s.Roster.Name(s.OpenDrill().ID))
	case !s.Clean(n.ID):
		return fmt.Errorf("%s is no clean member: a drill begins with one that is there and well, so that its silence says something", name)
	case level < 0 || level >= len(r.Levels):
		return fmt.Errorf("%s has no level %d", name, level+1)
	case slices.ContainsFunc(r.Levels[level].Steps, func(st fence.Step) bool { return st.Device == "" }) || len(r.Levels[level].Steps) == 0:
		return fmt.Errorf("level %d of %s is not made of devices alone: there is nothing to switch off and on", level+1, name)
	}
	if ids := s.Unresolved(); len(ids) > 0 {
		return fmt.Errorf("%w: %s is not resolved: no drill while the cluster has real trouble", fence.ErrUnsafe, s.Roster.Name(ids[0]))
	}
	for i := range s.Nodes {
		if o := &s.Nodes[i]; o.PowerOn != nil || len(o.Unquiet) > 0 {
			return fmt.Errorf("%w: an operation on %s is not over yet", fence.ErrUnsafe, s.Roster.Name(o.ID))
		}
	}
	if limit := s.BrakeLimit(); len(s.Answering) >= limit {
		return fmt.Errorf("%w: %d victims that still answered were claimed lately, at most %d may be (R21): find out why first", fence.ErrUnsafe, len(s.Answering), limit)
	}
	if rest, need := s.Rest(n.ID), s.Quorum(); rest < need {
		return fmt.Errorf("%w: without %s the others have %d of the %d votes that quorum needs", fence.ErrUnsafe, name, rest, need)
	}
	if !slices.ContainsFunc(s.Eligibles(), func(id fence.NodeID) bool { return id != n.ID }) {
		return errors.New("no other member is eligible to act")
	}
	return nil
}

// drillReady takes the node's word that it holds nothing.
func (t *turn) drillReady(e DrillReady) error {
	n, err := t.drilled(e.Node, e.Drill)
	if err != nil {
		return err
	}
	switch {
	case t.by.Incarnation != n.Drill.Life || n.Life != n.Drill.Life:
		return errors.New("only the drilled life itself says that it holds nothing")
	case n.Phase != PhaseLeft:
		return fmt.Errorf("%s is %s and has not left (S2.12)", t.name(n.ID), n.Phase)
	}
	n.Drill.Ready = true
	t.emit(Event{Kind: EventDrill, Step: DrillIsReady, Node: n.ID, Life: n.Life, Text: "it has left and holds nothing"})
	return nil
}

// drilled returns the node of an open drill.
func (t *turn) drilled(id fence.NodeID, drill uint64) (*Node, error) {
	if _, err := t.present(); err != nil {
		return nil, err
	}
	n, err := t.node(id)
	if err != nil {
		return nil, err
	}
	if n.Drill == nil || n.Drill.ID != drill {
		return nil, fmt.Errorf("drill %d on %s is not open", drill, t.name(n.ID))
	}
	return n, nil
}

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
	case len(n.Unquiet) > 0 || n.PowerOn != nil:
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
		}
	case n.Instance == "" || n.Life != d.Life:
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

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
	// Instance is the daemon that is drilled: another one of the same life has said nothing of what it holds.
	Instance string `json:"instance"`
	Ask      Ask    `json:"ask"`
	Level    int    `json:"level"`
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
		ID: t.number(), Index: t.index, Life: n.Life, Instance: n.Instance, Ask: Ask{ID: e.ID, By: e.By, Reason: e.Reason}, Level: e.Level, Reach: r.Levels[e.Level].Reach(t.s.Roster.Devices),
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
	case len(s.cutSteps(r.Levels[level])) > 0:
		return fmt.Errorf("level %d of %s cuts storage: nobody could see from outside whose ways it closes, so its mapping is declared and not drilled (accept_mapping)", level+1, name)
	case slices.ContainsFunc(r.Levels[level].Steps, func(st fence.Step) bool { return st.Device == "" }) || len(r.Levels[level].Steps) == 0:
		return fmt.Errorf("level %d of %s is not made of devices alone: there is nothing to switch off and on", level+1, name)
	}
	if ids := s.Unresolved(); len(ids) > 0 {
		return fmt.Errorf("%w: %s is not resolved: no drill while the cluster has real trouble", fence.ErrUnsafe, s.Roster.Name(ids[0]))
	}
	for i := range s.Nodes {
		if o := &s.Nodes[i]; o.PowerOn != nil || o.Cut != nil && o.Cut.Claim != nil || len(o.Unquiet) > 0 {
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

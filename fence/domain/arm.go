package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// FeatureDisarm is the feature level from which disarming waits for the operations that run, and may be for a while only (R11, 0080).
const FeatureDisarm = 3

// Arm arms or disarms the cluster. Armed is durable, replicated and false until an operator arms.
type Arm struct {
	Armed  bool   `json:"armed"`
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
	// ForMS arms again so long after a disarm took effect, in milliseconds by a member's own timer; 0 is until somebody arms (level 3).
	ForMS int64 `json:"for_ms,omitempty"`
	// Now disarms without waiting for the operations that run: their claims end (level 3).
	Now bool `json:"now,omitempty"`
}

// MaxForMS bounds for how long a cluster is disarmed or a node paused with an end: 30 days.
const MaxForMS = 30 * 24 * 60 * 60 * 1000

// DisarmWaitMS is how long at most a disarm waits for the operations that run, by a member's own timer.
const DisarmWaitMS = 10 * 60 * 1000

// Disarm is an operator's word that the cluster is not to act.
type Disarm struct {
	// Since is the index from which its present phase is counted: pending, or in force. A TimeOver names it.
	Since uint64 `json:"since"`
	// Pending: operations that began before still run. The cluster is armed and begins nothing.
	Pending bool   `json:"pending,omitempty"`
	By      string `json:"by"`
	Reason  string `json:"reason,omitempty"`
	ForMS   int64  `json:"for_ms,omitempty"`
}

// ErrDisarming: a disarm is pending, and nothing new begins.
var ErrDisarming = fmt.Errorf("%w: the cluster is being disarmed, nothing new begins", fence.ErrNotArmed)

// Disarming reports whether a disarm waits for the operations that run.
func (s *State) Disarming() bool { return s.Disarm != nil && s.Disarm.Pending }

// Finishing names the nodes whose operations a disarm waits for: those that it would take a claim from, and the first round of the power-on that
// belongs to one, so that no machine is left off in the middle. One whose new life waits until its ways are open runs already, and nothing is opened
// while a disarm is pending.
func (s *State) Finishing() []fence.NodeID {
	var ids []fence.NodeID
	s.matters(func(n *Node) bool {
		if n.Victim != nil && n.Victim.Claim != nil && !n.Victim.Force || n.PowerOn != nil && !n.PowerOn.Force && (n.PowerOn.Claim != nil || n.PowerOn.Round == 0 && s.MayPowerOn(n) == nil && !s.Unfences(n)) {
			ids = append(ids, n.ID)
		} else if n.Cut != nil && n.Cut.Claim != nil && !n.Cut.Force {
			ids = append(ids, n.ID)
		}
		return true
	})
	return ids
}

// MayFence says why no claim on a node's victim may be given now, nil if one may: the cluster is armed and stays so, and the node
// is not paused or was named by an operator; or he forced it.
func (s *State) MayFence(n *Node) error {
	switch {
	case n.Victim.Force:
		return nil
	case !s.Armed:
		return fence.ErrNotArmed
	case s.Disarming():
		return ErrDisarming
	case s.IsPaused(n.ID) && !n.Victim.Named:
		return ErrPaused
	}
	return nil
}

// MayPowerOn says the same of a power-on. What an operation that ran left to be powered on is finished while a disarm is pending.
func (s *State) MayPowerOn(n *Node) error {
	switch {
	case n.PowerOn.Force:
		return nil
	case !s.Armed:
		return fence.ErrNotArmed
	case s.Disarming() && n.PowerOn.Round > 0:
		return ErrDisarming
	case s.IsPaused(n.ID) && !n.PowerOn.Named:
		return ErrPaused
	}
	return nil
}

// MayOpen says the same of what a cut has closed.
func (s *State) MayOpen(n *Node) error {
	switch {
	case n.Cut.Force:
		return nil
	case !s.Armed:
		return fence.ErrNotArmed
	case s.Disarming():
		return ErrDisarming
	case s.IsPaused(n.ID) && n.Cut.AskedAt == 0:
		return ErrPaused
	}
	return nil
}

// arm arms or disarms. Members of an armed cluster are stateful from then on (R12); disarming makes nobody stateless.
func (t *turn) arm(a Arm) error {
	if err := checkTexts(a.By, a.Reason); err != nil {
		return err
	}
	switch {
	case t.s.Roster.Version == 0:
		return errors.New("there is no roster to guard")
	case (a.ForMS != 0 || a.Now) && t.s.Feature < FeatureDisarm:
		return fmt.Errorf("disarming for a while, or at once, needs feature level %d, the committed one is %d (R11)", FeatureDisarm, t.s.Feature)
	case a.ForMS < 0 || a.ForMS > MaxForMS || a.Armed && (a.ForMS != 0 || a.Now):
		return fmt.Errorf("only a disarm is for a while, at most %d ms", int64(MaxForMS))
	case a.ForMS != 0 && !t.s.Armed && (t.s.Disarm == nil || t.s.Disarm.ForMS == 0):
		return errors.New("the cluster is not armed, and nobody said for how long: the end of that time would arm it. Disarm without --for, or fenced arm first")
	case a.ForMS != 0 && t.s.Disarming() && t.s.Disarm.ForMS == 0:
		return errors.New("a disarm without an end is pending: one for a while would take its place, and arm the cluster again. Disarm without --for, or fenced arm first")
	case a.Armed:
		t.armed(a.By + ": " + a.Reason)
	case t.s.Feature < FeatureDisarm:
		t.disarmed(a.By + ": " + a.Reason)
	default:
		t.disarm(a)
	}
	return nil
}

// disarm takes effect when the operations that run have ended, or at once if none does or the operator says so.
func (t *turn) disarm(a Arm) {
	d := &Disarm{Since: t.index, By: a.By, Reason: a.Reason, ForMS: a.ForMS}
	if t.s.Disarming() {
		d.Since = t.s.Disarm.Since // asked again: it is waited for no longer than at first
	}
	d.Pending = t.s.Armed && !a.Now && len(t.s.Finishing()) > 0
	t.s.Disarm = d
	if d.Pending {
		t.emit(Event{Kind: EventDisarms, Text: a.By + ": " + a.Reason})
		return
	}
	d.Since = t.index
	t.disarmed(a.By + ": " + a.Reason)
}

// disarms lets a pending disarm take effect once nothing that it waits for runs any more. It is called after every change.
func (t *turn) disarms() {
	if t.s.Disarming() && len(t.s.Finishing()) == 0 {
		t.takesEffect("what ran has ended")
	}
}

func (t *turn) takesEffect(why string) {
	d := t.s.Disarm
	d.Pending, d.Since = false, t.index
	t.disarmed(d.By + ": " + d.Reason + " (" + why + ")")
}

func (t *turn) armed(text string) {
	t.s.Armed, t.s.EverArmed, t.s.Disarm = true, true, nil
	for i := range t.s.Nodes {
		if n := &t.s.Nodes[i]; n.Phase == PhaseMember && !t.s.Witness(n.ID) {
			n.Stateful = true
		}
	}
	t.emit(Event{Kind: EventArm, Text: text})
	t.orphans()
}

// disarmed is the moment from which no device is touched but by command. Watchdogs may be closed from here on (0073).
func (t *turn) disarmed(text string) {
	t.s.Armed = false
	t.uncounted()
	for i := range t.s.Nodes {
		t.closes(&t.s.Nodes[i])
	}
	t.emit(Event{Kind: EventDisarm, Text: text})
	t.orphans()
	for i := range t.s.Nodes {
		t.settle(&t.s.Nodes[i]) // who had only to open its own ways has not any more
	}
}

// TimeOver says that, by the proposer's own timer since it applied the entry at Index, the time that was given there is over: a disarm that waits
// takes effect, one in force ends, a pause ends, a planned restart is late, or may come again, and one of two was not lost for long enough. The log has no clock: whoever counts may be late and is never early, and the first to say so is believed (0002).
type TimeOver struct {
	Index uint64 `json:"index"`
}

func (t *turn) timeOver(o TimeOver) error {
	if t.s.Feature < FeatureDisarm {
		return fmt.Errorf("times that end need feature level %d, the committed one is %d (R11)", FeatureDisarm, t.s.Feature)
	}
	if err := t.quorate(); err != nil {
		return err
	}
	if _, err := t.present(); err != nil {
		return err
	}
	d := t.s.Disarm
	r := slices.IndexFunc(t.s.Nodes, func(n Node) bool {
		return n.Restart != nil && n.Restart.Since == o.Index || n.Restarted != 0 && n.Restarted == o.Index
	})
	i := slices.IndexFunc(t.s.Paused, func(p Pause) bool { return p.Since == o.Index && p.ForMS > 0 })
	c := slices.IndexFunc(t.s.Nodes, func(n Node) bool { return n.Calms() && n.Losses.Since == o.Index })
	switch {
	case !t.s.Clean(t.by.Node) || t.s.Node(t.by.Node).Outvoted():
		return fmt.Errorf("%s is no clean member, or has another state than the majority", t.name(t.by.Node))
	case d != nil && d.Since == o.Index && d.Pending:
		t.takesEffect("it was waited for long enough")
	case d != nil && d.Since == o.Index && d.ForMS > 0:
		t.armed(d.By + ": " + d.Reason + " (the time of the disarm is over)")
	case r >= 0 && t.s.Nodes[r].Restart != nil:
		t.touch(&t.s.Nodes[r])
		t.lateRestart(&t.s.Nodes[r])
	case r >= 0:
		t.s.Nodes[r].Restarted = 0
	case i >= 0:
		t.unpaused(i, t.s.Paused[i].By+": "+t.s.Paused[i].Reason+" (its time is over)")
	case c >= 0:
		t.s.Nodes[c].Losses = Losses{}
	default:
		return fmt.Errorf("%w: nothing that began at index %d ends by time", fence.ErrStale, o.Index)
	}
	return nil
}

package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// roster commits a new roster (R5). Removing a node needs its verdict, its clean leave or an acknowledgement.
func (t *turn) roster(e Roster) error {
	r := e.Roster
	if r.Version != t.s.Roster.Version+1 {
		return fmt.Errorf("roster version %d was proposed, the next is %d: somebody else applied one meanwhile", r.Version, t.s.Roster.Version+1)
	}
	if len(r.Nodes) == 0 || len(r.Nodes) > MaxNodes {
		return fmt.Errorf("a roster needs 1 to %d nodes, this one has %d", MaxNodes, len(r.Nodes))
	}
	if !slices.IsSortedFunc(r.Nodes, func(a, b fence.RosterNode) int { return int(int64(a.ID) - int64(b.ID)) }) {
		return errors.New("the nodes of a roster are sorted by id")
	}
	for i, n := range r.Nodes {
		if n.ID == 0 || n.Name == "" || (i > 0 && r.Nodes[i-1].ID == n.ID) {
			return fmt.Errorf("node %d of the roster has no id, no name, or an id twice", i+1)
		}
	}
	if r.Cluster == "" || (t.s.Roster.Cluster != "" && r.Cluster != t.s.Roster.Cluster) {
		return fmt.Errorf("the cluster is %q, the roster says %q", t.s.Roster.Cluster, r.Cluster)
	}
	if err := t.removable(r); err != nil {
		return err
	}
	nodes := make([]Node, 0, len(r.Nodes))
	for _, rn := range r.Nodes {
		n := Node{ID: rn.ID, Phase: PhaseAbsent, NextClaim: 1, Unknown: t.s.Roster.Version == 0}
		if t.s.Roster.Version > 0 {
			n.NextClaim = t.index // it may have been here before: each claim took an index, so numbers never repeat (R7)
		}
		if old := t.s.Node(rn.ID); old != nil {
			n = *old
		}
		if rn.Machine != nil {
			if n.Machine.Known() && n.Victim != nil && !n.Machine.Same(*rn.Machine) {
				return fmt.Errorf("%s has an open victim: its machine cannot change now", rn.Name)
			}
			virtual := n.Machine.Virtual
			n.Machine = *rn.Machine
			n.Machine.Virtual = n.Machine.Virtual || virtual
		}
		if n.Foreign != nil && n.Instance != "" && n.Victim == nil && n.Phase == PhaseJoining {
			n.again(t.index) // the machine that was refused may be the right one now
		}
		n.Proven = slices.DeleteFunc(slices.Clone(n.Proven), func(m string) bool {
			return !slices.ContainsFunc(r.Devices, func(d fence.Device) bool { return d.Mapping == m })
		})
		nodes = append(nodes, n)
	}
	idle := t.s.Roster.Policy.IdleStateless
	t.s.Nodes, t.s.Roster, t.s.RosterHash = nodes, r, r.Hash()
	t.idlePolicy(idle, r.Policy.IdleStateless)
	if t.s.Feature == 0 {
		t.s.Feature = 1
	}
	t.adopt()
	t.emit(Event{Kind: EventRoster, Text: fmt.Sprintf("version %d hash %s by %s", r.Version, t.s.RosterHash, e.By)})
	return nil
}

// MaxNodes bounds a roster.
const MaxNodes = 5000

// adopt shows daemons of the present view to nodes that the roster has just made known.
func (t *turn) adopt() {
	for _, m := range t.s.View.Members {
		if n := t.s.Node(m.Node); n != nil && n.Instance == "" && n.Suspect == "" {
			n.Life, n.LifeIndex, n.Instance = m.Incarnation, t.index, m.Instance
			n.again(t.index)
		}
	}
}

func (t *turn) removable(r fence.Roster) error {
	for _, n := range t.s.Nodes {
		if _, kept := r.Node(n.ID); kept {
			continue
		}
		proven := n.Last != nil && (n.Life == n.Last.Incarnation || n.Life.Zero() || t.s.IsOver(n.Life))
		if len(n.Unquiet) > 0 || (n.PowerOn != nil && n.PowerOn.Claim != nil) {
			return fmt.Errorf("%s cannot be removed: something may still be in flight to its devices (R9)", t.name(n.ID))
		}
		if n.Victim != nil || n.Instance != "" || !(n.Phase == PhaseLeft || proven) {
			return fmt.Errorf("%s cannot be removed: it needs a verdict, a clean leave or an acknowledgement first (R5)", t.name(n.ID))
		}
	}
	return nil
}

// arm arms or disarms. Members of an armed cluster are stateful from then on (R12); disarming makes nobody stateless.
func (t *turn) arm(a Arm) error {
	if err := checkTexts(a.By, a.Reason); err != nil {
		return err
	}
	if t.s.Roster.Version == 0 {
		return errors.New("there is no roster to guard")
	}
	kind := EventDisarm
	if t.s.Armed = a.Armed; a.Armed {
		kind, t.s.EverArmed = EventArm, true
		for i := range t.s.Nodes {
			if n := &t.s.Nodes[i]; n.Phase == PhaseMember {
				n.Stateful = true
			}
		}
	}
	t.emit(Event{Kind: kind, Text: a.By + ": " + a.Reason})
	t.orphans()
	return nil
}

// feature raises the committed feature level once every member of the view has it (R11).
func (t *turn) feature(f Feature) error {
	if f.Level <= t.s.Feature || f.Level > FeatureLevel {
		return fmt.Errorf("feature level %d is not between %d and %d", f.Level, t.s.Feature+1, FeatureLevel)
	}
	for _, n := range t.s.Nodes {
		if n.Feature < f.Level {
			return fmt.Errorf("%s has feature level %d (R11)", t.name(n.ID), n.Feature)
		}
	}
	t.s.Feature = f.Level
	return nil
}

// mapping records a drill's proof (R16 a).
func (t *turn) mapping(m Mapping) error {
	if _, err := t.present(); err != nil {
		return err
	}
	n, err := t.node(m.Node)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(t.s.Roster.Devices, func(d fence.Device) bool { return d.Mapping == m.Mapping }) {
		return errors.New("no device of the roster has this mapping")
	}
	if !slices.Contains(n.Proven, m.Mapping) {
		n.Proven = append(n.Proven, m.Mapping)
	}
	return nil
}

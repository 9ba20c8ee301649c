package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// roster commits a new roster (R5). Removing a node, or giving it another machine, needs every life of it to be over; those who are there must
// be quorate by the new one, unless forced.
func (t *turn) roster(e Roster) error {
	r := e.Roster
	if err := t.mayApply(e); err != nil {
		return err
	}
	if err := checkRoster(r); err != nil {
		return err
	}
	if t.s.Roster.Cluster != "" && r.Cluster != t.s.Roster.Cluster {
		return fmt.Errorf("the cluster is %q, the roster says %q", t.s.Roster.Cluster, r.Cluster)
	}
	if err := r.CheckWitnesses(); err != nil {
		return err
	}
	if err := errors.Join(t.watchdogTiming(r), t.cutsKnown(r)); err != nil {
		return err
	}
	if err := t.sameRoles(r); err != nil {
		return err
	}
	if err := t.removable(r); err != nil {
		return err
	}
	nodes := make([]Node, 0, len(r.Nodes))
	for _, rn := range r.Nodes {
		n, err := t.rostered(rn, r)
		if err != nil {
			return err
		}
		nodes = append(nodes, n)
	}
	if err := t.staysQuorate(r, nodes, e.Force); err != nil {
		return err
	}
	t.bury(r)
	idle := t.s.Roster.Policy.IdleStateless
	t.s.Nodes, t.s.Roster, t.s.RosterHash = nodes, r, r.Hash()
	t.uncounted()
	t.s.names = t.s.naming()
	t.idlePolicy(idle, r.Policy.IdleStateless)
	if t.s.Feature == 0 {
		t.s.Feature = 1
	}
	t.forgetHealth()
	t.adopt()
	t.forgetPauses()
	t.emit(Event{Kind: EventRoster, Text: fmt.Sprintf("version %d hash %s by %s", r.Version, t.s.RosterHash, e.By)})
	return nil
}

// mayApply: the next version only, so that of two administrators the second is told; and once the cluster guards something, only with
// quorum and by a daemon of the view that is no victim. Before that a wrong first roster must be mended without the nodes that it keeps out.
func (t *turn) mayApply(e Roster) error {
	if v := e.Roster.Version; v != t.s.Roster.Version+1 {
		return fmt.Errorf("%w: roster version %d was proposed, the next is %d: somebody else applied one meanwhile", fence.ErrStale, v, t.s.Roster.Version+1)
	}
	if err := checkTexts(e.By, e.Reason); err != nil {
		return err
	}
	if !t.s.EverArmed {
		return nil
	}
	if err := t.quorate(); err != nil {
		return err
	}
	by, err := t.present()
	if err == nil && by.Victim != nil {
		err = fmt.Errorf("%s is a victim: it decides nothing (R22)", t.name(by.ID))
	}
	return err
}

// checkRoster checks what a roster must be by itself.
func checkRoster(r fence.Roster) error {
	if len(r.Nodes) == 0 || len(r.Nodes) > MaxNodes {
		return fmt.Errorf("a roster needs 1 to %d nodes, this one has %d", MaxNodes, len(r.Nodes))
	}
	if r.Cluster == "" {
		return errors.New("the roster names no cluster")
	}
	if !slices.IsSortedFunc(r.Nodes, func(a, b fence.RosterNode) int { return int(int64(a.ID) - int64(b.ID)) }) {
		return errors.New("the nodes of a roster are sorted by id")
	}
	names := make([]string, 0, len(r.Nodes))
	for i, n := range r.Nodes {
		if n.ID == 0 || n.Name == "" || (i > 0 && r.Nodes[i-1].ID == n.ID) {
			return fmt.Errorf("node %d of the roster has no id, no name, or an id twice", i+1)
		}
		names = append(names, n.Name)
	}
	slices.Sort(names)
	if len(slices.Compact(names)) < len(r.Nodes) {
		return errors.New("two nodes of the roster have one name")
	}
	return nil
}

// rostered is what is remembered of a node under its new entry of the roster.
func (t *turn) rostered(rn fence.RosterNode, r fence.Roster) (Node, error) {
	n := t.newcomer(rn.ID)
	if old := t.s.Node(rn.ID); old != nil {
		n = *old
		if err := t.recut(&n, rn, r); err != nil {
			return n, err
		}
	}
	n.Unknown = n.Unknown && !rn.Witness
	if rn.Machine != nil {
		if n.Machine.Known() && !n.Machine.Same(*rn.Machine) {
			if err := t.over(&n, true); err != nil {
				return n, fmt.Errorf("the machine of %s cannot change now: %w", rn.Name, err)
			}
			n.forgetMachine()
		}
		virtual := n.Machine.Virtual
		n.Machine = *rn.Machine
		n.Machine.Virtual = n.Machine.Virtual || virtual
		n.Former = slices.DeleteFunc(slices.Clone(n.Former), func(m fence.Machine) bool { return m.Same(n.Machine) })
	}
	if n.Foreign != nil && n.Instance != "" && n.Victim == nil && n.Phase == PhaseJoining {
		n.again(t.index) // the machine that was refused may be the right one now
	}
	n.Proven = slices.DeleteFunc(slices.Clone(n.Proven), func(m string) bool {
		return !slices.ContainsFunc(rn.Levels, func(l fence.Level) bool { return slices.Contains(l.Proofs(r.Devices), m) })
	})
	return n, nil
}

// staysQuorate refuses a roster by which the members that are there now would not be quorate: they would freeze at once (R30). A node that is
// new counts from its first arrival, so an addition alone never costs quorum (0029).
func (t *turn) staysQuorate(r fence.Roster, nodes []Node, force bool) error {
	if force || !t.s.Quorate() || t.s.Roster.Version == 0 {
		return nil
	}
	after := State{Roster: r, Nodes: nodes, View: t.s.View, Feature: t.s.Feature}
	if rest, need := after.Rest(0), after.Quorum(); rest < need {
		return fmt.Errorf("%w: the members that are there would have %d of the %d votes that quorum needs", fence.ErrUnsafe, rest, need)
	}
	return nil
}

// MaxNodes bounds a roster.
const MaxNodes = 5000

// adopt shows daemons of the present view to nodes that the roster has just made known.
func (t *turn) adopt() {
	for _, m := range t.s.View.Members {
		if n := t.s.Node(m.Node); n != nil && n.Instance == "" && n.Suspect == "" {
			if n.Life != m.Incarnation {
				t.another(n)
			}
			n.Life, n.LifeIndex, n.Instance, n.Added = m.Incarnation, t.index, m.Instance, false
			n.again(t.index)
			if t.s.IsCut(m.Incarnation) {
				n.Phase = PhaseAbsent
			}
		}
	}
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
	t.uncounted() // some of what lives are judged by begins with a level
	return nil
}

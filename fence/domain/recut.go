package domain

import (
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// A cut is judged by the roster of the day, and a life may still have the ways that it had when it began. So a roster that makes less of them is refused
// while somebody is to be cut off by them, or is; a life that goes through such a change is cut off no more before it boots (0078).

// recut keeps what is closed, and what a cut must close, true when a node gets other levels or devices. While a cut life goes on its ways may not become
// others: they would be opened by whoever has them next, or be the way of a node that nobody closed. Once it is over, what no level names any more is
// not opened.
func (t *turn) recut(n *Node, rn fence.RosterNode, r fence.Roster) error {
	if n.lives() {
		for _, s := range n.Cut.Steps {
			if !t.s.keeps(s, rn, r.Devices) {
				return fmt.Errorf("%s is cut off by %s and its life goes on: reset it before that changes (R18)", rn.Name, s)
			}
		}
	}
	if err := t.rewired(n, rn, r); err != nil {
		return err
	}
	t.relevel(n, rn, r.Devices)
	if n.Cut == nil {
		return nil
	}
	c := *n.Cut
	c.Steps = slices.DeleteFunc(slices.Clone(c.Steps), func(s fence.Step) bool { return !named(s, rn, r.Devices) })
	n.Cut = &c
	return nil
}

// rewired refuses a roster that loosens by what a victim is cut off, or a cut life was, and remembers of any other life that it booted before that.
// Below FeatureCut nobody has announced anything.
func (t *turn) rewired(n *Node, rn fence.RosterNode, r fence.Roster) error {
	loosens := func(life fence.Incarnation, announced []string) error {
		why := t.s.loosens(announced, rn, r)
		if len(announced) == 0 || why == "" {
			return nil
		}
		return fmt.Errorf("%s may still have its old ways to what is shared: %s; end that life first, by its power or by an acknowledgement, or apply this later (R18)", life, why)
	}
	if v := n.Victim; v != nil {
		if err := loosens(v.Incarnation, v.Shared); err != nil {
			return err
		}
	}
	if n.lives() {
		if err := loosens(n.Cut.Life, n.Cut.Shared); err != nil {
			return err
		}
	}
	n.Rewired = n.Rewired || loosens(n.Life, n.Shared) != nil
	return nil
}

// loosens says in which way a fresh roster demands less of a cut of a node that announced these names, or has its ways elsewhere; "" if in none.
func (s *State) loosens(announced []string, rn fence.RosterNode, r fence.Roster) string {
	was, _ := s.Roster.Node(rn.ID)
	for _, name := range was.Shared {
		if !slices.Contains(announced, name) && !slices.Contains(rn.Shared, name) {
			return "it is not said any more that it uses " + name
		}
	}
	for _, old := range s.Roster.Shared {
		if !slices.Contains(announced, old.Name) && !slices.Contains(was.Shared, old.Name) {
			continue
		}
		i := slices.IndexFunc(r.Shared, func(now fence.Shared) bool { return now.Name == old.Name })
		if i < 0 {
			return old.Name + " is not there any more"
		}
		if less(old.CutBy, r.Shared[i].CutBy) {
			return "less cuts off from " + old.Name
		}
		for _, l := range was.Levels {
			for _, st := range s.cutSteps(l) {
				if slices.Contains(slices.Concat(old.CutBy...), st.Device) && !s.keeps(st, rn, r.Devices) {
					return fmt.Sprintf("its way %s changes or goes", st)
				}
			}
		}
	}
	return ""
}

// less reports whether a cut that was none may be one now. An alternative that closes all of an old one is none; one of other devices beside all the
// old ones is another place where everything is closed.
func less(old, now [][]string) bool {
	return slices.ContainsFunc(now, func(fresh []string) bool {
		whole := slices.ContainsFunc(old, func(o []string) bool { return within(o, fresh) })
		beside := !slices.ContainsFunc(old, func(o []string) bool {
			kept := slices.ContainsFunc(now, func(f []string) bool { return slices.Equal(f, o) })
			return !kept || slices.ContainsFunc(o, func(d string) bool { return slices.Contains(fresh, d) })
		})
		return !whole && !beside
	})
}

// within reports whether all of a is in b.
func within(a, b []string) bool {
	return !slices.ContainsFunc(a, func(d string) bool { return !slices.Contains(b, d) })
}

// keeps reports whether a step is the same way under a fresh roster.
func (s *State) keeps(st fence.Step, rn fence.RosterNode, devices []fence.Device) bool {
	was, _ := s.Roster.Device(st.Device)
	return named(st, rn, devices) && slices.ContainsFunc(devices, func(d fence.Device) bool {
		return d.Name == st.Device && d.Mapping == was.Mapping && d.Kind == was.Kind
	})
}

// named reports whether some level of a node has this step, and it cuts storage.
func named(st fence.Step, rn fence.RosterNode, devices []fence.Device) bool {
	return slices.ContainsFunc(devices, func(d fence.Device) bool { return d.Name == st.Device && d.Kind == fence.KindStorage }) &&
		slices.ContainsFunc(rn.Levels, func(l fence.Level) bool { return slices.Contains(l.Steps, st) })
}

package member

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// TestAnyFaultsKeepTheClusterSafeAndItHeals lets nodes die, return, hang, be cut off and have broken devices, in any order; nothing that
// must never happen happens meanwhile, and once everything works again everything is resolved.
func TestAnyFaultsKeepTheClusterSafeAndItHeals(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(3, 5).Draw(rt, "nodes")
		c := newCluster(t, n, true)
		c.strict, c.noLease, c.frozen = true, map[fence.NodeID]bool{}, map[fence.NodeID]bool{}
		w := &watch{rt: rt, c: c}
		c.onOff, c.onRelease = w.off, w.release
		for range rapid.IntRange(3, 15).Draw(rt, "faults") {
			w.fault(fence.NodeID(rapid.IntRange(1, n).Draw(rt, "node")), rapid.IntRange(0, 9).Draw(rt, "kind"))
			w.pass(int64(rapid.IntRange(1, 120).Draw(rt, "time")) * 100)
		}
		w.heal()
	})
}

// watch knows the truth about the machines and compares.
type watch struct {
	rt *rapid.T
	c  *cluster
}

// off: a machine's power is cut. The newest domain that anybody has must not call the life on it a clean member (V7, I5).
func (w *watch) off(id fence.NodeID) {
	newest := w.c.nodes[0]
	for _, x := range w.c.nodes {
		if x.up && !x.cut && (!newest.up || newest.cut || x.applied > newest.applied) {
			newest = x
		}
	}
	x := w.c.n(id)
	if s := newest.m.Domain(); x.up && s.Clean(id) && s.Node(id).Life == x.self().Incarnation && newest.applied == len(w.c.log) {
		w.rt.Fatalf("%d: the power of clean member %d was cut (V7): %+v", w.c.now, id, s.Node(id))
	}
}

// release: the life must be over in truth (I1).
func (w *watch) release(by, life fence.Incarnation) {
	if x := w.c.n(life.Node); x.power && x.self().Boot == life.Boot {
		w.rt.Fatalf("%d: node %d released %s, which is alive (I1)", w.c.now, by.Node, life)
	}
}

func (w *watch) fault(id fence.NodeID, kind int) {
	c := w.c
	x := c.n(id)
	switch kind {
	case 0:
		c.kill(id)
	case 1:
		c.powerOff(id)
	case 2:
		if x.power && !x.up {
			c.start(id)
		} else if !x.power {
			c.boot(id)
		}
	case 3:
		c.powerOff(id)
		c.boot(id)
	case 4:
		x.cut = !x.cut
	case 5:
		c.dead[id] = !c.dead[id]
	case 6:
		c.lies[id] = !c.lies[id]
	case 7:
		c.frozen[id] = !c.frozen[id]
	case 8:
		x.residue = x.power
	case 9:
		c.noLease[id] = !c.noLease[id]
	}
}

// pass lets time pass; the membership tells who is there about two seconds after it changed, and presence is heard.
func (w *watch) pass(ms int64) {
	c := w.c
	for end := c.now + ms; c.now < end; {
		c.run(200)
		there := c.connected()
		for _, x := range c.nodes {
			if !x.up || c.frozen[x.id] {
				continue
			}
			if x.cut {
				x.away = true
				c.give(x, QuorumLost{Why: "cut"})
				continue
			}
			if x.away && slices.Contains(c.view, x.self()) && slices.Contains(there, x.self()) {
				x.away = false
				c.give(x, QuorumHeld{})
			}
			for _, o := range there {
				if o.Node != x.id {
					c.give(x, Heard{By: o})
				}
			}
		}
		if c.now/200%10 == 0 && !slices.Equal(there, c.view) && len(there) > len(c.nodes)/2 {
			c.install()
		}
		w.same()
	}
}

// same demands that all who applied as much have the same state, with at most one active claim on each node (I3, I5).
func (w *watch) same() {
	at := map[int]string{}
	for _, x := range w.c.nodes {
		if !x.up {
			continue
		}
		h := x.m.Domain().Hash()
		if at[x.applied] == "" {
			at[x.applied] = h
		} else if at[x.applied] != h {
			w.rt.Fatalf("node %d has another state after %d entries (I3)", x.id, x.applied)
		}
		for _, n := range x.m.Domain().Nodes {
			if len(active(&n)) > 1 {
				w.rt.Fatalf("node %d: two active claims (I5)", n.ID)
			}
		}
	}
}

// heal repairs everything and demands that nothing stays open (I2).
func (w *watch) heal() {
	c := w.c
	clear(c.dead)
	clear(c.lies)
	clear(c.frozen)
	clear(c.noLease)
	for _, x := range c.nodes {
		x.cut = false
		if !x.power {
			c.boot(x.id)
		} else if !x.up {
			c.start(x.id)
		}
	}
	why := ""
	for range 120 { // of 20 s; the brake's window is ten minutes
		w.pass(20_000)
		w.restart()
		c.reapply()
		if why = w.open(); why == "" {
			return
		}
	}
	for _, x := range c.nodes {
		w.rt.Logf("node %d up %v power %v fell %v cut %v applied %d of %d quorate %v held %v clean %v", x.id, x.up, x.power, x.fell, x.cut, x.applied, len(c.log), x.m.Quorate(), x.m.Held(), x.m.dom.Clean(x.id))
	}
	w.rt.Fatalf("40 minutes after everything was repaired: %s", why)
}

// restart starts who was reset again; a self-fence works now.
func (w *watch) restart() {
	c := w.c
	for _, x := range c.nodes {
		if x.up && x.fell {
			c.powerOff(x.id)
			c.boot(x.id)
		}
		if x.power && !x.up {
			c.start(x.id)
		}
		if !x.power && len(c.connected()) <= len(c.nodes)/2 {
			c.boot(x.id) // a voter that gave quorum was switched off: without quorum only a person switches it on
		}
	}
}

func (w *watch) open() string {
	var s *domain.State
	for _, x := range w.c.nodes {
		if x.up {
			s = x.m.Domain()
		}
	}
	if s == nil {
		return "nobody runs"
	}
	for _, n := range s.Nodes {
		if n.Victim != nil || n.PowerOn != nil || len(n.Unquiet) > 0 || n.Pending != nil || (n.Instance != "" && !s.Clean(n.ID)) {
			return fmt.Sprintf("node %d: %+v, victim %+v, power-on %+v", n.ID, n, n.Victim, n.PowerOn)
		}
	}
	if ids := s.Unresolved(); len(ids) > 0 {
		return fmt.Sprintf("unresolved %v", ids)
	}
	return ""
}

package world

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/fenced-project/fenced/fence"
)

// beginLiveness is the second phase: a random majority is healed, everything else stays as it is for ever, and all must resolve within a bound.
func (w *World) beginLiveness() {
	w.live = true
	r := rand.New(rand.NewPCG(w.opt.Seed, 6))
	w.net.Loss, w.net.Slow = 0, 0
	for i := range w.net.Cut {
		clear(w.net.Cut[i])
	}
	for _, n := range w.nodes {
		if n.bmc.behind != n {
			n.bmc.behind, n.bmc.moved = n, w.now
		}
		n.bmc.until, n.mgmtUntil, n.lagUntil = 0, 0, 0
		n.frozenUntil, n.apartUntil, n.chokedUntil = 0, 0, 0
		n.diskUntil = min(n.diskUntil, w.now)
	}
	w.pdus[0].until, w.pdus[1].until = 0, 0
	core := w.core(r)
	for i, n := range w.nodes {
		if core[i] || r.IntN(3) == 0 {
			w.heal(n)
		} else {
			w.lose(n, r.IntN(4))
		}
	}
	w.operator()
	w.after(second, w.watchLiveness)
}

// core is a random set of nodes that can make decisions: a majority, a majority of the stores that vote, and so many that a majority remains
// while those of them that are victims are fenced one after the other.
func (w *World) core(r *rand.Rand) []bool {
	in := make([]bool, len(w.nodes))
	c := w.check.fsm.Conf
	intact, sound, need := 0, 0, c.Need()
	if w.rings != nil {
		need = w.roster.Quorum()
	}
	for _, i := range r.Perm(len(w.nodes)) {
		if sound >= w.roster.Quorum() && intact >= need {
			break
		}
		in[i] = true
		if n := w.nodes[i]; w.check.dom.Clean(n.id) && n.p != nil && n.p.run.Instance == w.check.dom.Node(n.id).Instance {
			sound++
		}
		if w.rings != nil && w.sound(w.nodes[i]) || w.rings == nil && c.Votes(i, w.nodes[i].st.ID) && !w.nodes[i].st.copied {
			intact++
		}
	}
	return in
}

// heal repairs a node: power, process, disk.
func (w *World) heal(n *node) {
	m := &n.mach
	m.setMains(true)
	for i := range m.outlet {
		if !m.outlet[i] {
			m.setOutlet(i, true, "healed")
		}
	}
	n.down = false
	n.app.resume()
	switch {
	case m.hung:
		m.reset("reset by an operator")
	case !m.chassis:
		m.powerUp()
	case m.paused:
		m.paused = false
		m.goesOn()
		if n.p != nil && !n.p.stopped {
			n.p.wake()
		}
	}
	p := n.p
	switch {
	case p == nil && m.running:
		n.startLater(second)
	case p == nil:
	case p.emb.Out:
		n.kill("restarted by an operator")
	case p.stopped:
		p.stopped = false
		p.wake()
	}
	if p != nil && p.hung {
		p.hung = false
		p.loopSoon()
	}
}

// lose makes a node's trouble permanent.
func (w *World) lose(n *node, how int) {
	n.lost = true
	w.say("%s is lost for ever (%d)", n.name, how)
	switch how {
	case 0:
		n.mach.setMains(false)
	case 1:
		n.apart = true
		for i := range w.nodes {
			if i != n.i {
				w.net.Cut[i][n.i], w.net.Cut[n.i][i] = 1, 1
			}
		}
	case 2:
		if n.mach.running {
			n.mach.hang("hung for ever")
		}
	case 3:
		if n.p != nil {
			n.p.stopped = true
		}
	}
}

// nobodyQuorate: the cluster can do nothing by itself; a fenced node that nobody may power on waits for a human.
func (w *World) nobodyQuorate() bool {
	for _, n := range w.nodes {
		if p := n.p; p != nil && !p.stopped && p.m.Quorate() {
			return false
		}
	}
	return true
}

func (w *World) held(id fence.NodeID) bool {
	for _, n := range w.nodes {
		if n.p == nil {
			continue
		}
		for _, h := range n.p.m.Held() {
			if h == id {
				return true
			}
		}
	}
	return false
}

// liveBound is how long everything may take once the core is healed: two whole claims that others must wait out (R9), boots and delays.
const liveBound = 15 * minute

func (w *World) watchLiveness() {
	why := w.unresolved()
	switch {
	case why == "" && w.now >= int64(w.opt.Minutes)*minute:
		w.done = true
		w.check.survivors()
	case why != "" && w.now-w.plan.calm > liveBound:
		w.dump()
		w.check.fail("L1", "not resolved %d s after a majority was healed: %s", liveBound/second, why)
	}
	w.after(second, w.watchLiveness)
}

// dump traces where every node stands.
func (w *World) dump() {
	c := w.check.fsm.Conf
	w.say("voters %v %v, committed %d", c.Store, c.Voter, len(w.log.Canon))
	for _, n := range w.nodes {
		m := n.mach
		w.say("%s lost %v power %v chassis %v running %v hung %v paused %v boot %s store %d copied %v member %v term %d log %d", n.name, n.lost, m.power(), m.chassis, m.running,
			m.hung, m.paused, m.boot, n.st.ID, n.st.copied, n.st.Member, n.st.Term, len(n.st.Log))
		if p := n.p; p != nil && p.co != nil {
			w.say("    %s stopped %v hung %v out %v connected %v quorate %v granted %v sound %v: %+v", p, p.stopped, p.hung, p.emb.Out, p.co.connected, p.m.Quorate(),
				n.app.granted, w.sound(n), p.co.m.Status())
		} else if p != nil {
			w.say("    %s stopped %v hung %v out %v leader %d leads %v blocked %b set %b applied %d quorate %v granted %v", p, p.stopped, p.hung, p.emb.Out, p.emb.Leader(),
				p.emb.Leads(), p.emb.Blocked(), p.emb.Set(), p.emb.Applied(), p.m.Quorate(), n.app.granted)
			for _, o := range w.nodes {
				if o.p != nil && o != n {
					w.say("        refuses %s: %q", o.name, p.emb.Refuses(o.p.emb))
				}
			}
		}
	}
}

// unsettled says what the committed state still waits for, "" for nothing.
func (c *checker) unsettled() string {
	var why []string
	for i := range c.dom.Nodes {
		n := &c.dom.Nodes[i]
		lost := c.w.nodes[i].lost
		switch {
		case n.Victim != nil:
			why = append(why, fmt.Sprintf("node %d is a victim (%s, claim %v, round %d)", n.ID, n.Victim.Incarnation, n.Victim.Claim, n.Victim.Round))
		case n.Unknown || n.Suspect != "" || !n.Lapsed.Zero():
			why = append(why, fmt.Sprintf("node %d is unknown or suspect", n.ID))
		case lost:
		case n.Cut != nil:
			why = append(why, fmt.Sprintf("node %d waits until its ways are open: %+v", n.ID, *n.Cut))
		case n.PowerOn != nil || len(n.Unquiet) > 0 || n.Pending != nil:
			why = append(why, fmt.Sprintf("node %d waits: power-on %v, unquiet %v, pending %v", n.ID, n.PowerOn, n.Unquiet, n.Pending))
		case !c.dom.Clean(n.ID):
			why = append(why, fmt.Sprintf("node %d is %s (%s)", n.ID, n.Phase, n.Why))
		}
	}
	return strings.Join(why, "; ")
}

// unresolved says what is not as it must be after the storm (L1 to L4, L9).
func (w *World) unresolved() string {
	c := w.check
	if !c.dom.Armed || !c.dom.Quorate() {
		return fmt.Sprintf("armed %v, quorate %v", c.dom.Armed, c.dom.Quorate())
	}
	if why := c.unsettled(); why != "" {
		return why
	}
	for _, n := range w.nodes {
		switch {
		case n.lost:
		case n.p == nil:
			return n.name + " runs no daemon"
		case !n.p.m.Quorate() || n.p.applied() != w.committedIndex():
			return fmt.Sprintf("%s is behind or not quorate: %d of %d", n.name, n.p.applied(), w.committedIndex())
		case len(n.p.owed) > 0:
			return fmt.Sprintf("%s has not released %v", n.name, n.p.owed)
		case !n.app.granted || n.app.frozen || n.app.p == nil:
			return n.name + " grants nothing"
		case len(n.p.asks) > 0:
			return n.name + " has not answered an administrator"
		}
	}
	return ""
}

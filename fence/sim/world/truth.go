package world

import (
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/operation"
)

// What is judged where it happens: on the disk, at the gate, at a device.

// heldUp is I5 where a supply outlasts its outlets: what a claim did ends no life that was admitted since.
func (c *checker) heldUp(m *machine) {
	if n := c.dom.Node(m.n.id); m.running && m.mains && m.cut.outlet[0] && m.cut.outlet[1] && m.cut.victim != m.boot && n.Life.Boot == m.boot && c.dom.Clean(n.ID) {
		c.fail("I5", "the supplies of %s held up after an off for %s, and end %s, which was admitted meanwhile", m.n.name, m.cut.victim, m.boot)
	}
}

// cuts reports whether what a walk switches off is for the cluster to switch on again. Before all members knew better a view could end that. Whoever
// vouches for a life takes what becomes of its machine over, and an off that is on its way to it meanwhile is his (R19).
func (c *checker) cuts(s operation.Spec, m *node) bool {
	return m.id == s.Victim.Node && c.dom.Feature >= domain.FeatureAlive && !c.vouched[s.Victim.Boot]
}

// leftOff is R9's other half: what the cluster itself switched off it switches on again, unless it is to stay off or a human took it over. Who comes
// with a finger on the button finds nothing that a claim's off left behind, but for one supply of two.
func (c *checker) leftOff(n *node, dn *domain.Node) {
	m := &n.mach
	owes := dn.PowerOn != nil || dn.Victim != nil || dn.OffHeld || dn.Instance != "" || // its end is not noticed yet
		len(dn.Unquiet) > 0 || !c.dom.Armed || !c.dom.Quorate()
	dark := m.mains && !m.power() && (m.cut.outlet[0] || m.cut.outlet[1])
	if off := m.cut.chassis && !m.chassis || dark; off && !owes {
		c.fail("R9", "%s was switched off by a claim, and nobody is to switch it on", n.name)
	}
}

// opens is V11: the ways of a machine are opened for no life that was cut off, and by itself only before it is admitted.
func (c *checker) opens(p *proc, s operation.Spec, m *node) {
	if l := c.lives[m.mach.boot]; m.mach.running && l != nil && l.cut {
		c.fail("V11", "claim %d of %s opens a way to the disk for %s, which was cut off", s.Claim, p, m.mach.boot)
	}
	if s.Own && c.dom.Clean(m.id) {
		c.fail("V11", "claim %d of %s registers %s, which is admitted already", s.Claim, p, m.name)
	}
}

// write is the ground truth of I1: no write of a life lands after anybody released it, or after its verdict.
func (c *checker) write(n *node) {
	if !n.mach.reaches() {
		return // what is cut off writes into the void (R18)
	}
	c.writes++
	l := c.lives[n.mach.boot]
	switch {
	case l.released:
		c.fail("I1", "a write of %s lands after its release", l.boot)
	case l.over:
		c.fail("I1", "a write of %s lands after its verdict", l.boot)
	}
}

// release judges what a node tells its clients (I1, R6, R13).
func (c *checker) release(p *proc, life fence.Incarnation, v fence.Verdict) {
	c.w.say("%s releases %s (%s)", p.n.name, life, v.Kind)
	switch {
	case !life.Unknown() && !c.dom.IsOver(life):
		c.fail("R6", "%s releases %s, which has no committed verdict", p, life)
	case c.dom.IsOver(p.run.Incarnation):
		c.fail("R13", "%s releases %s and is over itself", p, life)
	}
	if l := c.lives[life.Boot]; l != nil {
		l.released = true
		if l.n.mach.running && l.n.mach.boot == l.boot && (v.Kind != fence.VerdictCut || l.n.mach.reaches()) {
			c.fail("I1", "%s releases %s, which still runs", p, life)
		}
	}
}

// outwaited: who says, clean, that it holds nothing, and waits only until its ways are open, has outlived the lives before it as if it was admitted (R10).
func (c *checker) outwaited() {
	for i := range c.dom.Nodes {
		n := &c.dom.Nodes[i]
		l := c.lives[n.Life.Boot]
		if n.Pending != nil && n.Cut != nil && l != nil && !n.Unknown && n.Victim == nil && n.Suspect == "" && n.Lapsed.Zero() && len(n.Unquiet) == 0 {
			c.supersede(l.n, l.k)
		}
	}
}

// grant is the other half of I1: every life that may hold state is accounted for, as far as this node knows.
func (c *checker) grant(p *proc) {
	c.lives[p.n.mach.boot].used = true
	c.guarded(p)
	d := p.m.Domain()
	for _, n := range c.w.nodes {
		for k := 1; k <= n.mach.life; k++ {
			l := c.lives[bootID(n, k)]
			if l == nil || !l.used || l.left || l.returned || l.n == p.n && l.boot == p.n.mach.boot {
				continue
			}
			life := fence.Incarnation{Node: n.id, Boot: l.boot}
			dn := d.Node(n.id)
			known := d.IsOver(life) || dn.Life == life && d.Clean(n.id) || c.forgotten(d, life)
			if !known && !c.lags(life) {
				c.fail("I1", "%s grants while %s may hold state: neither a clean member nor over", p, life)
			}
		}
	}
}

// lags: this node has not applied yet what is committed, which it may not for a while: that life is a clean member, or its trouble is new.
func (c *checker) lags(life fence.Incarnation) bool {
	n := c.dom.Node(life.Node)
	since, open := c.open[life.Node]
	return n.Life == life && c.dom.Clean(life.Node) || open && c.w.now-since < (c.dom.Roster.Timing.FailureTimeoutMS+1000)*ms
}

// forgotten: Ended keeps the newest lives only; what is older than all of them was resolved.
func (c *checker) forgotten(d *domain.State, life fence.Incarnation) bool {
	l := c.lives[life.Boot]
	return l.over && len(d.Node(life.Node).Ended) >= 8
}

// starts judges the begin of a walk (V3, V7).
func (c *checker) starts(p *proc, s operation.Spec) {
	n := p.m.Domain().Node(s.Victim.Node)
	mine := false
	if n != nil && n.Victim != nil && n.Victim.Claim != nil {
		mine = n.Victim.Claim.Actor == p.run.Origin && n.Victim.Claim.Number == s.Claim
	}
	if n != nil && n.Cut != nil && n.Cut.Claim != nil {
		mine = mine || n.Cut.Claim.Actor == p.run.Origin && n.Cut.Claim.Number == s.Claim
	}
	if n != nil && n.PowerOn != nil && n.PowerOn.Claim != nil {
		mine = mine || n.PowerOn.Claim.Actor == p.run.Origin && n.PowerOn.Claim.Number == s.Claim
	}
	switch {
	case !mine:
		c.fail("V3", "%s acts on node %d without its claim", p, s.Victim.Node)
	case !p.m.Quorate():
		c.fail("V3", "%s acts on node %d without a quorate view", p, s.Victim.Node)
	case s.Own != (s.Victim.Node == p.n.id) && s.Action == fence.ActionOn && len(s.Open) > 0:
		c.fail("V11", "%s is to open the ways of node %d, which only that node does, or only others", p, s.Victim.Node)
	case s.Victim.Node == p.n.id && !s.Own:
		c.fail("V7", "%s fences itself remotely", p)
	}
}

// calls judges a request at a device when it is made.
func (c *checker) calls(p *proc, k *call) {
	c.w.say("%s asks %s[%s] %q (claim %d on %s)", p.n.name, k.device, k.target, k.action, k.r.spec.Claim, k.r.spec.Victim.Incarnation)
	c.beside(p, k)
	if k.action == fence.ActionOff && member.LocalWalk(k.r.spec.Claim) && !p.byHand {
		c.oneAtATime(p, k)
	}
	if k.action != fence.ActionOff && k.action != "" {
		c.poweringOn(p, k.r.spec)
	}
	began, known := c.claimed[claimKey{k.r.spec.Victim.Node, k.r.spec.Claim}]
	age := c.w.now - began.at
	if c.trusts(p, k.r.spec) {
		age -= p.n.mach.skipped - began.skipped
	}
	if wait := c.waitedOut(k.r.spec); k.action != "" && known && age > wait {
		c.fail("R9", "%s switches %s under claim %d, %d ms after it was committed: the others have waited it out after %d ms",
			p, k.device, k.r.spec.Claim, age/ms, wait/ms)
	}
}

// trusts reports whether an actor cannot know that its claim is over but by its clock: what it has applied shows the claim in force. A guest that
// was paused with its clock cannot know how late it is until it hears from others; what its walk does to a later life is I5's.
func (c *checker) trusts(p *proc, s operation.Spec) bool {
	n := p.m.Domain().Node(s.Victim.Node)
	in := func(k *domain.Claim) bool { return k != nil && k.Number == s.Claim && k.Actor == p.run.Origin }
	return n != nil && (n.Victim != nil && in(n.Victim.Claim) || n.PowerOn != nil && in(n.PowerOn.Claim) || n.Cut != nil && in(n.Cut.Claim))
}

// claimed is when a claim was committed, and how much time its actor's clock had not counted by then.
type claimed struct{ at, skipped int64 }

// claimKey names a claim.
type claimKey struct {
	node  fence.NodeID
	claim uint64
}

// waitedOut is after which time the others take nothing of a claim for possible any more, but for what its devices do late (R9).
func (c *checker) waitedOut(s operation.Spec) int64 {
	return (operation.Duration(s) + 2*c.dom.Roster.Timing.FailureTimeoutMS) * ms
}

// poweringOn is I5's and V5's: while a claim to switch off is active nothing may be under way that switches on.
func (c *checker) poweringOn(p *proc, s operation.Spec) {
	if n := c.dom.Node(s.Victim.Node); n.Victim != nil && n.Victim.Claim != nil {
		c.fail("V5", "%s powers node %d on (claim %d) while claim %d is to switch it off", p, n.ID, s.Claim, n.Victim.Claim.Number)
	}
}

// effect judges what a device does to a machine (V4, V6, I5).
func (c *checker) effect(p *proc, d *device, s operation.Spec, action fence.Action, m *node) {
	if m.id != s.Victim.Node {
		if s.Victim.Cause != fence.CauseOperator && !c.justMoved(d) {
			c.fail("V6", "claim %d of %s on node %d switches %s %s", s.Claim, p, s.Victim.Node, m.name, action)
		}
		return
	}
	if action == fence.ActionOnTarget && p.n != m {
		c.fail("V11", "%s registers %s, which only that machine may", p, m.name)
	}
	if d.port > 0 && action != fence.ActionOff {
		c.opens(p, s, m)
	}
	if action != fence.ActionOff {
		c.poweringOn(p, s)
		return
	}
	n := c.dom.Node(m.id)
	if m.mach.running && m.mach.boot != s.Victim.Boot && n.Life.Boot == m.mach.boot && c.dom.Clean(m.id) {
		c.fail("I5", "an off of claim %d (%s) of %s lands on %s, which was admitted meanwhile", s.Claim, s.Victim.Incarnation, p, m.mach.boot)
	}
}

// justMoved: the address was moved while an attempt was under way, after the machine behind it had identified itself. Nobody can see that.
func (c *checker) justMoved(d *device) bool {
	var attempt int64
	for _, r := range c.w.roster.Devices {
		attempt = max(attempt, r.AttemptMS)
	}
	return d.moved > 0 && c.w.now-d.moved < 2*attempt*ms+c.w.plan.effect
}

// proposes judges what a node is about to say (V12). Whoever goes on after a planned restart holds what it held (R26).
func (c *checker) proposes(p *proc, e domain.Entry) {
	if a := e.Announce; a != nil && a.Clean && a.Resume == "" && !c.dom.Clean(p.n.id) && (p.lastScan.State || p.lastScan.Unsure) {
		c.fail("V12", "%s says that it is clean, its scan said state=%v unsure=%v", p, p.lastScan.State, p.lastScan.Unsure)
	}
}

func (c *checker) selfFence(n *node) {
	if !c.dom.EverArmed {
		c.fail("S5", "%s ends its own life in a cluster that was never armed", n.name)
	}
}

func (c *checker) answered(_ *proc, _ string, _ member.Answer) {}

// survivors is the first half of L5: of a split one side goes on. Whoever is cut off for ever uses nothing any more when the others have resolved all.
func (c *checker) survivors() {
	for _, n := range c.w.nodes {
		if n.apart && n.mach.alive() && n.app.granted && !n.app.frozen {
			c.fail("L5", "%s is cut off for ever, the others went on, and it is granted what is shared", n.name)
		}
	}
}

// loops is the other half: once a majority is healed nothing is fenced again and again. An operator's wishes are his.
func (c *checker) loops(e domain.Event) {
	if !c.w.live || e.Cause == fence.CauseOperator || e.Verdict.Evidence.Kind == fence.EvidenceOperator {
		return
	}
	if c.again[e.Node]++; c.again[e.Node] > maxAgain {
		c.fail("L5", "node %d has its verdict number %d since a majority was healed: %s, by %s", e.Node, c.again[e.Node], e.Life, e.Verdict.Evidence.Kind)
	}
}

// maxAgain is how often that may be for one node: what the storm left behind, and once for each thing that a person does about others meanwhile.
const maxAgain = 4

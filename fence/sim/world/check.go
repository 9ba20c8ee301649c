package world

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/sim/embedded"
)

// checker judges everything that happens, at once. It believes the hardware, and its own replica of what was committed; never what a daemon says.
type checker struct {
	w         *World
	violation *Violation
	dom       *domain.State // what is committed, applied here first
	fsm       *embedded.FSM
	digests   []uint64         // of the events at each index
	lives     map[string]*life // by boot id
	active    map[fence.NodeID]uint64
	answering []answering
	open      map[fence.NodeID]int64 // victims, since when
	claimed   map[claimKey]claimed
	arrived   map[fence.NodeID]arrival
	named     map[fence.NodeID]uint64 // the index at which it became a victim
	isBusy    bool
	auditedAt uint64
	again     map[fence.NodeID]int // verdicts on a node in the second phase
	vouched   map[string]bool      // boots that a human acknowledged
	hashes    map[uint64]string    // of the states that were seen at each index

	victims, verdictCount, writes, elapsedCount int
}

// life is the truth about one life of a machine.
type life struct {
	n        *node
	boot     string
	k        int  // counts the lives of its machine
	used     bool // a client was granted in it
	left     bool // it left cleanly, committed
	returned bool // a later life of the same machine was admitted
	over     bool // a verdict on it is committed
	cut      bool // and that is a cut: it may go on
	released bool
}

type answering struct {
	boot string
	at   int64
}

func newChecker(w *World) *checker {
	return &checker{
		w: w, dom: domain.New(), fsm: embedded.NewFSM(w.opt.Nodes), lives: map[string]*life{}, active: map[fence.NodeID]uint64{}, open: map[fence.NodeID]int64{}, hashes: map[uint64]string{}, vouched: map[string]bool{}, again: map[fence.NodeID]int{}, named: map[fence.NodeID]uint64{}, claimed: map[claimKey]claimed{}, arrived: map[fence.NodeID]arrival{},
	}
}

// fail notes the first violation; the run ends with it.
func (c *checker) fail(invariant, format string, args ...any) {
	if c.violation != nil {
		return
	}
	c.violation = &Violation{Invariant: invariant, Text: fmt.Sprintf(format, args...), AtMS: c.w.now / ms}
	c.w.say("VIOLATION %s: %s", invariant, c.violation.Text)
	c.w.done = true
}

// commit applies one committed entry to the checker's own replica, and judges what came of it.
func (c *checker) commit(index int, e *embedded.Entry) {
	var in member.Input
	if c.fsm.Take(index, e) {
		in = inputOf(index, e)
	}
	c.committedInput(index, in)
}

// committedInput judges what a committed entry says to a reader.
func (c *checker) committedInput(index int, in member.Input) {
	var events []domain.Event
	before := make([]string, len(c.dom.Nodes)) // the runs that were clean
	for i := range c.dom.Nodes {
		if n := &c.dom.Nodes[i]; c.dom.Clean(n.ID) {
			before[i] = n.Instance
		}
	}
	switch in := in.(type) {
	case member.ViewInstalled:
		events = c.dom.ApplyView(in.Index, in.Members, in.Quorate)
	case member.EntryCommitted:
		entry, err := domain.Decode(in.Data)
		if err != nil {
			c.fail("V16", "entry %d of %s does not decode: %v", index, in.By.Instance, err)
			return
		}
		if events, err = c.dom.Apply(in.Index, in.By, entry); err != nil {
			c.w.say("entry %d of %s rejected: %v", index, in.By.Instance, err)
			c.w.rejected(in.By, entry, err)
		}
		if err == nil && entry.Claim != nil {
			c.brake(*entry.Claim)
		}
	}
	for len(c.digests) < index {
		c.digests = append(c.digests, 0)
	}
	c.digests[index-1] = digest(events)
	c.arrivals()
	for _, ev := range events {
		c.w.say("[%d] %s %s claim %d actor %d cause %s on %v %s", index, ev.Kind, ev.Life, ev.Claim, ev.Actor, ev.Cause, ev.On, ev.Text)
		c.event(ev, before)
		c.w.committedEvent(index, ev)
	}
	c.outwaited()
	c.isBusy = c.unsettled() != ""
}

// arrivals notes when each node's daemon came into the view, or may announce itself anew.
func (c *checker) arrivals() {
	for i := range c.dom.Nodes {
		if n := &c.dom.Nodes[i]; c.arrived[n.ID].index != n.Arrived {
			c.arrived[n.ID] = arrival{n.Arrived, c.w.now}
		}
	}
}

// arrival is an index from which a daemon owes its announcement, and the instant.
type arrival struct {
	index uint64
	at    int64
}

// digest folds what all members must agree on (I3).
func digest(events []domain.Event) uint64 {
	h := fnv.New64a()
	var b [8]byte
	num := func(n uint64) {
		binary.LittleEndian.PutUint64(b[:], n)
		h.Write(b[:])
	}
	for _, e := range events {
		h.Write([]byte(e.Kind))
		h.Write([]byte(e.Life.Boot))
		num(uint64(e.Node))
		num(e.Claim)
		num(uint64(e.Actor))
		num(e.Operation)
	}
	return h.Sum64()
}

// event judges one committed transition.
func (c *checker) event(e domain.Event, before []string) {
	n := c.dom.Node(e.Node)
	switch e.Kind {
	case domain.EventVictim:
		c.victims++
		c.open[e.Node], c.named[e.Node] = c.w.now, c.dom.Index
		_, stays := c.dom.InView(e.Node)
		if before[e.Node-1] != "" && stays && n.Instance == before[e.Node-1] && e.Cause == fence.CauseFailed && n.Life == e.Life {
			c.fail("V7", "%s is a clean member of the view and becomes a victim without a request", e.Life)
		}
		if !c.dom.Quorate() {
			c.fail("R30", "%s becomes a victim in a view without quorum", e.Life)
		}
	case domain.EventClaim:
		if a := c.active[e.Node]; a != 0 {
			c.fail("V4", "claim %d on node %d while claim %d is active", e.Claim, e.Node, a)
		}
		if _, in := c.dom.InView(e.Actor); !in {
			c.fail("I4", "node %d claims and is not in the view", e.Actor)
		}
		c.active[e.Node] = e.Claim
		c.claimed[claimKey{e.Node, e.Claim}] = claimed{at: c.w.now, skipped: c.w.nodes[e.Actor-1].mach.skipped}
		c.cutTogether(e)
	case domain.EventClaimEnd, domain.EventHandover, domain.EventCanceled:
		delete(c.active, e.Node)
	case domain.EventPowerOn, domain.EventUnfence:
		delete(c.active, e.Node)
	case domain.EventVerdict:
		delete(c.active, e.Node)
		delete(c.open, e.Node)
		c.verdict(e)
	case domain.EventClean:
		c.clean(e)
	case domain.EventRestarting:
		if n.Restarted == c.dom.Index {
			c.resumed(e.Life)
		}
	case domain.EventStateful:
		if l := c.lives[e.Life.Boot]; l != nil && !e.On {
			l.used = false
			if l.n.mach.boot == l.boot && l.n.mach.running && (l.n.mach.residue || l.n.app.granted) {
				c.fail("R12", "%s counts as stateless, and has state in its kernel", e.Life)
			}
		}
	case domain.EventGone:
		if l := c.lives[e.Life.Boot]; l != nil && l.n.mach.boot == l.boot && l.n.mach.running && (l.n.mach.residue || l.n.app.granted) {
			c.fail("R12", "%s is gone without being a victim, and has state in its kernel", e.Life)
		}
	case domain.EventLeft:
		if l := c.lives[e.Life.Boot]; l != nil {
			l.left = true
			if l.n.mach.boot == l.boot && l.n.mach.residue {
				c.fail("S2.11", "%s left with state in its kernel", e.Life)
			}
		}
	case domain.EventAck:
		if o, in := c.dom.InView(e.Node); in && (o.Boot == e.Life.Boot || e.Life.Unknown()) { // of another life of it a person may say that it is over (0086)
			c.fail("V9", "%s is acknowledged while it is in the view", e.Life)
		}
		if m := &c.w.nodes[e.Node-1].mach; m.running && m.boot == e.Life.Boot {
			m.powerOff("who vouched for it pulls its plug") // a human's word is a human's responsibility (R19)
		}
		c.vouched[e.Life.Boot] = true
		c.w.nodes[e.Node-1].mach.cut = cut{} // and what becomes of the machine too
	}
}

// verdict compares a committed verdict with the hardware (V1, V2, V8).
func (c *checker) verdict(e domain.Event) {
	c.verdictCount++
	v := e.Verdict
	if v.Evidence.Kind == fence.EvidencePowerOff && v.Evidence.ReadIndex < c.named[e.Node] {
		c.fail("V1", "the first read for %s began at index %d, it was named a victim at %d", e.Life, v.Evidence.ReadIndex, c.named[e.Node])
	}
	c.loops(e)
	n := c.w.nodes[e.Node-1]
	if v.Evidence.WaitedMS > 0 {
		c.elapsed(n, e.Life, v.Evidence)
	}
	if v.Evidence.Kind == fence.EvidencePowerOff && v.Evidence.Claim != e.Claim {
		c.fail("I4", "evidence of claim %d ends claim %d on %s", v.Evidence.Claim, e.Claim, e.Life)
	}
	if l := c.lives[e.Life.Boot]; l != nil {
		if l.over && (!l.cut || v.Kind == fence.VerdictCut) {
			c.fail("V8", "a second verdict on %s", e.Life)
		}
		l.over, l.cut = true, v.Kind == fence.VerdictCut
	}
	if v.Kind == fence.VerdictCut {
		c.cutOff(n, e.Life)
		return
	}
	if l := c.lives[e.Life.Boot]; l != nil { // whoever ran on that machine before is over too
		c.supersede(n, l.k)
	} else if !n.mach.running {
		c.supersede(n, n.mach.life+1)
	}
	running := c.lives[n.mach.boot]
	if !n.mach.running || running == nil {
		return
	}
	switch {
	case running.boot == e.Life.Boot:
		c.fail("V1", "%s has a verdict (%s) and its machine still runs it", e.Life, v.Evidence.Kind)
	case e.Life.Unknown() && running.used:
		c.fail("V1", "%s has a verdict (%s) and %s runs with state in its kernel", e.Life, v.Evidence.Kind, running.boot)
	}
}

// cutOff is R18: a cut covers every way to the disk, of the machine that runs the life.
func (c *checker) cutOff(n *node, life fence.Incarnation) {
	if n.mach.running && n.mach.boot == life.Boot && n.mach.reaches() {
		c.fail("R18", "%s has the verdict cut and reaches the disk", life)
	}
}

// clean judges an admission (V11, V12).
func (c *checker) clean(e domain.Event) {
	l := c.lives[e.Life.Boot]
	switch {
	case l == nil:
		c.fail("R1", "%s is admitted and nobody ever booted it", e.Life)
	case l.over:
		c.fail("V11", "%s is admitted after its verdict", e.Life)
	case l.n.mach.running && l.n.mach.boot == l.boot && !l.n.mach.reaches():
		c.fail("V11", "%s is admitted behind closed ports", e.Life)
	case l.n.mach.boot == l.boot && l.n.mach.running && l.n.mach.residue && c.dom.Node(e.Node).Restarted != c.dom.Index: // but for a planned restart (R26)
		c.fail("V12", "%s is admitted with state in its kernel", e.Life)
	}
	if l != nil {
		c.supersede(l.n, l.k)
		if in, _ := c.dom.InView(e.Node); l.n.p != nil && l.n.p.run.Origin == in && l.n.p.scannedAt < c.arrived[e.Node].at {
			c.fail("I4", "%s is admitted by a word about a scan from before its arrival in the view", e.Life)
		}
	}
}

// supersede: the lives of a machine before one that is proven over or admitted clean are over.
func (c *checker) supersede(n *node, k int) {
	for k--; k > 0; k-- {
		c.lives[bootID(n, k)].returned = true
	}
}

// cutTogether is R21: the cluster itself never claims two that are in the view together, when quorum goes with them (pitfall 11).
func (c *checker) cutTogether(e domain.Event) {
	v := c.dom.Node(e.Node).Victim
	if _, here := c.dom.InView(e.Node); !here || e.On || v.Named || v.Force || v.Cause == fence.CauseOperator || v.Cause == fence.CauseReported {
		return
	}
	others, left := 0, 0
	for _, m := range c.dom.View.Members {
		switch o := c.dom.Node(m.Node).Victim; {
		case m.Node == e.Node:
		case o != nil && o.Claim != nil:
			others++
		default:
			left++
		}
	}
	if c.dom.Feature >= domain.FeatureReturners && others > 0 && left < c.w.roster.Quorum() {
		c.fail("R21", "node %d is claimed while %d more of the view are, and %d stay", e.Node, others, left)
	}
}

// brake is V13: victims that still answer are limited within the window.
func (c *checker) brake(e domain.ClaimEntry) {
	n := c.dom.Node(e.Node)
	if !e.Answers || e.On || n == nil || n.Victim == nil || n.Victim.Named || n.Victim.Force {
		return
	}
	window := c.dom.Roster.Policy.BrakeWindowMS*ms - 2*second // clocks differ
	c.answering = slices.DeleteFunc(c.answering, func(a answering) bool { return c.w.now-a.at > window })
	if slices.ContainsFunc(c.answering, func(a answering) bool { return a.boot == e.Boot }) {
		return
	}
	c.answering = append(c.answering, answering{boot: e.Boot, at: c.w.now})
	if most := max(1, len(c.w.nodes)/4); len(c.answering) > most {
		c.fail("V13", "%d victims that still answered were claimed within %d ms, at most %d may be", len(c.answering), window/ms, most)
	}
}

func (c *checker) busy() bool { return c.isBusy }

func (c *checker) boot(n *node) {
	if c.lives[n.mach.boot] != nil {
		panic("sim: a boot id twice")
	}
	c.lives[n.mach.boot] = &life{n: n, boot: n.mach.boot, k: n.mach.life}
}

package world

import (
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/sim/embedded"
	"github.com/fenced-project/fenced/membership"
)

// proc is one run of the daemon: the deciding loop with its member, the provider and the engine. When it ends, everything of it ends.
type proc struct {
	w       *World
	n       *node
	run     *runID
	st      *store
	dead    bool
	stopped bool // SIGSTOP
	hung    bool // its deciding loop stands still, the rest goes on
	byHand  bool // a person forces power from this node (R31)
	waiting []func()

	co  *coro            // the provider over corosync, nil with the embedded one
	emb *embedded.Daemon // that one; over corosync it only knows that it is out of service

	// the loop
	m          *member.Member
	events     items // of the provider, in order
	inputs     items // everything else
	looping    bool
	looped     func() // loop, beaten is beat: made once
	beaten     func()
	dieIn      int // effects until it is killed, 0 for never
	asked      uint64
	asks       map[uint64]string
	clients    uint64
	audited    uint64 // the index at which its state was compared with the others'
	lastScan   member.ResidualScanned
	scannedAt  int64
	owed       []fence.Incarnation // releases that it has applied and not told
	operations []*walk
	queues     map[string]*queue
	serial     uint64
	probe      *probe
	keeper     keeper
	fellAt     int64 // when it first wanted to end its machine, 0 for not
	leasedMS   int64 // send time of the newest ping that was acknowledged by a majority (R14)
}

// item is one input of the loop, or something to be done in it.
type item struct {
	in member.Input
	f  func()
}

// items is a queue that keeps its memory: it fills and empties many times a second.
type items struct {
	list []item
	next int
}

func (q *items) empty() bool { return q.next == len(q.list) }

func (q *items) put(it item) { q.list = append(q.list, it) }

func (q *items) take() item {
	it := q.list[q.next]
	q.list[q.next] = item{}
	if q.next++; q.empty() {
		q.list, q.next = q.list[:0], 0
	}
	return it
}

// startLater lets the unit start the daemon.
func (n *node) startLater(d int64) {
	epoch := n.mach.epoch
	n.w.after(d, func() {
		if n.mach.epoch == epoch && n.p == nil && n.mach.running && !n.down {
			n.start()
		}
	})
}

func (n *node) start() {
	w := n.w
	if n.mach.hung || n.mach.paused || w.now < n.diskUntil {
		n.startLater(second)
		return
	}
	n.instance++
	n.st.Starts++
	self := domain.Origin{Incarnation: fence.Incarnation{Node: n.id, Boot: n.mach.boot}, Instance: fmt.Sprintf("%s-%d", n.name, n.instance)}
	p := &proc{w: w, n: n, run: &runID{Origin: self, heard: member.Heard{By: self}}, st: n.st, asks: map[uint64]string{}, queues: map[string]*queue{}}
	p.emb = w.log.NewDaemon((*host)(p), &embedded.Run{Incarnation: self.Incarnation, Instance: self.Instance, I: n.i, Store: n.st.ID, Starts: n.st.Starts, Tag: p.run}, &n.st.Store)
	p.looped, p.beaten = p.loop, p.beat
	p.m = member.New(member.Config{Self: self, Machine: fence.Machine{UUID: n.mach.uuid, Virtual: n.mach.virtual}, RosterHash: n.file(), Version: "sim", Watchdog: n.mach.dog.mode, Shared: w.roster.Nodes[n.i].Shared})
	n.p = p
	p.found()
	w.say("%s starts as %s, store %d start %d", n.name, self.Instance, n.st.ID, n.st.Starts)
	if w.rings != nil {
		p.beginCoro()
	} else {
		p.emb.Begin()
	}
	p.after(span(w.delays, 0, w.plan.tick), p.beat)
	n.app.connect(p)
}

// kill ends the daemon; its unit starts it again after a while.
func (n *node) kill(why string) {
	p := n.p
	if p == nil {
		return
	}
	n.w.say("%s: daemon ends (%s)", n.name, why)
	p.dead = true
	n.p = nil
	p.emb.End()
	n.cutShort = n.app.granted
	if p.co != nil {
		p.co.ended()
	}
	n.app.closed()
	if n.mach.running {
		n.restarts++
		n.startLater(span(n.w.chance, 100*ms, 5*second) + int64(min(n.restarts, 10))*second)
	}
}

// after lets f happen in this process in a while.
func (p *proc) after(d int64, f func()) { p.w.push(event{at: p.w.now + d, p: p, f: f}) }

// propose takes a proposal of the reader.
func (p *proc) propose(number uint64, data []byte) {
	if p.co == nil {
		p.emb.Propose(number, data)
		return
	}
	now := p.n.local()
	if p.emb.Out || p.co.m.Propose(number, data, now+p.w.plan.outcome, now) != nil {
		p.pushInput(member.ProposalDone{Number: number})
	}
	p.co.effects()
}

func (p *proc) deny(life fence.Incarnation) {
	if p.co != nil {
		p.co.m.Deny(life)
		return
	}
	p.emb.Deny(life)
}

func (p *proc) String() string { return fmt.Sprintf("%s/%s", p.n.name, p.run.Instance) }

// silent reports whether nothing comes from this process now.
func (p *proc) silent() bool {
	return p.dead || p.stopped || p.emb.Out || !p.n.mach.alive()
}

// stop is SIGSTOP, wake SIGCONT: what was due meanwhile comes at once, in any order.
func (p *proc) stop(d int64) {
	if p.stopped || p.dead {
		return
	}
	p.stopped = true
	p.w.after(d, func() {
		if p.dead || !p.stopped {
			return
		}
		p.stopped = false
		if !p.n.mach.paused {
			p.wake()
		}
	})
}

func (p *proc) wake() {
	for _, f := range p.waiting {
		p.after(span(p.w.delays, 0, 2*ms), f)
	}
	p.waiting = nil
	p.emb.Woken()
}

// hang lets the deciding loop stand still.
func (p *proc) hang(d int64) {
	p.hung = true
	p.after(d, func() {
		p.hung = false
		p.loopSoon()
	})
}

// fail takes the provider out of service for the rest of this run (R20).
func (p *proc) fail(why string) {
	if p.emb.Out {
		return
	}
	p.emb.Fail()
	if p.co != nil {
		p.co.disconnect(membership.HowProcessGone)
	}
	p.w.say("%s: membership out of service (%s)", p.n.name, why)
	p.pushInput(member.QuorumLost{Why: why})
}

func (p *proc) pushInput(in member.Input) {
	p.events.put(item{in: in})
	p.loopSoon()
}

// push puts something in the provider's order.
func (p *proc) push(f func()) {
	p.events.put(item{f: f})
	p.loopSoon()
}

// post is an input from elsewhere.
func (p *proc) post(in member.Input) {
	p.inputs.put(item{in: in})
	p.loopSoon()
}

func (p *proc) loopSoon() {
	if p.looping || p.hung {
		return
	}
	p.looping = true
	p.after(span(p.w.delays, 10, 300), p.looped)
}

// loop is the deciding loop: it takes from both queues, and which comes first is chance.
func (p *proc) loop() {
	p.looping = false
	for !p.hung && !p.dead && !(p.events.empty() && p.inputs.empty()) {
		q := &p.events
		if q.empty() || !p.inputs.empty() && p.w.delays.IntN(2) == 0 {
			q = &p.inputs
		}
		it := q.take()
		if it.f != nil {
			it.f()
		} else {
			p.step(it.in)
		}
	}
}

// beat is the ticker of the loop.
func (p *proc) beat() {
	every := p.w.plan.tick
	if p.w.check.busy() {
		every = min(every, p.w.plan.busyTick)
	}
	if !p.hung {
		p.post(member.Tick{})
	}
	p.after(every, p.beaten)
}

package world

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/fence/operation"
)

// The engine: fence/engine with its queues, on the heap.

// walk is one operation being performed.
type walk struct {
	spec     operation.Spec
	op       *operation.Operation
	serial   uint64
	pending  int
	atDevice int
	finished bool
	quiet    bool
}

// queue is the queue of one device: the oldest operation goes first.
type queue struct {
	inUse   int
	waiting []*call
}

// call is one Status (action "") or Do.
type call struct {
	r              *walk
	id             uint64
	device, target string
	action         fence.Action
	deadline       int64 // local milliseconds
	asked          int64
	over           bool
}

func (p *proc) startWalk(s operation.Spec) {
	p.serial++
	r := &walk{spec: s, op: operation.New(s, p.n.local()), serial: p.serial}
	p.operations = append(p.operations, r)
	p.w.interrupt(p, s)
	p.after(span(p.w.delays, 10, 500), func() { p.walkOn(r, operation.Started{}) })
}

func (p *proc) cancelWalk(life fence.Incarnation, claim uint64, why string) {
	for _, r := range p.operations {
		if r.spec.Victim.Incarnation == life && r.spec.Claim == claim {
			p.after(span(p.w.delays, 10, 500), func() { p.walkOn(r, operation.Cancelled{Why: why}) })
		}
	}
}

// walkOn gives a walk one input and performs what it answers.
func (p *proc) walkOn(r *walk, in operation.Input) {
	if r.finished {
		return
	}
	for _, c := range r.op.Step(p.n.local(), in) {
		switch c := c.(type) {
		case operation.Status:
			p.call(&call{r: r, id: c.ID, device: c.Device, target: c.Target, deadline: c.DeadlineMS})
		case operation.Do:
			p.call(&call{r: r, id: c.ID, device: c.Device, target: c.Target, action: c.Action, deadline: c.DeadlineMS})
		case operation.WaitUntil:
			id := c.ID
			p.w.push(event{at: max(p.n.when(c.AtMS), p.w.now), p: p, f: func() { p.walkOn(r, operation.Timer{ID: id}) }})
		case operation.Finished:
			r.finished = true
			r.quiet = r.atDevice == 0
			p.giveUp(r)
			p.post(member.ReadResult{Node: r.spec.Victim.Node, Claim: r.spec.Claim, Quiet: r.quiet, Result: c.Result})
		}
	}
	p.settled(r)
}

// settled tells when the last call of a finished walk has returned.
func (p *proc) settled(r *walk) {
	if !r.finished || r.pending > 0 {
		return
	}
	if !r.quiet {
		r.quiet = true
		p.post(member.CallsReturned{Node: r.spec.Victim.Node, Claim: r.spec.Claim})
	}
	p.operations = slices.DeleteFunc(p.operations, func(o *walk) bool { return o == r })
}

func (p *proc) call(c *call) {
	r := c.r
	r.pending++
	c.asked = p.n.local()
	q := p.queues[c.device]
	if q == nil {
		q = &queue{}
		p.queues[c.device] = q
	}
	p.w.push(event{at: p.n.when(c.deadline), p: p, f: func() { p.tooLate(q, c) }})
	if q.inUse < p.limit(c.device) && len(q.waiting) == 0 {
		p.begin(q, c)
		return
	}
	at := 0
	for at < len(q.waiting) && q.waiting[at].r.serial <= r.serial {
		at++
	}
	q.waiting = slices.Insert(q.waiting, at, c)
}

func (p *proc) limit(device string) int {
	d, _ := p.w.roster.Device(device)
	return max(d.Limit, 1)
}

// tooLate ends the wait for a turn at the device.
func (p *proc) tooLate(q *queue, c *call) {
	if i := slices.Index(q.waiting, c); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		p.result(c, operation.CallResult{Class: operation.ClassTimeout, Text: "waited for its turn", StartedMS: c.asked})
	}
}

// giveUp ends the calls of a finished walk that still wait for their turn.
func (p *proc) giveUp(r *walk) {
	for _, name := range p.deviceNames() {
		q := p.queues[name]
		for _, c := range slices.Clone(q.waiting) {
			if c.r == r {
				p.tooLate(q, c)
			}
		}
	}
}

func (p *proc) deviceNames() []string {
	names := make([]string, 0, len(p.queues))
	for _, d := range p.w.roster.Devices {
		if p.queues[d.Name] != nil {
			names = append(names, d.Name)
		}
	}
	return names
}

// begin brings a call to its device.
func (p *proc) begin(q *queue, c *call) {
	q.inUse++
	p.after(span(p.w.delays, 10, 2*ms), func() {
		started := p.n.local()
		if c.r.finished || started >= c.deadline {
			p.finishCall(q, c, operation.CallResult{Class: operation.ClassTimeout, Text: "its time was over before it began", StartedMS: started})
			return
		}
		c.r.atDevice++
		p.w.check.calls(p, c)
		d, m := p.w.device(c.device, c.target)
		d.ask(p, c, m, func(r operation.CallResult) {
			c.r.atDevice--
			r.StartedMS = started
			p.finishCall(q, c, r)
		})
	})
}

func (p *proc) finishCall(q *queue, c *call, r operation.CallResult) {
	q.inUse--
	for q.inUse < p.limit(c.device) && len(q.waiting) > 0 {
		next := q.waiting[0]
		q.waiting = slices.Delete(q.waiting, 0, 1)
		p.begin(q, next)
	}
	p.result(c, r)
}

// result brings the answer to the walk.
func (p *proc) result(c *call, r operation.CallResult) {
	if c.over {
		return
	}
	c.over = true
	r.ID, r.FinishedMS = c.id, p.n.local()
	p.after(span(p.w.delays, 5, 300), func() {
		c.r.pending--
		p.walkOn(c.r, r)
		p.settled(c.r)
	})
}

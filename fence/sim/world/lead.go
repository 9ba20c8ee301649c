package world

import (
	"slices"

	"github.com/fenced-project/fenced/fence/member"
)

// wakeLead does what only a leader does, one thing at a time; each step ends when it is committed, or given up.
func (p *proc) wakeLead() {
	if p.leadWoken || !p.raft.leads {
		return
	}
	p.leadWoken = true
	p.after(span(p.w.delays, 50, 500), func() {
		p.leadWoken = false
		p.leadStep()
	})
}

func (p *proc) leadStep() {
	w := p.w
	if !p.raft.leads || p.out {
		return
	}
	if p.leading != nil && w.now < p.leadUntil && p.fsm.index < p.leadingAt {
		return
	}
	p.leading = nil
	now := p.n.local()
	next, hand := p.nextView(now)
	switch {
	case hand >= 0:
		w.count[faultHandover]++
		to := w.nodes[hand].p
		if to != nil && !to.stopped && w.talks(p, to) && len(to.st.log) == len(p.st.log) {
			p.resign(p.st.term)
			w.push(event{at: w.now + w.hop(), p: to, f: func() { to.campaign(true) }})
		}
	case next != nil:
		p.leadEntry(&ent{kind: entView, view: next, base: p.fsm.viewAt})
	default:
		p.tidy(now)
	}
}

func (p *proc) leadEntry(e *ent) {
	p.leading, p.leadUntil = e, p.w.now+p.w.roster.Timing.FailureTimeoutMS*ms
	p.append(e)
	p.leadingAt = len(p.st.log)
}

// tidy makes a store that has caught up a voter, by a committed change (R3).
func (p *proc) tidy(now int64) {
	c := p.conf()
	if p.fsm.conf != c {
		return // one change at a time
	}
	for i := range p.w.nodes {
		pe := &p.pres.peers[i]
		if i == p.n.i || c.store[i] == 0 || c.voter[i] || pe.ping == nil {
			continue
		}
		r := p.fsm.runs[i]
		if r.store == c.store[i] && r.run == pe.ping.run && p.hears(i, now) && pe.ping.applied+16 >= p.fsm.index {
			n := c.clone()
			n.voter[i] = true
			p.leadEntry(&ent{kind: entConf, conf: n})
			return
		}
	}
}

// outside reports whether a store asks to be let in: it is in no domain, or no leader is heard and the newest configuration does not surely name it.
// What a leader that fell told this store alone is no promise of the others (standing in membership/embedded/control.go).
func (p *proc) outside(now int64) bool {
	switch {
	case !p.st.member:
		return true
	case p.raft.leader >= 0 || now-p.leaderAt <= 2*p.pres.fail:
		return false
	}
	c := p.conf()
	return c == nil || c.store[p.n.i] != p.st.id || len(p.st.log) > p.raft.commit
}

// admitMe asks the leader to let a new store of this node in; the older one loses its vote before (R3).
func (p *proc) admitMe() {
	w := p.w
	for _, n := range w.nodes {
		l := n.p
		if l == nil || l == p || !l.raft.leads || l.stopped || l.out || !w.talks(p, l) {
			continue
		}
		w.push(event{at: w.now + w.hop(), p: l, f: func() { l.admit(p) }})
		return
	}
}

func (p *proc) admit(o *proc) {
	i, now := o.n.i, p.n.local()
	if !p.raft.leads || p.out || o.dead || p.fsm.conf != p.conf() || (p.leading != nil && p.fsm.index < p.leadingAt) {
		return
	}
	pe := &p.pres.peers[i]
	if pe.ping != nil && pe.ping.run.store != o.st.id && now-pe.heardAt < p.pres.fail {
		return // another store of that node is in use
	}
	c := p.conf()
	if p.fsm.runs[i].store == o.st.id && c.store[i] == o.st.id {
		return // it is in
	}
	p.w.say("%s lets store %d of %s in", p.n.name, o.st.id, o.n.name)
	switch {
	case p.fsm.runs[i].store != o.st.id:
		p.leadEntry(&ent{kind: entStore, node: i, store: o.st.id})
	default:
		n := c.clone()
		n.store[i], n.voter[i] = o.st.id, false
		p.raft.match[i] = 0 // what its older store had is gone
		p.leadEntry(&ent{kind: entConf, conf: n})
	}
}

// propose takes a proposal of the reader.
func (p *proc) propose(number uint64, data []byte) {
	now := p.n.local()
	if p.co != nil {
		if p.out || p.co.m.Propose(number, data, now+p.w.plan.outcome, now) != nil {
			p.pushInput(member.ProposalDone{Number: number})
		}
		p.co.effects()
		return
	}
	p.proposals = append(p.proposals, proposal{number: number, data: data, deadline: now + p.w.plan.outcome})
	p.wakeWork()
}

// wakeWork brings proposals to the leader and gives up those that ran out of time.
func (p *proc) wakeWork() {
	if p.workWoken {
		return
	}
	p.workWoken = true
	p.after(span(p.w.delays, 50, 500), func() {
		p.workWoken = false
		p.work()
	})
}

func (p *proc) work() {
	w := p.w
	now := p.n.local()
	for i := 0; i < len(p.proposals); {
		if o := p.proposals[i]; now > o.deadline {
			p.proposals = slices.Delete(p.proposals, i, i+1)
			p.pushInput(member.ProposalDone{Number: o.number})
			continue
		}
		i++
	}
	if p.raft.leader < 0 || p.out || now < p.pres.quietTil || !p.st.member {
		return
	}
	fail := w.roster.Timing.FailureTimeoutMS
	if p.fsm.runs[p.n.i].run != p.run {
		if p.announced == 0 || now-p.announced > fail {
			p.announced = now
			p.toLeader([]*ent{{kind: entStarted, by: p.run}})
		}
		return
	}
	var es []*ent
	for i := range p.proposals {
		if o := &p.proposals[i]; o.sent == 0 || now-o.sent > fail {
			o.sent = now
			es = append(es, &ent{kind: entData, by: p.run, number: o.number, data: o.data})
		}
	}
	if len(es) > 0 {
		p.toLeader(es)
	}
}

// toLeader carries entries to whoever this node takes for the leader. They may be lost on the way, and their fate is then unknown.
func (p *proc) toLeader(es []*ent) {
	w := p.w
	leader := p.raft.leader
	if w.plan.dropProposal > 0 && w.delays.Float64() < w.plan.dropProposal {
		w.count[faultProposal]++
		return
	}
	twice := w.plan.dropProposal > 0 && w.delays.Float64() < w.plan.dropProposal
	arrive := func() {
		l := w.nodes[leader].p
		if l == nil || l.stopped || l.n.mach.paused || l.out || !l.raft.leads || (l != p && !w.talks(p, l)) {
			p.again()
			return
		}
		for _, e := range es {
			c := *e
			l.append(&c)
		}
	}
	d := int64(10)
	if leader != p.n.i {
		d = w.hop()
	}
	d += p.n.slowly
	w.after(d, arrive)
	if twice {
		w.after(d+span(w.delays, 0, 10*second), arrive) // as a connection that hung brings it
	}
}

// again lets proposals be sent anew at the next tick.
func (p *proc) again() {
	p.announced = 0
	for i := range p.proposals {
		p.proposals[i].sent = 0
	}
}

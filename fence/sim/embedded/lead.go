package embedded

import (
	"slices"

	"github.com/fenced-project/fenced/fence/sim"
)

// wakeLead does what only a leader does, one thing at a time; each step ends when it is committed, or given up.
func (p *Daemon) wakeLead() {
	if p.leadWoken || !p.raft.leads {
		return
	}
	p.leadWoken = true
	p.h.After(sim.Span(p.w.net.Delays, 50, 500), func() {
		p.leadWoken = false
		p.leadStep()
	})
}

func (p *Daemon) leadStep() {
	w := p.w
	if !p.raft.leads || p.Out {
		return
	}
	if p.leading != nil && w.world.Now() < p.leadUntil && p.fsm.Index < p.leadingAt {
		return
	}
	p.leading = nil
	now := p.h.Local()
	next, hand := p.nextView(now)
	switch {
	case hand >= 0:
		w.world.Happened(Handover)
		to := w.seats[hand].p
		if to != nil && !to.h.Held() && w.talks(p, to) && len(to.st.Log) == len(p.st.Log) {
			p.resign(p.st.Term)
			to.h.After(w.net.Hop(), func() { to.Campaign(true) })
		}
	case next != nil:
		next.Stay = p.replaced(next)
		p.leadEntry(&Entry{Kind: KindView, View: next, Base: p.fsm.ViewAt})
	default:
		p.tidy(now)
	}
}

func (p *Daemon) leadEntry(e *Entry) {
	p.leading, p.leadUntil = e, p.w.world.Now()+p.w.cfg.Timing.FailureTimeoutMS*ms
	p.append(e)
	p.leadingAt = len(p.st.Log)
}

// tidy makes a store that has caught up a voter, by a committed change (R3).
func (p *Daemon) tidy(now int64) {
	c := p.conf()
	if p.fsm.Conf != c {
		return // one change at a time
	}
	for i := range p.w.seats {
		pe := &p.pres.peers[i]
		if i == p.i || c.Store[i] == 0 || c.Voter[i] || pe.ping == nil {
			continue
		}
		r := p.fsm.Runs[i]
		if r.Store == c.Store[i] && r.Run == pe.ping.run && p.hears(i, now) && pe.ping.applied+16 >= p.fsm.Index {
			n := c.clone()
			n.Voter[i] = true
			p.leadEntry(&Entry{Kind: KindConf, Conf: n})
			return
		}
	}
}

// outside reports whether a store asks to be let in: it is in no domain, or no leader is heard and the newest configuration does not surely name it.
// What a leader that fell told this store alone is no promise of the others (standing in membership/embedded/control.go).
func (p *Daemon) outside(now int64) bool {
	switch {
	case !p.st.Member:
		return true
	case p.raft.leader >= 0 || now-p.leaderAt <= 2*p.pres.fail:
		return false
	}
	c := p.conf()
	return c == nil || c.Store[p.i] != p.st.ID || len(p.st.Log) > p.raft.commit
}

// admitMe asks the leader to let a new store of this node in; the older one loses its vote before (R3).
func (p *Daemon) admitMe() {
	w := p.w
	for _, n := range w.seats {
		l := n.p
		if l == nil || l == p || !l.raft.leads || l.h.Held() || l.Out || !w.talks(p, l) {
			continue
		}
		l.h.After(w.net.Hop(), func() { l.admit(p) })
		return
	}
}

func (p *Daemon) admit(o *Daemon) {
	i, now := o.i, p.h.Local()
	if !p.raft.leads || p.Out || o.h.Dead() || p.fsm.Conf != p.conf() || (p.leading != nil && p.fsm.Index < p.leadingAt) {
		return
	}
	pe := &p.pres.peers[i]
	if pe.ping != nil && pe.ping.run.Store != o.st.ID && now-pe.heardAt < p.pres.fail {
		return // another store of that node is in use
	}
	c := p.conf()
	if p.fsm.Runs[i].Store == o.st.ID && c.Store[i] == o.st.ID {
		return // it is in
	}
	p.w.world.Say("%s lets store %d of %s in", p.h.Name(), o.st.ID, o.h.Name())
	switch {
	case p.fsm.Runs[i].Store != o.st.ID:
		p.leadEntry(&Entry{Kind: KindStore, Node: i, Store: o.st.ID})
	default:
		n := c.clone()
		n.Store[i], n.Voter[i] = o.st.ID, false
		p.raft.match[i] = 0 // what its older store had is gone
		p.leadEntry(&Entry{Kind: KindConf, Conf: n})
	}
}

// Propose takes a proposal of the reader.
func (p *Daemon) Propose(number uint64, data []byte) {
	now := p.h.Local()
	p.proposals = append(p.proposals, proposal{number: number, data: data, deadline: now + p.w.cfg.OutcomeMS})
	p.wakeWork()
}

// wakeWork brings proposals to the leader and gives up those that ran out of time.
func (p *Daemon) wakeWork() {
	if p.workWoken {
		return
	}
	p.workWoken = true
	p.h.After(sim.Span(p.w.net.Delays, 50, 500), func() {
		p.workWoken = false
		p.work()
	})
}

func (p *Daemon) work() {
	w := p.w
	now := p.h.Local()
	for i := 0; i < len(p.proposals); {
		if o := p.proposals[i]; now > o.deadline {
			p.proposals = slices.Delete(p.proposals, i, i+1)
			p.h.Outcome(o.number, false)
			continue
		}
		i++
	}
	if p.raft.leader < 0 || p.Out || now < p.pres.quietTil || !p.st.Member {
		return
	}
	fail := w.cfg.Timing.FailureTimeoutMS
	if p.fsm.Runs[p.i].Run != p.run {
		if p.announced == 0 || now-p.announced > fail {
			p.announced = now
			p.toLeader([]*Entry{{Kind: KindStarted, By: p.run}})
		}
		return
	}
	var es []*Entry
	for i := range p.proposals {
		if o := &p.proposals[i]; o.sent == 0 || now-o.sent > fail {
			o.sent = now
			es = append(es, &Entry{Kind: KindData, By: p.run, Number: o.number, Data: o.data})
		}
	}
	if len(es) > 0 {
		p.toLeader(es)
	}
}

// toLeader carries entries to whoever this node takes for the leader. They may be lost on the way, and their fate is then unknown.
func (p *Daemon) toLeader(es []*Entry) {
	w := p.w
	leader := p.raft.leader
	if w.cfg.DropProposal > 0 && w.net.Delays.Float64() < w.cfg.DropProposal {
		w.world.Happened(Dropped)
		return
	}
	twice := w.cfg.DropProposal > 0 && w.net.Delays.Float64() < w.cfg.DropProposal
	arrive := func() {
		l := w.seats[leader].p
		if l == nil || l.h.Held() || l.Out || !l.raft.leads || (l != p && !w.talks(p, l)) {
			p.again()
			return
		}
		for _, e := range es {
			c := *e
			l.append(&c)
		}
	}
	d := int64(10)
	if leader != p.i {
		d = w.net.Hop()
	}
	d += p.h.Slowness()
	w.world.After(d, arrive)
	if twice {
		w.world.After(d+sim.Span(w.net.Delays, 0, 10*sim.Second), arrive) // as a connection that hung brings it
	}
}

// again lets proposals be sent anew at the next tick.
func (p *Daemon) again() {
	p.announced = 0
	for i := range p.proposals {
		p.proposals[i].sent = 0
	}
}

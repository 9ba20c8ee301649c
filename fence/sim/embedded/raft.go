package embedded

import "github.com/fenced-project/fenced/fence/sim"

// The log: Raft with elections that take no time, which is a legal Raft. Every store keeps its own log; an entry is committed when the stores of
// a majority of voters have it; a leader that was cut off keeps entries that are lost, or committed later.

// raft is what a running daemon knows of the log beside its store.
type raft struct {
	leads   bool
	leader  int   // -1: none known
	contact int64 // last word of the leader
	commit  int
	own     int // how much of its own log is durable, as leader
	match   []int
	heard   []int64 // last word of each follower, as leader
	busy    []bool  // an append is on its way
	ticking bool
	blocked uint64 // leaders outside the connected set that are not answered (R20)
	voting  *Conf  // of the log's newest configuration
	confAt  *Entry // the log's newest entry when it was looked for
}

// conf is cached: the newest configuration changes rarely.
func (p *Daemon) conf() *Conf {
	log := p.st.Log
	r := &p.raft
	if len(log) == 0 {
		return nil
	}
	if last := log[len(log)-1]; r.confAt != last {
		r.voting, r.confAt = p.st.conf(), last
	}
	return r.voting
}

func (w *Cluster) raftTimeout() int64 { return max(w.cfg.Timing.FailureTimeoutMS/4, 50) * ms }

// talks reports whether Raft's messages pass between two running daemons now.
func (w *Cluster) talks(a, b *Daemon) bool {
	return a != nil && b != nil && !a.silent() && !b.silent() && w.net.Both(a.i, b.i) && a.raft.blocked>>b.i&1 == 0 && b.raft.blocked>>a.i&1 == 0 &&
		a.refusal(b) == "" && b.refusal(a) == ""
}

// beginRaft is a daemon's start on its store.
func (p *Daemon) beginRaft() {
	n := len(p.w.seats)
	p.raft = raft{leader: -1, contact: p.w.world.Now(), match: make([]int, n), heard: make([]int64, n), busy: make([]bool, n)}
	if s := p.st.Snap; s != nil {
		p.fsm = s.FSM.clone()
		p.raft.commit = s.FSM.Index
		p.h.Snapshot(s)
	}
	p.watchLeader()
}

// watchLeader campaigns when the leader has been silent for long.
func (p *Daemon) watchLeader() {
	w := p.w
	timeout := w.raftTimeout()
	p.h.After(timeout+sim.Span(w.net.Delays, 0, timeout), func() {
		if !p.raft.leads && !p.Out && w.world.Now()-p.raft.contact >= timeout && !p.h.Stalled() {
			p.raft.leader = -1
			p.Campaign(false)
		}
		p.watchLeader()
	})
}

// Campaign asks every voter within reach for its vote. A voter that heard its leader lately refuses, unless the leader hands over.
func (p *Daemon) Campaign(handed bool) {
	w, c := p.w, p.conf()
	if c == nil || !p.st.Member || !c.Votes(p.i, p.st.ID) {
		return
	}
	term := p.st.Term
	var voters []*Daemon
	for i, n := range w.seats {
		v := n.p
		if i == p.i || v == nil || v.h.Held() || v.Out || v.h.Stalled() || !w.talks(p, v) || !c.Votes(i, v.st.ID) {
			continue
		}
		term = max(term, v.st.Term)
		if !handed && (v.raft.leads || w.world.Now()-v.raft.contact < w.raftTimeout()) {
			continue
		}
		if v.st.LastTerm() > p.st.LastTerm() || (v.st.LastTerm() == p.st.LastTerm() && len(v.st.Log) > len(p.st.Log)) {
			continue
		}
		voters = append(voters, v)
	}
	if len(voters)+1 < c.Need() {
		return
	}
	term++
	for _, v := range voters {
		v.follow(term, p.i)
	}
	p.st.Term = term
	p.lead()
}

func (p *Daemon) follow(term uint64, leader int) {
	if term > p.st.Term {
		p.st.Term = term
	}
	p.raft.leads = false
	p.raft.leader, p.raft.contact = leader, p.w.world.Now()
}

// lead begins a term.
func (p *Daemon) lead() {
	r := &p.raft
	r.leads, r.leader, r.contact = true, p.i, p.w.world.Now()
	r.own = len(p.st.Log)
	for i := range r.match {
		r.match[i], r.heard[i], r.busy[i] = 0, p.w.world.Now(), false
	}
	p.leading = nil
	p.w.world.Say("%s leads term %d", p.h.Name(), p.st.Term)
	p.append(&Entry{Kind: KindNoop})
	if !r.ticking {
		r.ticking = true
		p.leaderTick()
	}
}

func (p *Daemon) resign(term uint64) {
	p.st.Term = max(p.st.Term, term)
	p.raft.leads, p.raft.leader = false, -1
	p.raft.contact = p.w.world.Now()
}

// append puts an entry in the leader's own log and sends it.
func (p *Daemon) append(e *Entry) {
	e.Term = p.st.Term
	p.st.Log = append(p.st.Log[:len(p.st.Log):len(p.st.Log)], e)
	term, length := p.st.Term, len(p.st.Log)
	p.h.After(p.h.WriteTakes(), func() {
		if p.raft.leads && p.st.Term == term {
			p.raft.own = max(p.raft.own, length)
			p.advance()
		}
	})
	p.replicate()
}

func (p *Daemon) replicate() {
	for i := range p.w.seats {
		if i != p.i {
			p.sendTo(i)
		}
	}
}

// leaderTick keeps the followers' contact, sends what they lack, and steps down without a majority.
func (p *Daemon) leaderTick() {
	w := p.w
	r := &p.raft
	if !r.leads || p.Out {
		r.ticking = false
		return
	}
	c := p.conf()
	have := 1
	for i, n := range w.seats {
		f := n.p
		if i == p.i || f == nil || f.h.Held() || f.Out || c.Store[i] != f.st.ID || !w.talks(p, f) {
			continue
		}
		if f.st.Term > p.st.Term {
			p.resign(f.st.Term)
			break
		}
		r.heard[i] = w.world.Now()
		if f.st.Term < p.st.Term || f.raft.leader != p.i {
			f.follow(p.st.Term, p.i)
		}
		f.raft.contact = w.world.Now()
		if r.match[i] < len(p.st.Log) || f.raft.commit < min(r.commit, r.match[i]) {
			p.sendTo(i)
		}
	}
	for i := range w.seats {
		if i != p.i && c.Voter[i] && w.world.Now()-r.heard[i] < w.raftTimeout() {
			have++
		}
	}
	if r.leads && have < c.Need() {
		w.world.Say("%s steps down: no majority answers", p.h.Name())
		p.resign(p.st.Term)
	}
	p.h.After(w.raftTimeout()/4, p.leaderTick)
}

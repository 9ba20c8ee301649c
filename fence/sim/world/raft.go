package world

import "github.com/fenced-project/fenced/membership/corosync/agreement"

// The log: Raft with elections that take no time, which is a legal Raft. Every store keeps its own log; an entry is committed when the stores of
// a majority of voters have it; a leader that was cut off keeps entries that are lost, or committed later.

type entKind uint8

const (
	entNoop entKind = iota
	entData
	entView
	entStarted
	entStore
	entConf
)

// ent is one entry of a log. Entries are never changed, so logs share them.
type ent struct {
	term   uint64
	kind   entKind
	by     *runID // data, started
	number uint64
	data   []byte
	view   *view
	base   int // of a view: the index of the view that it replaces
	node   int // store
	store  int
	conf   *conf
}

// conf says which store of each node is in the cluster, and whether it votes.
type conf struct {
	store []int // 0: none
	voter []bool
}

func (c *conf) clone() *conf {
	return &conf{store: append([]int(nil), c.store...), voter: append([]bool(nil), c.voter...)}
}

func (c *conf) votes(i, store int) bool { return c.store[i] == store && c.voter[i] }

func (c *conf) need() int {
	n := 0
	for _, v := range c.voter {
		if v {
			n++
		}
	}
	return n/2 + 1
}

// store is what a node's disk keeps of the membership.
type store struct {
	id     int
	starts uint64
	member bool // it has entered the domain
	term   uint64
	log    []*ent
	snap   *snapshot
	base   int               // what is older is only in the snapshot
	floor  []floor           // of the peers' stores (R3)
	disk   agreement.Durable // over corosync, in place of the log
	copied bool              // it was restored from a copy: what it had acknowledged may be gone
}

type floor struct {
	store  int
	run    *runID
	starts uint64
	term   uint64
	length int
}

func (s *store) lastTerm() uint64 {
	if len(s.log) == 0 {
		return 0
	}
	return s.log[len(s.log)-1].term
}

// conf is the newest configuration in the log, committed or not.
func (s *store) conf() *conf {
	for i := len(s.log) - 1; i >= 0; i-- {
		if s.log[i].kind == entConf {
			return s.log[i].conf
		}
	}
	return nil
}

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
	voting  *conf  // of the log's newest configuration
	confAt  *ent   // the log's newest entry when it was looked for
}

// conf is cached: the newest configuration changes rarely.
func (p *proc) conf() *conf {
	log := p.st.log
	r := &p.raft
	if len(log) == 0 {
		return nil
	}
	if last := log[len(log)-1]; r.confAt != last {
		r.voting, r.confAt = p.st.conf(), last
	}
	return r.voting
}

func (w *World) raftTimeout() int64 { return max(w.roster.Timing.FailureTimeoutMS/4, 50) * ms }

// talks reports whether Raft's messages pass between two running daemons now.
func (w *World) talks(a, b *proc) bool {
	return a != nil && b != nil && !a.silent() && !b.silent() && w.both(a.n.i, b.n.i) && a.raft.blocked>>b.n.i&1 == 0 && b.raft.blocked>>a.n.i&1 == 0 &&
		a.refusal(b) == "" && b.refusal(a) == ""
}

// beginRaft is a daemon's start on its store.
func (p *proc) beginRaft() {
	n := len(p.w.nodes)
	p.raft = raft{leader: -1, contact: p.w.now, match: make([]int, n), heard: make([]int64, n), busy: make([]bool, n)}
	if s := p.st.snap; s != nil {
		p.fsm = s.fsm.clone()
		p.raft.commit = s.fsm.index
		p.pushSnapshot(s)
	}
	p.watchLeader()
}

// watchLeader campaigns when the leader has been silent for long.
func (p *proc) watchLeader() {
	w := p.w
	timeout := w.raftTimeout()
	p.after(timeout+span(w.delays, 0, timeout), func() {
		if !p.raft.leads && !p.out && w.now-p.raft.contact >= timeout && w.now >= p.n.diskUntil {
			p.raft.leader = -1
			p.campaign(false)
		}
		p.watchLeader()
	})
}

// campaign asks every voter within reach for its vote. A voter that heard its leader lately refuses, unless the leader hands over.
func (p *proc) campaign(handed bool) {
	w, c := p.w, p.conf()
	if c == nil || !p.st.member || !c.votes(p.n.i, p.st.id) {
		return
	}
	term := p.st.term
	var voters []*proc
	for i, n := range w.nodes {
		v := n.p
		if i == p.n.i || v == nil || v.stopped || v.out || w.now < n.diskUntil || !w.talks(p, v) || !c.votes(i, v.st.id) {
			continue
		}
		term = max(term, v.st.term)
		if !handed && (v.raft.leads || w.now-v.raft.contact < w.raftTimeout()) {
			continue
		}
		if v.st.lastTerm() > p.st.lastTerm() || (v.st.lastTerm() == p.st.lastTerm() && len(v.st.log) > len(p.st.log)) {
			continue
		}
		voters = append(voters, v)
	}
	if len(voters)+1 < c.need() {
		return
	}
	term++
	for _, v := range voters {
		v.follow(term, p.n.i)
	}
	p.st.term = term
	p.lead()
}

func (p *proc) follow(term uint64, leader int) {
	if term > p.st.term {
		p.st.term = term
	}
	p.raft.leads = false
	p.raft.leader, p.raft.contact = leader, p.w.now
}

// lead begins a term.
func (p *proc) lead() {
	r := &p.raft
	r.leads, r.leader, r.contact = true, p.n.i, p.w.now
	r.own = len(p.st.log)
	for i := range r.match {
		r.match[i], r.heard[i], r.busy[i] = 0, p.w.now, false
	}
	p.leading = nil
	p.w.say("%s leads term %d", p.n.name, p.st.term)
	p.append(&ent{kind: entNoop})
	if !r.ticking {
		r.ticking = true
		p.leaderTick()
	}
}

func (p *proc) resign(term uint64) {
	p.st.term = max(p.st.term, term)
	p.raft.leads, p.raft.leader = false, -1
	p.raft.contact = p.w.now
}

// append puts an entry in the leader's own log and sends it.
func (p *proc) append(e *ent) {
	e.term = p.st.term
	p.st.log = append(p.st.log[:len(p.st.log):len(p.st.log)], e)
	term, length := p.st.term, len(p.st.log)
	p.after(p.n.diskDelay(), func() {
		if p.raft.leads && p.st.term == term {
			p.raft.own = max(p.raft.own, length)
			p.advance()
		}
	})
	p.replicate()
}

func (p *proc) replicate() {
	for i := range p.w.nodes {
		if i != p.n.i {
			p.sendTo(i)
		}
	}
}

// leaderTick keeps the followers' contact, sends what they lack, and steps down without a majority.
func (p *proc) leaderTick() {
	w := p.w
	r := &p.raft
	if !r.leads || p.out {
		r.ticking = false
		return
	}
	c := p.conf()
	have := 1
	for i, n := range w.nodes {
		f := n.p
		if i == p.n.i || f == nil || f.stopped || f.out || c.store[i] != f.st.id || !w.talks(p, f) {
			continue
		}
		if f.st.term > p.st.term {
			p.resign(f.st.term)
			break
		}
		r.heard[i] = w.now
		if f.st.term < p.st.term || f.raft.leader != p.n.i {
			f.follow(p.st.term, p.n.i)
		}
		f.raft.contact = w.now
		if r.match[i] < len(p.st.log) || f.raft.commit < min(r.commit, r.match[i]) {
			p.sendTo(i)
		}
	}
	for i := range w.nodes {
		if i != p.n.i && c.voter[i] && w.now-r.heard[i] < w.raftTimeout() {
			have++
		}
	}
	if r.leads && have < c.need() {
		w.say("%s steps down: no majority answers", p.n.name)
		p.resign(p.st.term)
	}
	p.after(w.raftTimeout()/4, p.leaderTick)
}

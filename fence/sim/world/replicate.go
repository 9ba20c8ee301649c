package world

import "fmt"

// sendTo brings a follower what it lacks of the leader's log, one message at a time.
func (p *proc) sendTo(i int) {
	w := p.w
	r := &p.raft
	if r.busy[i] || !r.leads || p.conf().store[i] == 0 {
		return
	}
	r.busy[i] = true
	to := p.conf().store[i] // a stream is for one store
	term, log, commit := p.st.term, p.st.log[:len(p.st.log):len(p.st.log)], r.commit
	base := p.st.base
	w.after(w.hop(), func() {
		r.busy[i] = false
		f := w.nodes[i].p
		if f == nil || f.st.id != to || f.stopped || f.n.mach.paused || f.out || !w.reach(p.n.i, i) || f.refusal(p) != "" || p.refusal(f) != "" || f.raft.blocked>>p.n.i&1 == 1 || p.raft.blocked>>i&1 == 1 {
			return
		}
		f.take(p, term, log, commit, base)
	})
}

// take is the follower's side of an append: durable before it is acknowledged.
func (p *proc) take(l *proc, term uint64, log []*ent, commit, base int) {
	w := p.w
	if term < p.st.term {
		return
	}
	p.follow(term, l.n.i)
	p.after(p.n.diskDelay(), func() {
		if p.st.term != term || p.raft.leads {
			return
		}
		p.adopt(log, base, l)
		p.learn(min(commit, len(log)))
		length := len(log)
		w.after(w.hop(), func() {
			if l.dead || l.stopped || l.n.mach.paused || !w.reach(p.n.i, l.n.i) || !l.raft.leads || l.st.term != term {
				return
			}
			if l.conf().store[p.n.i] == p.st.id {
				l.raft.match[p.n.i] = max(l.raft.match[p.n.i], length)
			}
			l.raft.heard[p.n.i] = w.now
			l.advance()
			if length < len(l.st.log) || p.raft.commit < l.raft.commit {
				l.sendTo(p.n.i)
			}
		})
	})
}

// adopt makes the follower's log the leader's, by snapshot where the leader has forgotten what the follower lacks.
func (p *proc) adopt(log []*ent, base int, l *proc) {
	old := p.st.log
	n := len(old)
	if n <= len(log) && (n == 0 || old[n-1] == log[n-1]) {
		if n < len(log) {
			p.st.log = log
		}
	} else {
		same := 0
		for same < n && same < len(log) && old[same] == log[same] {
			same++
		}
		if same == len(log) {
			return // an older message: everything of it is here
		}
		if same < p.raft.commit {
			p.w.check.fail("R6", "%s would truncate its log to %d, it has applied %d", p.n.name, same, p.raft.commit)
		}
		p.st.log, n = log, same
	}
	p.st.member = true
	if s := l.st.snap; n < base && s != nil && p.fsm.index < s.fsm.index {
		p.w.count[faultSnapshot]++
		p.st.snap, p.st.base = s, s.fsm.index
		p.fsm = s.fsm.clone()
		p.raft.commit = max(p.raft.commit, s.fsm.index)
		p.pushSnapshot(s)
		p.deliveredAll()
	}
}

// learn takes what the leader says is committed.
func (p *proc) learn(commit int) {
	if commit > p.raft.commit && commit <= len(p.st.log) {
		p.raft.commit = commit
		p.applySoon()
	}
}

// advance commits what the stores of a majority of voters have, in the leader's own term.
func (p *proc) advance() {
	c, r := p.conf(), &p.raft
	for length := len(p.st.log); length > r.commit; length-- {
		if p.st.log[length-1].term != p.st.term {
			return
		}
		have := 0
		for i, v := range c.voter {
			if v && (i == p.n.i && r.own >= length && c.store[i] == p.st.id || i != p.n.i && r.match[i] >= length) {
				have++
			}
		}
		if have >= c.need() {
			r.commit = length
			p.w.committed(p.st.log[:length])
			p.applySoon()
			p.replicate()
			return
		}
	}
}

// committed is the world's own memory of what was committed: nothing of it may ever change.
func (w *World) committed(log []*ent) {
	for i, e := range log {
		if i < len(w.canon) {
			continue
		}
		w.canon = append(w.canon, e)
		w.check.commit(i+1, e)
	}
	if n := min(len(log), len(w.canon)); n > 0 && log[n-1] != w.canon[n-1] {
		w.check.fail("R3", "entry %d was committed before and another one is committed in its place", n)
	}
}

// compact takes a snapshot of what the deciding loop has read, and forgets most of the log before it (as Raft does now and then).
func (p *proc) compact() {
	at := p.fsm.clone()
	p.push(func() {
		b, err := p.m.Domain().Snapshot()
		if err != nil {
			p.w.check.fail("V16", "%s cannot take a snapshot: %v", p.n.name, err)
			return
		}
		if p.st.snap == nil || p.st.snap.fsm.index < at.index {
			p.st.snap = &snapshot{fsm: at, domain: b}
			p.st.base = at.index
			p.w.say("%s keeps a snapshot of index %d", p.n.name, at.index)
		}
	})
}

func (p *proc) String() string { return fmt.Sprintf("%s/%s", p.n.name, p.run.Instance) }

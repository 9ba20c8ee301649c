package embedded

// sendTo brings a follower what it lacks of the leader's log, one message at a time.
func (p *Daemon) sendTo(i int) {
	w := p.w
	r := &p.raft
	if r.busy[i] || !r.leads || p.conf().Store[i] == 0 {
		return
	}
	r.busy[i] = true
	to := p.conf().Store[i] // a stream is for one store
	term, log, commit := p.st.Term, p.st.Log[:len(p.st.Log):len(p.st.Log)], r.commit
	base := p.st.Base
	w.world.After(w.net.Hop(), func() {
		r.busy[i] = false
		f := w.seats[i].p
		if f == nil || f.st.ID != to || f.h.Held() || f.Out || !w.net.Reach(p.i, i) || f.refusal(p) != "" || p.refusal(f) != "" || f.raft.blocked>>p.i&1 == 1 || p.raft.blocked>>i&1 == 1 {
			return
		}
		f.take(p, term, log, commit, base)
	})
}

// take is the follower's side of an append: durable before it is acknowledged.
func (p *Daemon) take(l *Daemon, term uint64, log []*Entry, commit, base int) {
	w := p.w
	if term < p.st.Term {
		return
	}
	p.follow(term, l.i)
	p.h.After(p.h.WriteTakes(), func() {
		if p.st.Term != term || p.raft.leads {
			return
		}
		p.adopt(log, base, l)
		p.learn(min(commit, len(log)))
		length := len(log)
		w.world.After(w.net.Hop(), func() {
			if l.h.Dead() || l.h.Held() || !w.net.Reach(p.i, l.i) || !l.raft.leads || l.st.Term != term {
				return
			}
			if l.conf().Store[p.i] == p.st.ID {
				l.raft.match[p.i] = max(l.raft.match[p.i], length)
			}
			l.raft.heard[p.i] = w.world.Now()
			l.advance()
			if length < len(l.st.Log) || p.raft.commit < l.raft.commit {
				l.sendTo(p.i)
			}
		})
	})
}

// adopt makes the follower's log the leader's, by snapshot where the leader has forgotten what the follower lacks.
func (p *Daemon) adopt(log []*Entry, base int, l *Daemon) {
	old := p.st.Log
	n := len(old)
	if n <= len(log) && (n == 0 || old[n-1] == log[n-1]) {
		if n < len(log) {
			p.st.Log = log
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
			p.w.world.Fail("R6", "%s would truncate its log to %d, it has applied %d", p.h.Name(), same, p.raft.commit)
		}
		p.st.Log, n = log, same
	}
	p.st.Member = true
	if s := l.st.Snap; n < base && s != nil && p.fsm.Index < s.FSM.Index {
		p.w.world.Happened(Installed)
		p.st.Snap, p.st.Base = s, s.FSM.Index
		p.fsm = s.FSM.clone()
		p.raft.commit = max(p.raft.commit, s.FSM.Index)
		p.h.Snapshot(s)
		p.deliveredAll()
	}
}

// learn takes what the leader says is committed.
func (p *Daemon) learn(commit int) {
	if commit > p.raft.commit && commit <= len(p.st.Log) {
		p.raft.commit = commit
		p.applySoon()
	}
}

// advance commits what the stores of a majority of voters have, in the leader's own term.
func (p *Daemon) advance() {
	c, r := p.conf(), &p.raft
	for length := len(p.st.Log); length > r.commit; length-- {
		if p.st.Log[length-1].Term != p.st.Term {
			return
		}
		have := 0
		for i, v := range c.Voter {
			if v && (i == p.i && r.own >= length && c.Store[i] == p.st.ID || i != p.i && r.match[i] >= length) {
				have++
			}
		}
		if have >= c.Need() {
			r.commit = length
			p.w.committed(p.st.Log[:length])
			p.applySoon()
			p.replicate()
			return
		}
	}
}

// committed is the world's own memory of what was committed: nothing of it may ever change.
func (w *Cluster) committed(log []*Entry) {
	for i, e := range log {
		if i < len(w.Canon) {
			continue
		}
		w.Canon = append(w.Canon, e)
		w.world.Committed(i+1, e)
	}
	if n := min(len(log), len(w.Canon)); n > 0 && log[n-1] != w.Canon[n-1] {
		w.world.Fail("R3", "entry %d was committed before and another one is committed in its place", n)
	}
}

// Compact takes a snapshot of what the deciding loop has read, and forgets most of the log before it (as Raft does now and then).
func (p *Daemon) Compact() {
	at := p.fsm.clone()
	p.h.Keep(func(state []byte) {
		if p.st.Snap == nil || p.st.Snap.FSM.Index < at.Index {
			p.st.Snap = &Snapshot{FSM: at, Data: state}
			p.st.Base = at.Index
			p.w.world.Say("%s keeps a snapshot of index %d", p.h.Name(), at.Index)
		}
	})
}

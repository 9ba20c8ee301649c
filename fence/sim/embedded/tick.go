package embedded

// The provider's clockwork: membership/embedded's tick.go, hear.go and propose.go.

// proposal is an entry on its way; times are of the node's own clock.
type proposal struct {
	number         uint64
	data           []byte
	deadline, sent int64
}

// ticks sends a ping to everybody and looks at the matrix, once in a ping interval.
func (p *Daemon) ticks() {
	w := p.w
	p.tick()
	p.h.After(w.cfg.Timing.PingMS*ms, p.ticked)
}

func (p *Daemon) tick() {
	w := p.w
	now := p.h.Local()
	if p.Out {
		return
	}
	if !p.st.Member { // a store without a domain says nothing but that it wants to join
		p.admitMe()
		return
	}
	if p.raft.leader >= 0 || p.leaderAt == 0 {
		p.leaderAt = now
	}
	if p.outside(now) {
		p.admitMe()
	}
	p.pres.gap(now, w.cfg.Timing.LeaseMS)
	p.choose(now)
	p.suspicion(now)
	p.quorum(now)
	m := p.newPing(now)
	for i := range w.seats {
		if i != p.i {
			p.sendPing(m, i)
		}
	}
	p.refuseLeader(now)
	p.wakeLead()
	p.wakeWork()
}

// sendPing is one datagram: it may be lost, late, or overtaken.
func (p *Daemon) sendPing(m *ping, i int) {
	w := p.w
	if !w.net.Reach(p.i, i) || w.net.Loses() {
		return
	}
	w.world.After(w.net.Hop(), func() {
		to := w.seats[i].p
		switch {
		case to == nil:
		case to.h.Held():
			if len(to.socket) < maxSocket {
				to.socket = append(to.socket, m)
			}
		default:
			to.hearPing(m)
		}
	})
}

// maxSocket is how many datagrams wait in the socket of a stopped process.
const maxSocket = 200

func (p *Daemon) hearPing(m *ping) {
	if p.Out || p.h.Dead() || !p.st.Member {
		return
	}
	if why := p.judge(m.run, m.term, m.length); why != "" {
		return
	}
	now := p.h.Local()
	if !p.heard(m, now) {
		return
	}
	s := &p.pres
	p.h.Heard(m.run)
	if seq := p.lease(); seq > s.leased && s.seq-seq < uint64(len(s.sent)) {
		s.leased = seq
		p.h.Lease(s.sent[seq%uint64(len(s.sent))])
	}
}

// judge says why a store is refused (R3): it was replaced, or it shows less than was seen of it. What is accepted raises the floor, durably.
func (p *Daemon) judge(r *Run, term uint64, length int) string {
	for _, g := range p.fsm.Gone[r.I] {
		if g == r.Store {
			return "replaced"
		}
	}
	f := &p.st.Floor[r.I]
	if f.Store != r.Store {
		*f = Floor{Store: r.Store, run: r, Starts: r.Starts, Term: term, Length: length}
		return ""
	}
	switch {
	case p.w.cfg.BelieveCopies:
	case r.Starts < f.Starts, r.Starts == f.Starts && r != f.run, r.Starts > f.Starts && (term < f.Term || term == f.Term && length < f.Length):
		return "restored from a copy"
	}
	f.Starts, f.run = r.Starts, r
	if term > f.Term || term == f.Term && length > f.Length {
		f.Term, f.Length = term, length
	}
	return ""
}

// refusal says why this daemon refuses a connection of that one, without remembering anything.
func (p *Daemon) refusal(o *Daemon) string {
	for _, g := range p.fsm.Gone[o.i] {
		if g == o.st.ID {
			return "replaced"
		}
	}
	f := p.st.Floor[o.i]
	term, length := o.st.LastTerm(), len(o.st.Log)
	if f.Store == o.st.ID && !p.w.cfg.BelieveCopies &&
		(o.st.Starts < f.Starts || o.st.Starts == f.Starts && o.run != f.run || o.st.Starts > f.Starts && (term < f.Term || term == f.Term && length < f.Length)) {
		return "restored from a copy"
	}
	return ""
}

// quorum tells the reader whether this node is still part of a quorate view, when that changes.
func (p *Daemon) quorum(now int64) {
	v := p.fsm.View
	in := false
	for _, m := range v.Members {
		in = in || m == p.run
	}
	if !v.Quorate || !in {
		p.lost = false
		return
	}
	votes := 1
	for i := range p.w.seats {
		if i != p.i && mutual(p.pres.masks, p.pres.up, i, p.i) {
			votes++
		}
	}
	bad := now < p.pres.quietTil || votes < p.w.cfg.Quorum || now-p.leaderAt > p.pres.fail
	switch {
	case bad && (!p.lost || p.lostView != p.fsm.ViewAt):
		p.lost, p.lostView = true, p.fsm.ViewAt
		p.h.QuorumLost("contact")
	case !bad && p.lost:
		p.lost = false
		p.h.QuorumHeld()
	}
}

package world

import (
	"math/bits"

	"github.com/fenced-project/fenced/fence/member"
)

// The provider's clockwork: membership/embedded's tick.go, view.go, hear.go, lead.go and propose.go.

// proposal is an entry on its way; times are of the node's own clock.
type proposal struct {
	number         uint64
	data           []byte
	deadline, sent int64
}

// ticks sends a ping to everybody and looks at the matrix, once in a ping interval.
func (p *proc) ticks() {
	w := p.w
	p.tick()
	p.after(w.roster.Timing.PingMS*ms, p.ticked)
}

func (p *proc) tick() {
	w := p.w
	now := p.n.local()
	if p.out {
		return
	}
	if !p.st.member { // a store without a domain says nothing but that it wants to join
		p.admitMe()
		return
	}
	if p.raft.leader >= 0 || p.leaderAt == 0 {
		p.leaderAt = now
	}
	if p.outside(now) {
		p.admitMe()
	}
	p.pres.gap(now, w.roster.Timing.LeaseMS)
	p.choose(now)
	p.suspicion(now)
	p.quorum(now)
	m := p.newPing(now)
	for i, n := range w.nodes {
		if n != p.n {
			p.sendPing(m, i)
		}
	}
	p.refuseLeader(now)
	p.wakeLead()
	p.wakeWork()
}

// sendPing is one datagram: it may be lost, late, or overtaken.
func (p *proc) sendPing(m *ping, i int) {
	w := p.w
	if !w.reach(p.n.i, i) || (w.loss > 0 && w.delays.Float64() < w.loss) {
		return
	}
	w.after(w.hop(), func() {
		to := w.nodes[i].p
		switch {
		case to == nil:
			if w.nodes[i].mach.alive() && w.reach(i, p.n.i) { // the port is closed: the machine says so
				p.pres.peers[i].refused = p.n.local()
			}
		case to.stopped || to.n.mach.paused:
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

func (p *proc) hearPing(m *ping) {
	if p.out || p.dead || !p.st.member {
		return
	}
	if why := p.judge(m.run, m.term, m.length); why != "" {
		return
	}
	now := p.n.local()
	if !p.heard(m, now) {
		return
	}
	s := &p.pres
	p.pushInput(m.run.heard)
	if seq := p.lease(); seq > s.leased && s.seq-seq < uint64(len(s.sent)) {
		s.leased = seq
		p.leased(s.sent[seq%uint64(len(s.sent))])
	}
}

// judge says why a store is refused (R3): it was replaced, or it shows less than was seen of it. What is accepted raises the floor, durably.
func (p *proc) judge(r *runID, term uint64, length int) string {
	for _, g := range p.fsm.gone[r.i] {
		if g == r.store {
			return "replaced"
		}
	}
	f := &p.st.floor[r.i]
	if f.store != r.store {
		*f = floor{store: r.store, run: r, starts: r.starts, term: term, length: length}
		return ""
	}
	switch {
	case p.w.opt.broken == brokenRollback:
	case r.starts < f.starts, r.starts == f.starts && r != f.run, r.starts > f.starts && (term < f.term || term == f.term && length < f.length):
		return "restored from a copy"
	}
	f.starts, f.run = r.starts, r
	if term > f.term || term == f.term && length > f.length {
		f.term, f.length = term, length
	}
	return ""
}

// refusal says why this daemon refuses a connection of that one, without remembering anything.
func (p *proc) refusal(o *proc) string {
	for _, g := range p.fsm.gone[o.n.i] {
		if g == o.st.id {
			return "replaced"
		}
	}
	f := p.st.floor[o.n.i]
	term, length := o.st.lastTerm(), len(o.st.log)
	if f.store == o.st.id && p.w.opt.broken != brokenRollback &&
		(o.st.starts < f.starts || o.st.starts == f.starts && o.run != f.run || o.st.starts > f.starts && (term < f.term || term == f.term && length < f.length)) {
		return "restored from a copy"
	}
	return ""
}

// quorum tells the reader whether this node is still part of a quorate view, when that changes.
func (p *proc) quorum(now int64) {
	v := p.fsm.view
	in := false
	for _, m := range v.members {
		in = in || m == p.run
	}
	if !v.quorate || !in {
		p.lost = false
		return
	}
	votes := 1
	for i := range p.w.nodes {
		if i != p.n.i && mutual(p.pres.masks, p.pres.up, i, p.n.i) {
			votes++
		}
	}
	bad := now < p.pres.quietTil || votes < p.w.roster.Quorum() || now-p.leaderAt > p.pres.fail
	switch {
	case bad && (!p.lost || p.lostView != p.fsm.viewAt):
		p.lost, p.lostView = true, p.fsm.viewAt
		p.pushInput(member.QuorumLost{Why: "contact"})
	case !bad && p.lost:
		p.lost = false
		p.pushInput(member.QuorumHeld{})
	}
}

// refuseLeader: a leader outside the connected set is not answered, so that the set elects another (R20).
func (p *proc) refuseLeader(now int64) {
	set, leader := p.pres.set, p.raft.leader
	switch {
	case set == 0 || leader >= 0 && set>>leader&1 == 1 || set>>p.n.i&1 == 0:
		p.raft.blocked = 0
		return
	}
	p.raft.blocked &^= set // whoever is back inside is answered again
	if leader >= 0 && leader != p.n.i && now-p.pres.setSince >= p.pres.settle && p.canElect(set) {
		p.raft.blocked |= 1 << leader
		p.raft.leader = -1
	}
}

func (p *proc) canElect(set uint64) bool {
	have := 0
	for i, v := range p.fsm.conf.voter {
		if v && set>>i&1 == 1 {
			have++
		}
	}
	return have >= p.fsm.conf.need()
}

// nextView is the view that the leader should propose now, nil for none; hand is who should lead instead, -1 for nobody.
func (p *proc) nextView(now int64) (next *view, hand int) {
	f, s := p.fsm, &p.pres
	if now < s.quietTil || f.runs[p.n.i].run != p.run {
		return nil, -1
	}
	if stay := p.withoutReplaced(); len(stay) < len(f.view.members) {
		return p.viewOf(stay), -1
	}
	set, since := s.set, now-s.setSince
	if set == 0 {
		if since < s.fail {
			return nil, -1
		}
		set = p.around()
	}
	if set>>p.n.i&1 == 0 {
		if since >= s.settle && p.canElect(set) {
			return nil, bits.TrailingZeros64(set)
		}
		return nil, -1
	}
	var members []*runID
	for i := range p.w.nodes {
		if set>>i&1 == 1 && p.isPresent(i) {
			members = append(members, f.runs[i].run)
		}
	}
	v := p.viewOf(members)
	left := gone(f.view.members, v.members)
	if v.quorate == f.view.quorate && !left && len(v.members) == len(f.view.members) {
		return nil, -1
	}
	wait := 2 * p.w.roster.Timing.PingMS
	if left {
		wait = s.settle
		if now-s.began < s.fail {
			return nil, -1
		}
	}
	if since < wait {
		return nil, -1
	}
	return v, -1
}

// gone reports whether somebody of the old view is not in the new one.
func gone(old, now []*runID) bool {
	for _, m := range old {
		found := false
		for _, o := range now {
			found = found || o == m
		}
		if !found {
			return true
		}
	}
	return false
}

func (p *proc) withoutReplaced() []*runID {
	var stay []*runID
	for _, m := range p.fsm.view.members {
		pe := &p.pres.peers[m.i]
		if p.fsm.runs[m.i].run == m && (pe.ping == nil || pe.ping.run == m) {
			stay = append(stay, m)
		}
	}
	return stay
}

func (p *proc) isPresent(i int) bool {
	r := p.fsm.runs[i].run
	if i == p.n.i {
		return r == p.run
	}
	pe := &p.pres.peers[i]
	return r != nil && pe.ping != nil && pe.ping.run == r
}

// around is this node and whoever is in contact with it and with each other: a view without quorum.
func (p *proc) around() uint64 {
	set := uint64(1) << p.n.i
	for i := range p.w.nodes {
		if i == p.n.i {
			continue
		}
		all := true
		for o := range p.w.nodes {
			all = all && (set>>o&1 == 0 || mutual(p.pres.masks, p.pres.up, i, o))
		}
		if all {
			set |= 1 << i
		}
	}
	return set
}

func (p *proc) viewOf(members []*runID) *view {
	v := &view{members: members}
	votes := 0
	for _, m := range members {
		if p.fsm.conf.votes(m.i, p.fsm.runs[m.i].store) {
			votes++
		}
	}
	v.quorate = votes >= p.w.roster.Quorum()
	return v
}

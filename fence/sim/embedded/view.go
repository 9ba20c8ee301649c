package embedded

import (
	"math/bits"
	"slices"
)

// Which view a leader proposes, and whom nobody answers: membership/embedded's view.go and lead.go.

// refuseLeader: a leader outside the connected set is not answered, so that the set elects another (R20).
func (p *Daemon) refuseLeader(now int64) {
	set, leader := p.pres.set, p.raft.leader
	switch {
	case set == 0 || leader >= 0 && set>>leader&1 == 1 || set>>p.i&1 == 0:
		p.raft.blocked = 0
		return
	}
	p.raft.blocked &^= set // whoever is back inside is answered again
	if leader >= 0 && leader != p.i && now-p.pres.setSince >= p.pres.settle && p.canElect(set) {
		p.raft.blocked |= 1 << leader
		p.raft.leader = -1
	}
}

func (p *Daemon) canElect(set uint64) bool {
	have := 0
	for i, v := range p.fsm.Conf.Voter {
		if v && set>>i&1 == 1 {
			have++
		}
	}
	return have >= p.fsm.Conf.Need()
}

// nextView is the view that the leader should propose now, nil for none; hand is who should lead instead, -1 for nobody.
func (p *Daemon) nextView(now int64) (next *View, hand int) {
	f, s := p.fsm, &p.pres
	if now < s.quietTil || f.Runs[p.i].Run != p.run {
		return nil, -1
	}
	if stay := p.withoutReplaced(); len(stay) < len(f.View.Members) {
		return p.viewOf(stay), -1
	}
	set, since := s.set, now-s.setSince
	if set == 0 {
		if since < s.fail {
			return nil, -1
		}
		set = p.around()
	}
	if set>>p.i&1 == 0 {
		if since >= s.settle && p.canElect(set) {
			return nil, bits.TrailingZeros64(set)
		}
		return nil, -1
	}
	var members []*Run
	for i := range p.w.seats {
		if set>>i&1 == 1 && p.isPresent(i) {
			members = append(members, f.Runs[i].Run)
		}
	}
	v := p.viewOf(members)
	left := gone(f.View.Members, v.Members)
	if v.Quorate == f.View.Quorate && !left && len(v.Members) == len(f.View.Members) {
		return nil, -1
	}
	wait := 2 * p.w.cfg.Timing.PingMS
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
func gone(old, now []*Run) bool {
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

func (p *Daemon) withoutReplaced() []*Run {
	var stay []*Run
	for _, m := range p.fsm.View.Members {
		pe := &p.pres.peers[m.I]
		if p.fsm.Runs[m.I].Run == m && (pe.ping == nil || pe.ping.run == m) {
			stay = append(stay, m)
		}
	}
	return stay
}

// replaced are those whom a view leaves out because the same boot of their node runs another daemon.
func (p *Daemon) replaced(v *View) (stay []*Run) {
	for _, m := range p.fsm.View.Members {
		now := p.fsm.Runs[m.I].Run
		if pe := &p.pres.peers[m.I]; m.I == p.i {
			now = p.run
		} else if pe.ping != nil && pe.ping.run != m {
			now = pe.ping.run
		}
		if now != nil && now != m && now.Boot == m.Boot && !slices.Contains(v.Members, m) {
			stay = append(stay, m)
		}
	}
	return stay
}

func (p *Daemon) isPresent(i int) bool {
	r := p.fsm.Runs[i].Run
	if i == p.i {
		return r == p.run
	}
	pe := &p.pres.peers[i]
	return r != nil && pe.ping != nil && pe.ping.run == r
}

// around is this node and whoever is in contact with it and with each other: a view without quorum.
func (p *Daemon) around() uint64 {
	set := uint64(1) << p.i
	for i := range p.w.seats {
		if i == p.i {
			continue
		}
		all := true
		for o := range p.w.seats {
			all = all && (set>>o&1 == 0 || mutual(p.pres.masks, p.pres.up, i, o))
		}
		if all {
			set |= 1 << i
		}
	}
	return set
}

func (p *Daemon) viewOf(members []*Run) *View {
	v := &View{Members: members}
	votes := 0
	for _, m := range members {
		if p.fsm.Conf.Votes(m.I, p.fsm.Runs[m.I].Store) {
			votes++
		}
	}
	v.Quorate = votes >= p.w.cfg.Quorum
	return v
}

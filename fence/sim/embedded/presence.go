package embedded

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// presence is the matrix of who hears whom as one node sees it: membership/embedded/presence.go, acks.go and tick.go, with bits for lists.
// Its times are milliseconds of its node's own clock.
type presence struct {
	link, settle, fail, durable int64
	peers                       []peer
	rows                        []row
	denied                      map[fence.Incarnation]bool
	set                         uint64
	setSince                    int64
	lastTick, began             int64
	quietTil, lastGap           int64
	masks                       []uint64 // of the last choice
	up                          uint64
	seq                         uint64
	sent                        [256]int64
	leased                      uint64
}

// peer is what was heard of one node directly.
type peer struct {
	ping    *ping
	heardAt int64
	acked   uint64
	answers bool
	suspect bool
}

// row is whom a node hears.
type row struct {
	run *Run
	at  int64
	in  uint64
}

// ping is one datagram. All receivers share it.
type ping struct {
	run     *Run
	seq     uint64
	applied int
	term    uint64
	length  int
	durable int64
	acks    []ack
	rows    []row // at is the age here
}

type ack struct {
	run *Run
	seq uint64
}

func (w *Cluster) newPresence() presence {
	t, n := w.cfg.Timing, len(w.seats)
	settle := min(3*t.PingMS, t.FailureTimeoutMS/3)
	return presence{
		link: t.FailureTimeoutMS - settle, settle: settle, fail: t.FailureTimeoutMS, durable: 3 * t.FailureTimeoutMS,
		peers: make([]peer, n), rows: make([]row, n), masks: make([]uint64, n), denied: map[fence.Incarnation]bool{},
	}
}

// heard takes a ping; false for one that is not newer than the last.
func (p *Daemon) heard(m *ping, now int64) bool {
	s := &p.pres
	pe := &s.peers[m.run.I]
	same := pe.ping != nil && pe.ping.run == m.run
	if same {
		if m.seq <= pe.ping.seq {
			return false
		}
	} else {
		if pe.ping != nil && pe.ping.run.Store == m.run.Store && m.run.Starts < pe.ping.run.Starts {
			return false
		}
		pe.acked = 0
		s.rows[m.run.I] = row{}
	}
	pe.ping, pe.heardAt, pe.answers = m, now, false
	if a := m.acks[p.i]; a.run == p.run {
		pe.answers = true
		pe.acked = max(pe.acked, a.seq)
	}
	for i := range m.rows {
		if m.rows[i].run != nil {
			p.takeRow(i, m.rows[i], now)
		}
	}
	if !same {
		p.choose(now)
	}
	return true
}

func (p *Daemon) takeRow(i int, r row, now int64) {
	s := &p.pres
	if i == p.i || r.at < 0 || r.at > s.fail {
		return
	}
	at := now - r.at
	if pe := &s.peers[i]; pe.ping != nil && r.run != pe.ping.run && (now-pe.heardAt < s.fail || r.run.Starts <= pe.ping.run.Starts) {
		return
	}
	if k := &s.rows[i]; k.run != nil && now-k.at < s.fail && (k.run.Starts > r.run.Starts || k.run.Starts == r.run.Starts && k.at >= at) {
		return
	}
	s.rows[i] = row{run: r.run, at: at, in: r.in}
}

func (p *Daemon) own(now int64) uint64 {
	var in uint64
	for i := range p.pres.peers {
		if i != p.i && p.hears(i, now) {
			in |= 1 << i
		}
	}
	return in
}

func (p *Daemon) hears(i int, now int64) bool {
	pe := &p.pres.peers[i]
	return pe.ping != nil && pe.answers && now-pe.heardAt < p.pres.link && pe.ping.durable < p.pres.durable
}

// look makes the matrix: each healthy node's row, and who has one.
func (p *Daemon) look(now int64) (masks []uint64, up uint64) {
	s := &p.pres
	masks = make([]uint64, len(s.rows))
	for i := range s.rows {
		switch {
		case i == p.i:
			if !p.Out {
				masks[i], up = p.own(now), up|1<<i
			}
		case s.rows[i].run != nil && now-s.rows[i].at < s.link:
			masks[i], up = s.rows[i].in, up|1<<i
		}
	}
	return masks, up
}

func mutual(masks []uint64, up uint64, a, b int) bool {
	return up>>a&1 == 1 && up>>b&1 == 1 && masks[a]>>b&1 == 1 && masks[b]>>a&1 == 1
}

// tick looks at the matrix again, and says whether this process was stopped.
func (s *presence) gap(now, lease int64) bool {
	stopped := s.lastTick != 0 && now-s.lastTick > s.fail/2
	if stopped {
		s.quietTil = now + lease
		if s.lastGap == 0 || s.lastTick-s.lastGap > s.fail {
			for i := range s.peers {
				if pe := &s.peers[i]; pe.ping != nil && !pe.suspect {
					pe.heardAt = now
				}
				s.rows[i].at = now
			}
		}
		s.lastGap, s.setSince = now, now
	}
	s.lastTick = now
	if s.began == 0 {
		s.began = now
	}
	return stopped
}

// choose takes R20's choice of the matrix; the same matrix gives the same set.
func (p *Daemon) choose(now int64) {
	s := &p.pres
	masks, up := p.look(now)
	if up != s.up || !slices.Equal(masks, s.masks) || s.setSince == 0 {
		s.masks, s.up = masks, up
		ids := p.w.cfg.Choose(func(id fence.NodeID) bool { return up>>(id-1)&1 == 1 },
			func(a, b fence.NodeID) bool { return mutual(masks, up, int(a)-1, int(b)-1) })
		var set uint64
		for _, id := range ids {
			set |= 1 << (id - 1)
		}
		if set != s.set || s.setSince == 0 {
			s.set, s.setSince = set, now
		}
	}
}

// suspicion tells of whom nothing was heard for the failure timeout, and who is back.
func (p *Daemon) suspicion(now int64) {
	for i := range p.pres.peers {
		pe := &p.pres.peers[i]
		if pe.ping == nil {
			continue
		}
		if gone := now-pe.heardAt >= p.pres.fail; gone != pe.suspect {
			pe.suspect = gone
			p.h.Suspect(pe.ping.run, gone)
		}
	}
}

// lease is the number of the newest ping that a majority of votes acknowledged, 0 for none (R14).
func (p *Daemon) lease() uint64 {
	s := &p.pres
	var all [64]uint64
	n, need := 0, p.w.cfg.Quorum
	if need > 1 {
		all[0], n = s.seq, 1
	}
	for i := range s.peers {
		if i != p.i && s.peers[i].ping != nil && s.peers[i].acked != 0 {
			k := n
			for ; k > 0 && all[k-1] < s.peers[i].acked; k-- {
				all[k] = all[k-1]
			}
			all[k] = s.peers[i].acked
			n++
		}
	}
	if n < need {
		return 0
	}
	return all[need-1]
}

// newPing is the next ping of this run.
func (p *Daemon) newPing(now int64) *ping {
	s := &p.pres
	s.seq++
	s.sent[s.seq%uint64(len(s.sent))] = now
	n := len(s.peers)
	m := &ping{run: p.run, seq: s.seq, applied: p.fsm.Index, term: p.st.LastTerm(), length: len(p.st.Log), durable: p.h.DurableMS(), acks: make([]ack, n), rows: make([]row, n)}
	for i := range s.peers {
		if i == p.i {
			m.rows[i] = row{run: p.run, in: p.own(now)}
			continue
		}
		if pe := &s.peers[i]; pe.ping != nil {
			a := ack{run: pe.ping.run, seq: pe.ping.seq}
			if s.denied[pe.ping.run.Incarnation] {
				a.seq = 0
			}
			m.acks[i] = a
		}
		if r := s.rows[i]; r.run != nil && now-r.at < s.fail {
			m.rows[i] = row{run: r.run, at: now - r.at, in: r.in}
		}
	}
	return m
}

// Deny stops acknowledging a life (R14).
func (p *Daemon) Deny(life fence.Incarnation) { p.pres.denied[life] = true }

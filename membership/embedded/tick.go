package embedded

import (
	"fmt"
	"slices"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// ticks sends a ping to everybody and looks at the matrix, once in a ping interval; and it looks at the very instant at which a silence has
// lasted long enough, because the interval would add itself to every failure_timeout, twice.
func (p *Provider) ticks() {
	t := time.NewTicker(p.cfg.Ping)
	defer t.Stop()
	look := time.NewTimer(p.cfg.Ping)
	defer look.Stop()
	for {
		select {
		case <-t.C:
			p.floors.turn()
			p.tick(p.now(), true)
		case <-look.C:
			p.tick(p.now(), false)
		case <-p.ctx.Done():
			return
		}
		now := p.now()
		p.mu.Lock()
		next := p.pres.next(now)
		p.mu.Unlock()
		look.Reset(time.Duration(next-now) * time.Millisecond)
	}
}

// tick looks at the matrix, and sends a ping if one is due.
func (p *Provider) tick(now int64, due bool) {
	r := p.running()
	if r == nil {
		return
	}
	k := p.fsm.known()
	pos := p.position()
	leader := leaderOf(r)
	p.mu.Lock()
	if p.failed != "" || p.closed {
		var last []byte
		if p.telling && !p.closed {
			last, _ = encodePing(p.newPing(k, pos, now), p.keys.ping)
		}
		p.mu.Unlock()
		if last != nil {
			p.mesh.send(last, func(to fence.NodeID) bool { return p.cfg.Faults.dropped(p.cfg.Self.Node, to) })
		}
		return
	}
	if leader != 0 || p.leaderAt == 0 {
		p.leaderAt = now
	}
	gap := p.pres.tick(now, p.cfg.Lease.Milliseconds())
	var events []membership.Event
	for _, s := range p.pres.suspicion(now) {
		events = append(events, s)
	}
	events = append(events, p.quorum(k, now)...)
	var frame []byte
	var err error
	if due {
		frame, err = encodePing(p.newPing(k, pos, now), p.keys.ping)
		if sent := p.renewed(); err == nil && sent != 0 { // where nobody else has a vote, no answer comes that would renew it
			events = append(events, membership.LeaseRenewed{SentMS: sent})
		}
	}
	block, free := p.refuseLeader(k, leader, now)
	p.mu.Unlock()
	if gap > 0 {
		p.log.Warn("this process was stopped; timers restart and nothing is proposed for one lease", "stopped_ms", gap)
	}
	for _, e := range events {
		p.push(e)
	}
	if err != nil {
		p.fail(err.Error())
		return
	}
	if due {
		p.mesh.send(frame, func(to fence.NodeID) bool { return p.cfg.Faults.dropped(p.cfg.Self.Node, to) })
	}
	for _, id := range free {
		p.mux.block(id, false)
	}
	if block != 0 {
		p.mux.block(block, true)
	}
	wake(p.lead)
	wake(p.work)
}

// newPing is the next ping. The caller holds the lock.
func (p *Provider) newPing(k known, pos position, now int64) ping {
	p.seq++
	p.floors.sends(p.seq)
	p.sent[p.seq%uint64(len(p.sent))] = now
	durable := p.store.written()
	if p.durable.After(durable) {
		durable = p.durable
	}
	m := ping{
		Protocol: protocol(), Domain: p.domain, Was: p.id.Was, Node: p.cfg.Self.Node, Boot: p.cfg.Self.Boot, Instance: p.cfg.Self.Instance,
		Store: p.id.Store, Starts: p.id.Starts, Seq: p.seq, Epoch: k.viewAt, Applied: k.index, Position: pos,
		DurableMS: time.Since(durable).Milliseconds(), Healthy: p.failed == "",
	}
	m.Acks, m.Rows = p.pres.report(now)
	return m
}

// quorum says whether this node is still part of a quorate view, when that changes. The caller holds the lock.
func (p *Provider) quorum(k known, now int64) []membership.Event {
	me := membership.Member{Incarnation: fence.Incarnation{Node: p.cfg.Self.Node, Boot: p.cfg.Self.Boot}, Instance: p.cfg.Self.Instance}
	if !k.view.Quorate || !slices.Contains(k.view.Members, me) {
		p.lost = "" // the view itself says so
		return nil
	}
	need := membership.Need(voters(p.nodes))
	why := ""
	switch votes := p.pres.connectedVotes(now); {
	case now < p.pres.quietTil:
		why = "this process was stopped"
	case votes < need:
		why = fmt.Sprintf("in contact with %d votes, %d needed", votes, need)
	case now-p.leaderAt > p.pres.fail:
		why = "there is no leader"
	}
	switch {
	case why != "" && (p.lost == "" || p.lostView != k.viewAt):
		p.lost, p.lostView = why, k.viewAt
		return []membership.Event{membership.QuorumLost{Why: why}}
	case why == "" && p.lost != "":
		p.lost = ""
		return []membership.Event{membership.QuorumHeld{}}
	}
	return nil
}

// refuseLeader: a leader outside the connected set is not answered, so that the set elects another (R20). Whoever was refused is answered again
// as soon as he is inside, or another inside leads: who refuses the leader hears of none, so waiting for the word of one would be for ever, if
// nobody else refused him. The caller holds the lock.
func (p *Provider) refuseLeader(k known, leader fence.NodeID, now int64) (block fence.NodeID, free []fence.NodeID) {
	set := p.pres.set
	switch {
	case set == nil || leader != 0 && slices.Contains(set, leader) || !slices.Contains(set, p.cfg.Self.Node):
		for _, n := range p.nodes {
			free = append(free, n.ID)
		}
	default:
		free = slices.Clone(set)
		if leader != 0 && leader != p.cfg.Self.Node && now-p.pres.setSince >= p.pres.settle && p.canElect(k, set) {
			block = leader
		}
	}
	return block, free
}

// canElect: the set holds a majority of Raft's voters.
func (p *Provider) canElect(k known, set []fence.NodeID) bool {
	have := 0
	for _, v := range k.voters {
		if node, _, err := parseServerID(string(v)); err == nil && slices.Contains(set, node) {
			have++
		}
	}
	return have > len(k.voters)/2
}

// quiet is the reason for what is dropped without a word.
const quiet = "quiet"

// probeDisk writes something durable twice in a failure timeout, so that a disk that hangs is noticed without anybody needing it; what it
// writes is how far the peers' stores were seen to go (R3, R20).
func (p *Provider) probeDisk() {
	t := time.NewTicker(p.cfg.FailureTimeout / 2)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if err := p.store.keepFloors(p.floors.take()); err != nil {
				return // the store has failed, and said so
			}
		case <-p.ctx.Done():
			return
		}
	}
}

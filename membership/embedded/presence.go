package embedded

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// presence is the matrix of who hears whom, as one node sees it (R20). It has no clock and no goroutine: now is CLOCK_BOOTTIME in milliseconds,
// and its owner serialises. Every node runs it all the time, so that a new leader knows at once.
//
// A link counts as broken after link; the set of connected nodes must then stay the same for settle before anybody leaves the view. Together
// they are the failure timeout: what a dead node's neighbours lose within a few pings of each other is settled as one change.
type presence struct {
	self     fence.NodeID
	tag      runTag
	starts   uint64
	nodes    []NodeConfig
	link     int64
	settle   int64
	join     int64 // how long a set that only grew stays the same before it is a view: nodes that start together come in one
	fail     int64
	durable  int64 // age of a durable write beyond which its node is not healthy
	sick     bool  // this node should not count
	peers    map[fence.NodeID]*peer
	rows     map[fence.NodeID]knownRow
	denied   map[fence.Incarnation]bool
	set      []fence.NodeID
	setSince int64
	lastTick int64
	began    int64 // the first tick
	quietTil int64 // nothing is proposed before (after a gap)
	lastGap  int64 // when this process last came back from a stop
}

// peer is what was heard of one node directly.
type peer struct {
	ping    ping
	tag     runTag // of its instance
	heardAt int64
	acked   uint64 // highest of our pings that its present run acknowledged
	answers bool   // its last ping names this very run of ours, so it is no recording from before our start
	refused int64  // when its port was last refused: its node is there, its daemon is not
	suspect bool
}

type knownRow struct {
	tag    runTag
	starts uint64
	at     int64 // when it was true, by our clock
	heard  []fence.NodeID
}

func newPresence(self fence.NodeID, instance string, starts uint64, nodes []NodeConfig, failMS, pingMS int64) *presence {
	settle := min(3*pingMS, failMS/3)
	return &presence{
		self: self, tag: tag(instance), starts: starts, nodes: nodes,
		link: failMS - settle, settle: settle, join: 2 * pingMS, fail: failMS, durable: 3 * failMS,
		peers: make(map[fence.NodeID]*peer), rows: make(map[fence.NodeID]knownRow), denied: make(map[fence.Incarnation]bool),
	}
}

func (p *presence) peer(id fence.NodeID) *peer {
	if p.peers[id] == nil {
		p.peers[id] = &peer{}
	}
	return p.peers[id]
}

// heard takes an authenticated, admissible ping. It says false for one that is not newer than the last. A new run of a node has to earn its place
// in the set itself: with the place of its last life it would be in a view before anybody knows whether it hears him, and then be missed there.
func (p *presence) heard(m ping, now int64) bool {
	pe := p.peer(m.Node)
	same := pe.ping.Instance == m.Instance && pe.ping.Store == m.Store
	if same && m.Seq <= pe.ping.Seq {
		return false
	}
	if !same {
		if pe.ping.Store == m.Store && m.Starts < pe.ping.Starts {
			return false
		}
		pe.acked, pe.tag = 0, tag(m.Instance)
		delete(p.rows, m.Node)
	}
	pe.ping, pe.heardAt, pe.answers = m, now, false
	for _, a := range m.Acks {
		if a.Node == p.self && a.Tag == p.tag {
			pe.answers = true
			pe.acked = max(pe.acked, a.Seq)
		}
	}
	for _, r := range m.Rows {
		p.takeRow(r, now)
	}
	if !same {
		p.choose(now)
	}
	return true
}

// takeRow keeps the newest row of each run; a row of an earlier run than the one known is old news.
func (p *presence) takeRow(r row, now int64) {
	if r.Node == p.self || r.AgeMS < 0 || r.AgeMS > p.fail {
		return
	}
	at := now - r.AgeMS
	if pe := p.peers[r.Node]; pe != nil && pe.heardAt != 0 && r.Tag != pe.tag && (now-pe.heardAt < p.fail || r.Starts <= pe.ping.Starts) {
		return // who is heard directly is known better
	}
	if k, ok := p.rows[r.Node]; ok && now-k.at < p.fail && (k.starts > r.Starts || k.starts == r.Starts && k.at >= at) {
		return
	}
	p.rows[r.Node] = knownRow{tag: r.Tag, starts: r.Starts, at: at, heard: r.Heard}
}

// own is this node's row: whom it hears and who is healthy.
func (p *presence) own(now int64) []fence.NodeID {
	var ids []fence.NodeID
	for _, n := range p.nodes {
		if n.ID != p.self && p.hears(n.ID, now) {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

func (p *presence) hears(id fence.NodeID, now int64) bool {
	pe := p.peers[id]
	return pe != nil && pe.heardAt != 0 && pe.answers && now-pe.heardAt < p.link && pe.ping.Healthy && pe.ping.DurableMS < p.durable
}

// rowOf is what a node says whom it hears, if that is recent.
func (p *presence) rowOf(id fence.NodeID, now int64) ([]fence.NodeID, bool) {
	if id == p.self {
		return p.own(now), !p.sick
	}
	r, ok := p.rows[id]
	return r.heard, ok && now-r.at < p.link
}

func (p *presence) mutual(a, b fence.NodeID, now int64) bool {
	ra, okA := p.rowOf(a, now)
	rb, okB := p.rowOf(b, now)
	return okA && okB && slices.Contains(ra, b) && slices.Contains(rb, a)
}

// tick looks at the matrix again. It says how long this process was stopped, 0 if it was not. After a stop of more than half the failure timeout
// all timers restart, but not again before it ran for a failure timeout, and nothing is to be proposed for a lease (R20): what happened meanwhile waits in the sockets.
func (p *presence) tick(now, lease int64) (gap int64) {
	if p.lastTick != 0 && now-p.lastTick > p.fail/2 {
		gap = now - p.lastTick
		p.quietTil = now + lease
		if p.lastGap == 0 || p.lastTick-p.lastGap > p.fail {
			for _, pe := range p.peers {
				if pe.heardAt != 0 && !pe.suspect {
					pe.heardAt = now
				}
			}
			for id, r := range p.rows {
				r.at = now
				p.rows[id] = r
			}
		}
		p.lastGap, p.setSince = now, now
	}
	p.lastTick = now
	if p.began == 0 {
		p.began = now
	}
	p.choose(now)
	return gap
}

// choose takes R20's choice of the matrix as it is now.
func (p *presence) choose(now int64) {
	set := membership.Connected(voters(p.nodes),
		func(id fence.NodeID) bool { _, ok := p.rowOf(id, now); return ok },
		func(a, b fence.NodeID) bool { return p.mutual(a, b, now) })
	if !slices.Equal(set, p.set) || p.setSince == 0 {
		p.set, p.setSince = set, now
	}
}

// suspicion says of whom nothing has been heard for the failure timeout since the last call, and who is back.
func (p *presence) suspicion(now int64) (changes []membership.Suspect) {
	for _, n := range p.nodes {
		pe := p.peers[n.ID]
		if pe == nil || pe.heardAt == 0 {
			continue
		}
		if gone := now-pe.heardAt >= p.fail; gone != pe.suspect {
			pe.suspect = gone
			changes = append(changes, membership.Suspect{Member: pe.ping.member(), Gone: gone})
		}
	}
	return changes
}

// next is the next instant at which the matrix says something else although nothing was heard: a link or a row is too old, somebody is suspect,
// or the set has settled. It is at most a failure timeout away, and always after now.
func (p *presence) next(now int64) int64 {
	at := now + p.fail
	soon := func(t int64) {
		if t > now {
			at = min(at, t)
		}
	}
	for _, pe := range p.peers {
		if pe.heardAt != 0 {
			soon(pe.heardAt + p.link)
			soon(pe.heardAt + p.fail)
		}
	}
	for _, r := range p.rows {
		soon(r.at + p.link)
	}
	for _, t := range []int64{p.setSince + p.settle, p.setSince + p.join, p.setSince + p.fail, p.began + p.fail, p.quietTil} {
		soon(t)
	}
	return at
}

package corosync

import (
	"errors"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

// What the link tells. It comes on the link's goroutine, in order.

func (p *Provider) connected(process agreement.Process) {
	p.mu.Lock()
	p.away = ""
	p.mu.Unlock()
	p.log.Info("connected to corosync", "node", process.Node, "pid", process.PID)
}

func (p *Provider) disconnected(why error) {
	text := why.Error()
	p.mu.Lock()
	news := p.away == ""
	p.away = text
	p.mu.Unlock()
	if news {
		p.log.Warn("the connection to corosync is lost", "error", text)
	}
	p.do(func(m *agreement.Machine, now int64) { m.Disconnected(now) })
	p.refuse("corosync", text, "")
}

func (p *Provider) group(members []agreement.Process, left []agreement.Left) {
	p.do(func(m *agreement.Machine, now int64) { m.Group(members, left, now) })
}

func (p *Provider) ring(r agreement.Ring, nodes []fence.NodeID) {
	p.do(func(m *agreement.Machine, now int64) { m.Ring(r, nodes, now) })
}

func (p *Provider) quorum(r agreement.Ring, quorate bool) {
	p.do(func(m *agreement.Machine, now int64) { m.Quorum(r, quorate, now) })
}

// votes takes what is made of votequorum's numbers. What is refused counts as no votes: nothing is ever committed.
func (p *Provider) votes(v counts) {
	p.mu.Lock()
	news := v.sides != "" && !p.doubted
	p.refusal, p.need, p.doubted = v.refused, v.shown, p.doubted || news
	if news {
		p.tell(membership.SidesQuorate{Why: v.sides})
	}
	p.mu.Unlock()
	if v.refused != "" {
		p.refuse("corosync", v.refused, "")
	}
	p.do(func(m *agreement.Machine, now int64) {
		m.Votes(v.own, v.need, now)
		m.Two(v.two, v.forms.Milliseconds(), now)
	})
}

func (p *Provider) deliver(from agreement.Process, data []byte) {
	msg, err := agreement.Decode(data)
	var other agreement.ProtocolError
	switch {
	case errors.As(err, &other):
		p.refuse(p.named(from.Node), p.speaks(from.Node, other), membership.RefusedVersion)
		return
	case err != nil:
		p.refuse(p.named(from.Node), err.Error(), "")
		return
	}
	p.do(func(m *agreement.Machine, now int64) { m.Deliver(from, msg, now) })
}

// speaks says what a node of another protocol speaks. Only its Hello carries its version, so that is kept for its other messages: all of them are one
// refusal. There is one for each node of the ring at most.
func (p *Provider) speaks(node fence.NodeID, other agreement.ProtocolError) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.others[node]; other.Version == "" && known.Protocol == other.Protocol {
		other = known
	}
	p.others[node] = other
	return other.Beside(p.cfg.Version)
}

func (p *Provider) settled() {}

// expelled says what became of a word to another node's corosync: that it was sent, never that it was heard.
func (p *Provider) expelled(node fence.NodeID, err error) {
	if err != nil {
		p.log.Warn("cannot ask a node's corosync to end; it is fenced all the same", "node", p.named(node), "error", err)
	}
}

// refuseEvery is how often the same refusal is told; maxReported bounds what is remembered of them.
const (
	refuseEvery = 10 * time.Second
	maxReported = 256
)

// refuse tells of something that is refused, once in ten seconds for each peer and reason.
func (p *Provider) refuse(peer, reason string, kind membership.RefusedKind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	key := peer + "\x00" + reason
	if at, ok := p.reported[key]; ok && now.Sub(at) < refuseEvery {
		return
	}
	if len(p.reported) >= maxReported {
		clear(p.reported)
	}
	p.reported[key] = now
	p.tell(membership.Refused{Peer: peer, Reason: reason, Kind: kind})
}

// counted takes how many votes votequorum counts in this part of the ring.
func (p *Provider) counted(total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total = total
}

// Info is a snapshot for status.
func (p *Provider) Info() membership.Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := membership.Info{Provider: "corosync", Source: "corosync"}
	if p.m == nil {
		return i
	}
	s := p.m.Status()
	i.Domain, i.Need = s.Domain, p.need
	now := membership.BootMS()
	since := time.Now().Add(-time.Duration(now-s.Since) * time.Millisecond)
	out := p.failed != "" || p.away != ""
	if !out && s.Ring != (agreement.Ring{}) {
		i.Ring, i.Nodes, i.Votes, i.Quorate = "ring "+s.Ring.String(), s.Nodes, p.total, s.Quorate
	}
	for _, what := range []string{p.failed, p.away, p.refusal} {
		if what != "" {
			i.Waiting = append(i.Waiting, membership.Wait{What: what, Since: since})
		}
	}
	if s.Waiting != "" && !out { // without corosync nothing else is waited for
		w := membership.Wait{What: s.Waiting, Since: since}
		for _, n := range s.For {
			w.For = append(w.For, p.name(n))
		}
		i.Waiting = append(i.Waiting, w)
	}
	for _, h := range s.Heard {
		i.Paths = append(i.Paths, membership.Path{Node: h.Node, Name: p.name(h.Node), LastSeen: time.Duration(now-h.At) * time.Millisecond})
	}
	return i
}

package embedded

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// hearPings reads the mesh.
func (p *Provider) hearPings() {
	b := make([]byte, maxPing)
	for {
		n, from, err := p.mesh.in.ReadFromUDPAddrPort(b)
		if err != nil {
			if errors.Is(err, net.ErrClosed) || p.ctx.Err() != nil {
				return
			}
			continue
		}
		m, err := decodePing(b[:n], p.keys.ping)
		switch {
		case err == nil:
			p.hear(m)
		default: // noise too: one line in ten seconds
			p.lines.say(from.Addr().String(), err.Error())
		}
	}
}

// hear takes one authenticated ping.
func (p *Provider) hear(m ping) {
	if p.cfg.Faults.dropped(m.Node, p.cfg.Self.Node) {
		return
	}
	k := p.fsm.known()
	if reason := p.judgePing(m, k); reason != "" {
		if reason != quiet {
			p.lines.say(fmt.Sprintf("node %d", m.Node), reason)
		}
		return
	}
	now := membership.BootMS()
	p.mu.Lock()
	fresh := p.pres.heard(m, now)
	var lease int64
	if seq := p.pres.lease(p.seq); fresh && seq > p.lease && p.seq-seq < uint64(len(p.sent)) {
		p.lease = seq
		lease = p.sent[seq%uint64(len(p.sent))]
	}
	trans := p.trans
	p.mu.Unlock()
	if !fresh {
		return
	}
	if trans != nil {
		trans.heard(m.Node)
	}
	p.push(membership.Heard{Member: m.member()})
	if lease != 0 {
		p.push(membership.LeaseRenewed{SentMS: lease})
	}
}

// judgePing says why a ping does not count.
func (p *Provider) judgePing(m ping, k known) string {
	p.mu.Lock()
	domain, nodes := p.domain, p.nodes
	p.mu.Unlock()
	_, configured := nodeOf(nodes, m.Node)
	switch {
	case domain == "":
		return quiet
	case m.Domain != domain:
		return fmt.Sprintf("domain %s, this is domain %s", orNone(m.Domain), domain)
	case m.Node == p.cfg.Self.Node:
		if m.Instance == p.cfg.Self.Instance {
			return quiet
		}
		return fmt.Sprintf("has this node's own id %d", m.Node)
	case !configured:
		return fmt.Sprintf("node %d is not configured here", m.Node)
	case slices.Contains(k.gone[m.Node], m.Store):
		return fmt.Sprintf("store %s of node %d was replaced by another; wipe it and join again", m.Store, m.Node)
	case p.floors.overtaken(m.Store, m.Starts, time.Now()):
		return quiet
	}
	return p.floors.check(m.Store, m.Starts, m.Instance, m.Position, time.Now())
}

// portRefused: a peer's machine is there and nobody listens; its process is gone, not its node.
func (p *Provider) portRefused(id fence.NodeID) {
	now := membership.BootMS()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pres.peer(id).refused = now
}

func (p *Provider) tellRefused(peer, reason string) {
	p.log.Debug("peer refused", "peer", peer, "reason", reason) // the reader of the event tells it
	p.push(membership.Refused{Peer: peer, Reason: reason})
}

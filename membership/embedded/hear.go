package embedded

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// hearPings reads the mesh.
func (p *Provider) hearPings(in Packets) {
	b := make([]byte, maxPing)
	for {
		n, from, err := in.ReadFromUDPAddrPort(b)
		if err != nil {
			if errors.Is(err, net.ErrClosed) || p.ctx.Err() != nil {
				return
			}
			continue
		}
		m, err := decodePing(b[:n], p.keys.ping)
		switch {
		case err == nil:
			m.from = from.Addr().Unmap().String()
			p.hear(m)
		case errors.Is(err, errPingProtocol) && p.configuredAt(from.Addr()): // the connection to it says so too, and which version that is
		default: // noise too: one line in ten seconds
			p.lines.say(from.Addr().String(), err.Error())
		}
	}
}

// configuredAt reports whether a configured node has this address.
func (p *Provider) configuredAt(from netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.nodes, func(n NodeConfig) bool {
		host, _, err := net.SplitHostPort(n.Address)
		return err == nil && host == from.Unmap().String()
	})
}

// hear takes one authenticated ping.
func (p *Provider) hear(m ping) {
	if p.cfg.Faults.dropped(m.Node, p.cfg.Self.Node) {
		return
	}
	k := p.fsm.known()
	if reason := p.judgePing(m, k); reason != "" {
		if reason != quiet && !passing(reason) {
			p.lines.say(p.peerName(m.Node), reason)
		}
		p.elsewhere(m)
		return
	}
	if m.goodbye() {
		p.floors.leaves(m.Store, m.Instance)
		return
	}
	now := p.now()
	p.mu.Lock()
	fresh := p.pres.heard(m, now)
	trans, acked := p.trans, p.pres.peer(m.Node).acked
	if !fresh {
		p.mu.Unlock()
		return
	}
	lease := p.renewed()
	p.mu.Unlock()
	p.floors.hears(m, acked, p.cfg.Ping)
	if trans != nil {
		trans.heard(m.Node)
	}
	p.push(membership.Heard{Member: m.member()})
	if lease != 0 {
		p.push(membership.LeaseRenewed{SentMS: lease})
	}
}

// renewed is when the newest ping of this node was sent that a majority has acknowledged, where that is news; else 0. The caller holds the lock.
func (p *Provider) renewed() int64 {
	seq := p.pres.lease(p.seq)
	if seq <= p.lease || p.seq-seq >= uint64(len(p.sent)) {
		return 0
	}
	p.lease = seq
	return p.sent[seq%uint64(len(p.sent))]
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
	case ownerOf(k, m.Store, m.Node) != 0:
		return copied(m.Store, m.Node, ownerOf(k, m.Store, m.Node))
	case p.floors.overtaken(m.Store, m.Starts, time.Now()):
		return quiet
	}
	return p.floors.check(m.shown(), time.Now())
}

// portRefused: a peer's machine is there and nobody listens; its process is gone, not its node.
func (p *Provider) portRefused(id fence.NodeID) {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pres.peer(id).refused = now
}

func (p *Provider) tellRefused(peer, reason string) {
	p.log.Debug("peer refused", "peer", peer, "reason", reason) // the reader of the event tells it
	bare, us := strings.CutPrefix(reason, refusesUs)
	p.push(membership.Refused{Peer: peer, Reason: reason, Kind: kindOfRefusal(bare), Us: us})
}

// peerName is how people know an authenticated peer.
func (p *Provider) peerName(id fence.NodeID) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n, ok := nodeOf(p.nodes, id); ok {
		return n.Name
	}
	return fmt.Sprintf("node %d", id)
}

// elsewhere takes note of a configured node that is heard in another domain: it is alive, and nobody is fenced across domains (S0.10). If its
// domain was made of this one by `fenced recover`, this node's store is one that was given up: it never acts again (R4, S5.13).
func (p *Provider) elsewhere(m ping) {
	p.mu.Lock()
	domain, closed := p.domain, p.closed || p.failed != ""
	_, configured := nodeOf(p.nodes, m.Node)
	ours := domain == "" || m.Domain == domain || m.Node == p.cfg.Self.Node
	if ours || closed || !configured {
		p.mu.Unlock()
		return
	}
	over := slices.Contains(m.Was, domain)
	if over {
		p.wg.Add(1)
	}
	p.mu.Unlock()
	p.push(membership.Elsewhere{Member: m.member(), Domain: m.Domain})
	if !over {
		return
	}
	why := fmt.Sprintf("domain %s was given up: by `fenced recover` %s made domain %s of it, and this store is not part of that", domain, p.peerName(m.Node), m.Domain)
	p.stop(why, true)
	go func() { // not on the ping reader's goroutine: the disk may be slow
		defer p.wg.Done()
		if err := p.store.void(why); err != nil {
			p.log.Error("cannot note that this store was given up; it will be told so again", "error", err)
		}
	}()
}

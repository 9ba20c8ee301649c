package embedded

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// SetNodes takes the nodes of a newly committed roster: their votes, addresses and names. Connections to a node that is gone are closed; one that moved is asked at both addresses until it answers at the new one;
// this node's own port follows its address; the leader removes the stores of nodes that are gone. Without a clean answer nothing changes.
func (p *Provider) SetNodes(nodes []NodeConfig) error {
	nodes = sorted(nodes)
	if errs := checkNodes(nodes, p.cfg.Self.Node); len(errs) > 0 {
		return fmt.Errorf("cannot use the roster: %w", errors.Join(errs...))
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return membership.ErrClosed
	}
	old := p.nodes
	for i := range nodes {
		if o, had := nodeOf(old, nodes[i].ID); had && nodes[i].ID != p.cfg.Self.Node {
			if nodes[i].former = o.former; o.Address != nodes[i].Address {
				nodes[i].former = o.Address
			}
		}
	}
	p.nodes, p.pres.nodes = nodes, nodes
	p.nodesAt, p.committed = p.now(), true
	failed := p.failed
	if failed == "" {
		p.wg.Add(1)
	}
	p.mu.Unlock()
	if failed != "" {
		return nil
	}
	go func() { // a port may take its time to open, and the caller decides things
		defer p.wg.Done()
		p.followAddress()
	}()
	p.mux.closeWhere(func(c *conn) bool { return gone(old, nodes, c.peer) })
	p.mesh.setPeers(p.cfg.Self.Node, nodes, p.portRefused)
	wake(p.lead)
	return nil
}

// gone: the fresh nodes name it no more.
func gone(old, fresh []NodeConfig, id fence.NodeID) bool {
	_, had := nodeOf(old, id)
	_, has := nodeOf(fresh, id)
	return had && !has
}

// reached: the node answered at this address. Where that is its new one it is not asked at the former any more.
func (p *Provider) reached(id fence.NodeID, address string) {
	p.mu.Lock()
	nodes := slices.Clone(p.nodes)
	i := slices.IndexFunc(nodes, func(n NodeConfig) bool { return n.ID == id && n.former != "" && n.Address == address })
	if i >= 0 {
		nodes[i].former = ""
		p.nodes, p.pres.nodes = nodes, nodes
	}
	p.mu.Unlock()
	if i >= 0 {
		p.mesh.setPeers(p.cfg.Self.Node, nodes, p.portRefused)
	}
}

// followAddress moves this node's port to its own new address, where it listened on the one before: the others ask there from now on. The old
// port is closed when the new one is open. An address that this machine does not have yet is tried again with the next roster; until then
// the others do not hear an answer, so people give the machine its new address first.
func (p *Provider) followAddress() {
	p.moving.Lock()
	defer p.moving.Unlock()
	p.mu.Lock()
	self, _ := nodeOf(p.nodes, p.cfg.Self.Node)
	before, follows := p.listening, p.ownAddress != "" && !p.closed && p.failed == ""
	p.mu.Unlock()
	want := listenAt(self.Address)
	if !follows || want == before {
		return
	}
	if err := p.relisten(want); err != nil {
		p.log.Error("cannot listen on this node's new address; it goes on with the old one, where nobody asks any more", "address", want, "error", err)
		return
	}
	p.log.Info("this node listens on its new address", "address", want, "before", before)
	p.mu.Lock()
	p.listening = want
	p.mu.Unlock()
}

// listenAt is where a node with this address listens: a name may resolve to 127.0.1.1 on its own machine.
func listenAt(address string) string {
	host, port, err := net.SplitHostPort(address)
	if _, bad := netip.ParseAddr(host); err == nil && bad != nil {
		return net.JoinHostPort("", port)
	}
	return address
}

// relisten opens the new port, TCP and UDP, and then closes the old one.
func (p *Provider) relisten(address string) error {
	tcp, err := p.cfg.Network.Listen(address)
	if err != nil {
		return err
	}
	udp, err := p.cfg.Network.ListenPackets(address)
	if err != nil {
		return errors.Join(err, tcp.Close())
	}
	p.mux.swap(tcp)
	before := p.mesh.swap(udp)
	p.wg.Go(func() { p.hearPings(udp) })
	return before.Close() // its reader ends
}

// swap serves another listener and closes the one before; connections stay.
func (m *mux) swap(l net.Listener) {
	m.mu.Lock()
	old := m.listener
	m.listener = l
	closed := m.closed
	if !closed {
		m.wg.Add(1)
		go m.serve(l)
	}
	m.mu.Unlock()
	_ = old.Close()
	if closed {
		_ = l.Close()
	}
}

// swap hears on another socket from now on and returns the one before, which the caller closes.
func (m *mesh) swap(in Packets) Packets {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.in
	m.in = in
	if m.ctx.Err() != nil {
		_ = in.Close()
	}
	return old
}

// demote takes the vote of a store whose node has none by the roster any more. The leader's own goes by handing over first.
func (p *Provider) demote(r *raft.Raft, s raft.Server, at uint64) error {
	if string(s.ID) == string(p.mux.server) {
		return p.handOver(r, nil)
	}
	p.log.Info("by the roster this node has no vote any more", "server", s.ID)
	return r.DemoteVoter(s.ID, at, p.cfg.FailureTimeout).Error()
}

// settled says whether the nodes are those of a committed roster, and have been for a while: a daemon that has just started reads old rosters
// first, and must not take a store out that a later one names.
func (p *Provider) settled(now int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.committed && now-p.nodesAt > p.pres.fail
}

// knowsMore says whether a daemon that this node's roster does not name may know a newer roster: it is of the same domain and has more of
// its log. It may lead then, and this node could learn of it from nobody else (S5.8).
func knowsMore(we us, h hello) bool {
	return h.Stream == streamRaft && h.Domain != "" && h.Domain == we.Domain && we.Position.less(h.Position) && !slices.Contains(we.gone[h.Node], h.Store)
}

package embedded

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// leadLoop does what only a leader does, one thing at a time; each step ends when it is committed or this node does not lead any more.
func (p *Provider) leadLoop() {
	for {
		select {
		case <-p.lead:
		case <-p.ctx.Done():
			return
		}
		r := p.running()
		if r == nil || r.State() != raft.Leader {
			continue
		}
		if err := p.leadStep(r); err != nil && p.ctx.Err() == nil {
			p.log.Debug("leader's step failed", "error", err)
		}
	}
}

func (p *Provider) leadStep(r *raft.Raft) error {
	k := p.fsm.known()
	now := p.now()
	p.mu.Lock()
	next, hand := p.nextView(k, now)
	p.mu.Unlock()
	if hand != 0 {
		for _, s := range r.GetConfiguration().Configuration().Servers {
			if node, _, err := parseServerID(string(s.ID)); err == nil && node == hand && s.Suffrage == raft.Voter {
				if p.unanswered(s.ID) {
					return nil // it cannot be handed over to who does not answer; the others end this leadership by silence
				}
				return p.handOver(r, &s)
			}
		}
		return nil
	}
	if next != nil {
		return p.apply(r, entry{Kind: kindView, View: next, Base: k.viewAt})
	}
	return p.tidy(r, k, now)
}

// unanswered reports whether a server has a request of Raft that it does not answer.
func (p *Provider) unanswered(id raft.ServerID) bool {
	p.mu.Lock()
	t := p.trans
	p.mu.Unlock()
	return t != nil && t.silent(id)
}

// apply commits one entry of the leader's own.
func (p *Provider) apply(r *raft.Raft, e entry) error {
	f := r.Apply(e.encode(), p.cfg.FailureTimeout)
	if err := f.Error(); err != nil {
		return err
	}
	if err, ok := f.Response().(error); ok {
		return err
	}
	return nil
}

// catchUp is how far behind the leader a store may be when it becomes a voter.
const catchUp = 16

// tidy makes one change to Raft's servers, if one is due: out go nodes that are not in the roster, and older stores of a node; a store that has
// caught up becomes a voter, by a committed change (R3).
func (p *Provider) tidy(r *raft.Raft, k known, now int64) error {
	c, at := p.servers(r)
	if at == 0 {
		return nil // nothing is due that could not wait for the next look
	}
	p.mu.Lock()
	nodes := p.nodes
	p.mu.Unlock()
	for _, s := range c.Servers {
		node, store, err := parseServerID(string(s.ID))
		if err != nil {
			return err
		}
		n, configured := nodeOf(nodes, node)
		switch {
		case !configured && !p.settled(now):
		case !configured && node != p.cfg.Self.Node:
			p.log.Info("node is not in the roster any more: its store leaves", "node", node)
			return r.RemoveServer(s.ID, at, p.cfg.FailureTimeout).Error()
		case configured && s.Suffrage == raft.Voter && n.Votes == 0 && p.settled(now):
			return p.demote(r, s, at)
		case s.Suffrage == raft.Nonvoter && n.counted() > 0 && k.runs[node].Store == store && p.caughtUp(k, node, store, now):
			p.log.Info("store has caught up and votes from now on", "node", n.Name)
			return r.AddVoter(s.ID, s.Address, at, p.cfg.FailureTimeout).Error()
		}
	}
	return nil
}

func (p *Provider) caughtUp(k known, node fence.NodeID, store string, now int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	pe := p.pres.peers[node]
	return pe != nil && pe.ping.Store == store && p.pres.hears(node, now) && pe.ping.Applied+catchUp >= k.index && pe.ping.Instance == k.runs[node].Instance
}

// admit makes a store this node's one: by committed changes that take the node's older store out before the new one comes in, without a vote (R3).
// Only the leader can, and not while another store's daemon of that node is heard. A store that is in changes nothing, however often it asks.
func (p *Provider) admit(r *raft.Raft, h hello) error {
	k := p.fsm.known()
	now := p.now()
	p.mu.Lock()
	pe := p.pres.peers[h.Node]
	present := pe != nil && pe.heardAt != 0 && pe.ping.Store != h.Store && now-pe.heardAt < p.pres.fail
	p.mu.Unlock()
	if old := k.runs[h.Node]; old.Store != "" && old.Store != h.Store {
		if present {
			return fmt.Errorf("another store of node %d is in use: its daemon is still heard", h.Node)
		}
		p.log.Warn("a node comes with a new store: its old one loses its vote", "node", h.Node, "old", old.Store, "new", h.Store)
	}
	if k.runs[h.Node].Store != h.Store {
		if err := p.apply(r, entry{Kind: kindStore, Node: h.Node, Store: h.Store}); err != nil {
			return err
		}
	}
	id := serverID(h.Node, h.Store)
	for range 2 * membership.MaxNodes { // a node has one or two servers; bounded all the same
		c, at := p.servers(r)
		if at == 0 {
			return errServers
		}
		done, err := p.admitStep(r, c, at, h.Node, id)
		if err != nil || done {
			return err
		}
	}
	return errors.New("too many servers of one node")
}

func (p *Provider) admitStep(r *raft.Raft, c raft.Configuration, at uint64, node fence.NodeID, id raft.ServerID) (done bool, err error) {
	for _, s := range c.Servers {
		if n, _, err := parseServerID(string(s.ID)); err == nil && n == node && s.ID != id {
			return false, r.RemoveServer(s.ID, at, p.cfg.FailureTimeout).Error()
		}
	}
	for _, s := range c.Servers {
		if s.ID == id {
			return true, nil
		}
	}
	return true, r.AddNonvoter(id, raft.ServerAddress(id), at, p.cfg.FailureTimeout).Error()
}

// pause waits; it says false when the provider closes.
func (p *Provider) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.ctx.Done():
		return false
	}
}

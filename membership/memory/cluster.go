package memory

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/sim"
	"github.com/fenced-project/fenced/membership"
)

// Config of a cluster in memory.
type Config struct {
	Nodes          []membership.Voter // sorted by id
	FailureTimeout time.Duration
	// Outcome is how long a proposal is tried; 0 means five failure timeouts.
	Outcome time.Duration
}

// Cluster is the world that the providers of one test share. Safe for concurrent use.
type Cluster struct {
	cfg Config

	mu        sync.Mutex
	model     *sim.Model
	providers []*Provider // running, sorted by node

	stop chan struct{}
	done chan struct{}
}

// New starts a cluster in which nobody runs yet; Close ends its goroutine.
func New(cfg Config) *Cluster {
	if cfg.Outcome == 0 {
		cfg.Outcome = 5 * cfg.FailureTimeout
	}
	c := &Cluster{cfg: cfg, stop: make(chan struct{}), done: make(chan struct{})}
	sc := sim.Config{FailureTimeoutMS: cfg.FailureTimeout.Milliseconds(), ProposalMS: cfg.Outcome.Milliseconds()}
	for _, v := range cfg.Nodes {
		sc.Nodes = append(sc.Nodes, sim.Node{ID: v.ID, Votes: v.Votes})
	}
	sc.Choose = func(up func(fence.NodeID) bool, mutual func(a, b fence.NodeID) bool) []fence.NodeID {
		return membership.Connected(cfg.Nodes, up, mutual)
	}
	c.model = sim.New(sc)
	go c.run()
	return c
}

// Start runs a daemon; one that still runs on that node is killed first.
func (c *Cluster) Start(self membership.Self) (*Provider, error) {
	found := false
	for _, v := range c.cfg.Nodes {
		found = found || v.ID == self.Node
	}
	if !found {
		return nil, fmt.Errorf("cannot start node %d: it is not configured", self.Node)
	}
	c.Kill(self.Node)
	p := &Provider{c: c, self: self, queue: membership.NewQueue()}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.model.Start(sim.Daemon{Incarnation: fence.Incarnation{Node: self.Node, Boot: self.Boot}, Instance: self.Instance})
	c.providers = append(c.providers, p)
	return p, nil
}

// Kill ends a daemon without a goodbye; what the log holds stays. It does nothing if the node is not running.
func (c *Cluster) Kill(id fence.NodeID) {
	c.mu.Lock()
	p := c.provider(id)
	if p != nil {
		c.remove(p)
	}
	c.mu.Unlock()
	if p != nil {
		p.queue.Close()
	}
}

// Cut drops everything between two nodes.
func (c *Cluster) Cut(a, b fence.NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.model.Cut(a, b)
}

// CutOneWay drops what one node sends to another.
func (c *Cluster) CutOneWay(from, to fence.NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.model.CutOneWay(from, to)
}

// Heal ends all cuts.
func (c *Cluster) Heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.model.Heal()
}

// Compact asks the first running daemon for its state and forgets the log before it. It waits for the reader, ten seconds at most.
func (c *Cluster) Compact() error {
	reply := make(chan []byte, 1)
	c.mu.Lock()
	if len(c.providers) == 0 {
		c.mu.Unlock()
		return errors.New("nobody runs: no state to keep")
	}
	p := c.providers[0]
	index := c.model.Cursor(p.self.Node)
	p.queue.Push(membership.SnapshotWanted{Reply: reply})
	c.mu.Unlock()
	select {
	case data := <-reply:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.model.Compact(index, data)
		return nil
	case <-time.After(10 * time.Second):
		return fmt.Errorf("node %d did not answer the snapshot in 10 s", p.self.Node)
	}
}

// Close ends every daemon and the cluster.
func (c *Cluster) Close() {
	c.mu.Lock()
	var ids []fence.NodeID
	for _, p := range c.providers {
		ids = append(ids, p.self.Node)
	}
	c.mu.Unlock()
	for _, id := range ids {
		c.Kill(id)
	}
	close(c.stop)
	<-c.done
}

func (c *Cluster) provider(id fence.NodeID) *Provider {
	for _, p := range c.providers {
		if p.self.Node == id {
			return p
		}
	}
	return nil
}

// remove takes a provider out of the world; the caller holds the lock.
func (c *Cluster) remove(p *Provider) {
	for i, o := range c.providers {
		if o == p {
			c.providers = append(c.providers[:i:i], c.providers[i+1:]...)
			c.model.Kill(p.self.Node)
			return
		}
	}
}

func (c *Cluster) run() {
	defer close(c.done)
	tick := time.NewTicker(max(c.cfg.FailureTimeout/20, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.mu.Lock()
			for _, o := range c.model.Step(membership.BootMS()) {
				if p := c.provider(o.To); p != nil {
					p.queue.Push(translate(o))
				}
			}
			c.mu.Unlock()
		case <-c.stop:
			return
		}
	}
}

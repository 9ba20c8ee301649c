package memory

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/sim"
	"github.com/fenced-project/fenced/fence/sim/embedded"
	"github.com/fenced-project/fenced/membership"
)

// Config of a cluster in memory.
type Config struct {
	Nodes          []membership.Voter // sorted by id, one vote each
	FailureTimeout time.Duration
	// Outcome is how long a proposal is tried; 0 means five failure timeouts.
	Outcome time.Duration
}

// Cluster is the world that the providers of one test share. Safe for concurrent use.
type Cluster struct {
	cfg Config

	mu        sync.Mutex // protects what follows, and the model
	now       int64      // microseconds of CLOCK_BOOTTIME: how far the model has come
	events    sim.Queue[*Provider]
	net       *sim.Network
	model     *embedded.Cluster
	stores    []embedded.Store
	providers []*Provider // by place, nil where nobody runs

	kick chan struct{} // something was put in the queue from outside
	stop chan struct{}
	done chan struct{}
}

// New starts a cluster in which nobody runs yet; Close ends its goroutine.
func New(cfg Config) *Cluster {
	if cfg.Outcome == 0 {
		cfg.Outcome = 5 * cfg.FailureTimeout
	}
	n := len(cfg.Nodes)
	c := &Cluster{
		cfg: cfg, now: clock(), stores: make([]embedded.Store, n), providers: make([]*Provider, n),
		kick: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	c.net = sim.NewNetwork(n, sim.Seeded(uint64(c.now)))
	c.found()
	go c.run()
	return c
}

// found gives every node a store that votes.
func (c *Cluster) found() {
	var places []membership.Voter // the model knows nodes by their place
	conf := &embedded.Conf{}
	log := []*embedded.Entry{{Term: 1, Kind: embedded.KindConf, Conf: conf}}
	for i := range c.stores {
		places = append(places, membership.Voter{ID: fence.NodeID(i + 1), Votes: 1})
		conf.Store, conf.Voter = append(conf.Store, i+1), append(conf.Voter, true)
		log = append(log, &embedded.Entry{Term: 1, Kind: embedded.KindStore, Node: i, Store: i + 1})
	}
	fail := c.cfg.FailureTimeout.Milliseconds()
	c.model = embedded.New(len(c.stores), embedded.Config{
		Timing: fence.Timing{FailureTimeoutMS: fail, PingMS: max(fail/10, 1), LeaseMS: fail}, Quorum: membership.Need(places), OutcomeMS: c.cfg.Outcome.Milliseconds(),
		Choose: func(up func(fence.NodeID) bool, mutual func(a, b fence.NodeID) bool) []fence.NodeID {
			return membership.Connected(places, up, mutual)
		},
	}, (*world)(c), c.net)
	for i := range c.stores {
		c.stores[i] = embedded.Store{ID: i + 1, Member: true, Term: 1, Log: slices.Clip(log), Floor: make([]embedded.Floor, len(c.stores))}
	}
	c.model.Found(log)
}

// place is where a node is, -1 for nowhere.
func (c *Cluster) place(id fence.NodeID) int {
	return slices.IndexFunc(c.cfg.Nodes, func(v membership.Voter) bool { return v.ID == id })
}

// Start runs a daemon; one that still runs on that node is killed first.
func (c *Cluster) Start(self membership.Self) (*Provider, error) {
	i := c.place(self.Node)
	if i < 0 || c.cfg.Nodes[i].Votes != 1 {
		return nil, fmt.Errorf("cannot start node %d: it is not configured with one vote", self.Node)
	}
	c.Kill(self.Node)
	p := &Provider{c: c, i: i, self: self, queue: membership.NewQueue()}
	c.outside(func() {
		c.stores[i].Starts++
		run := &embedded.Run{
			Incarnation: fence.Incarnation{Node: self.Node, Boot: self.Boot}, Instance: self.Instance, I: i, Store: c.stores[i].ID, Starts: c.stores[i].Starts,
		}
		c.providers[i] = p
		p.model = c.model.NewDaemon((*host)(p), run, &c.stores[i])
		p.model.Begin()
	})
	return p, nil
}

// Kill ends a daemon without a goodbye; what its store holds stays. It does nothing if the node is not running.
func (c *Cluster) Kill(id fence.NodeID) {
	c.mu.Lock()
	var p *Provider
	if i := c.place(id); i >= 0 {
		p = c.providers[i]
	}
	c.mu.Unlock()
	if p != nil {
		p.end()
	}
}

// Cut drops everything between two nodes.
func (c *Cluster) Cut(a, b fence.NodeID) {
	c.CutOneWay(a, b)
	c.CutOneWay(b, a)
}

// CutOneWay drops what one node sends to another.
func (c *Cluster) CutOneWay(from, to fence.NodeID) {
	c.outside(func() { c.net.Cut[c.place(from)][c.place(to)] = 1 })
}

// Heal ends all cuts.
func (c *Cluster) Heal() { c.outside(c.net.Heal) }

// Compact asks every running daemon for its state and forgets the log before it. It waits for the readers, ten seconds at most.
func (c *Cluster) Compact() error {
	var wanted []*keeping
	c.outside(func() {
		for _, p := range c.providers {
			if p != nil {
				p.model.Compact()
				wanted = append(wanted, p.keeping)
			}
		}
	})
	if len(wanted) == 0 {
		return errors.New("nobody runs: no state to keep")
	}
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	for _, k := range wanted {
		select {
		case state := <-k.reply:
			c.outside(func() { k.done(state) })
		case <-limit.C:
			return errors.New("a daemon did not answer the snapshot in 10 s")
		}
	}
	return nil
}

// Close ends every daemon and the cluster.
func (c *Cluster) Close() {
	for _, v := range c.cfg.Nodes {
		c.Kill(v.ID)
	}
	close(c.stop)
	<-c.done
}

package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// Provider is one daemon's membership. Its goroutines are: the port, the ping reader, one sender for each peer, the ticker, the leader's duties,
// the proposer, the disk probe, the join loop and Raft's own; Close ends them all.
type Provider struct {
	cfg    Config
	log    *slog.Logger
	queue  *membership.Queue
	store  *store
	id     identity
	fsm    *fsm
	mux    *mux
	mesh   *mesh
	keys   *keyring
	floors *floors
	lines  *limiter

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	moving sync.Mutex    // one change of the port at a time
	lead   chan struct{} // wakes the leader's duties
	work   chan struct{} // wakes the proposer
	joined chan struct{} // wakes the join loop
	handed handover      // of the leader's duties alone

	mu        sync.Mutex // protects what follows; never held over a disk, a peer or Raft
	nodes     []NodeConfig
	nodesAt   int64 // when they were last set
	committed bool  // they are those of a committed roster
	listening string
	// ownAddress is this node's address by its file where it listens there and nowhere else, "" where it listens on something of its own.
	ownAddress string
	domain     string
	raft       *raft.Raft
	trans      *transport
	snaps      *snapshots
	pres       *presence
	seq        uint64
	sent       [256]int64 // when the ping of each number was sent, by number modulo
	lease      uint64
	durable    time.Time
	failed     string
	telling    bool // this node has failed, and sends pings all the same, which say so
	closed     bool
	lost       string // why QuorumLost was told; "" while quorate
	lostView   uint64
	leaderAt   int64 // when a leader was last known
	proposals  map[uint64]*proposal
	announced  time.Time // when this run's start was last on its way to a leader
	waits      map[string]membership.Wait
	theirs     string // the domain that a peer has, as it answered a join
	unjoined   string // why this node is not let in yet, "" for no answer
}

var _ membership.Provider = (*Provider)(nil)

// Open starts a daemon's membership on its store. A store without a domain waits for Bootstrap, or joins the domain of its peers; Open never
// makes a domain. The error says what to change.
func Open(cfg Config) (*Provider, error) {
	cfg.fill()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("cannot start embedded membership: %w", err)
	}
	p := &Provider{
		cfg: cfg, log: cfg.Logger, nodes: cfg.Nodes, queue: membership.NewQueue(),
		lead: make(chan struct{}, 1), work: make(chan struct{}, 1), joined: make(chan struct{}, 1),
		proposals: make(map[uint64]*proposal), waits: make(map[string]membership.Wait),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.lines = newLimiter(p.tellRefused)
	if err := p.open(); err != nil {
		_ = p.Close()
		return nil, fmt.Errorf("cannot start embedded membership: %w", err)
	}
	return p, nil
}

func (p *Provider) open() error {
	var err error
	if p.keys, err = newKeyring(p.cfg.Authkey, p.cfg.Cluster, p.cfg.Self.Node); err != nil {
		return err
	}
	self := p.cfg.Self.Node
	p.store, err = openStore(filepath.Join(p.cfg.StateDir, "raft"), p.cfg.WriteDeadline, func() { p.cfg.Faults.write(self) },
		func(err error) { p.fail(err.Error()) })
	if err != nil {
		return err
	}
	if err := p.store.checkSnapshots(); err != nil {
		return err
	}
	if p.id, err = p.store.begin(self); err != nil {
		return err
	}
	known, err := p.store.floors()
	if err != nil {
		return err
	}
	p.domain = p.id.Domain
	p.floors = newFloors(known, 2*p.cfg.FailureTimeout, uint64(p.cfg.FailureTimeout/p.cfg.Ping))
	p.pres = newPresence(self, p.cfg.Self.Instance, p.id.Starts, p.cfg.Nodes, p.cfg.FailureTimeout.Milliseconds(), p.cfg.Ping.Milliseconds())
	p.newFSM()
	if err := p.listen(); err != nil {
		return err
	}
	if p.domain != "" {
		if err := p.startRaft(); err != nil {
			return err
		}
	}
	p.start()
	return nil
}

func (p *Provider) newFSM() {
	p.fsm = newFSM()
	p.fsm.push = p.push
	p.fsm.stop = p.ctx.Done()
	p.fsm.delivered = p.delivered
	p.fsm.changed = func() { wake(p.lead); wake(p.work); wake(p.joined) }
}

// listen opens the port, TCP and UDP.
func (p *Provider) listen() error {
	self, _ := nodeOf(p.nodes, p.cfg.Self.Node)
	p.listening = p.cfg.Listen
	if p.cfg.Listen == self.Address {
		p.ownAddress = self.Address
	}
	l, err := p.cfg.Network.Listen(p.cfg.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", p.cfg.Listen, err)
	}
	p.mux = &mux{
		network: p.cfg.Network, listener: l, keys: p.keys, timeout: max(p.cfg.FailureTimeout, time.Second), faults: p.cfg.Faults, self: p.cfg.Self.Node,
		us: p.us, floors: p.floors, refused: p.lines.say, reached: p.reached, name: p.peerName, control: p.serveControl,
		slots: make(chan struct{}, maxHandshakes), raft: make(chan net.Conn), server: serverID(p.cfg.Self.Node, p.id.Store),
		open: make(map[*conn]struct{}), blocked: make(map[fence.NodeID]bool),
	}
	p.mux.ctx, p.mux.cancel = context.WithCancel(p.ctx)
	if p.mesh, err = newMesh(p.cfg.Network, p.cfg.Listen); err != nil {
		return err
	}
	return nil
}

func (p *Provider) start() {
	p.mux.wg.Add(1)
	go p.mux.serve(p.mux.listener)
	p.mesh.setPeers(p.cfg.Self.Node, p.nodes, p.portRefused)
	for _, run := range []func(){func() { p.hearPings(p.mesh.in) }, p.ticks, p.leadLoop, p.proposeLoop, p.probeDisk, p.joinLoop} {
		p.wg.Add(1)
		go func() {
			defer p.wg.Done()
			run()
		}()
	}
}

// Events is the ordered sequence.
func (p *Provider) Events() <-chan membership.Event { return p.queue.Out() }

// Deny stops acknowledging the pings of a life, for ever in this process (R14).
func (p *Provider) Deny(life fence.Incarnation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pres.denied[life] = true
}

// SetDurable tells of a durable write of the daemon; the newest of these and of this provider's own counts.
func (p *Provider) SetDurable(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at.After(p.durable) {
		p.durable = at
	}
}

// push queues an event. A reader so far behind that the queue is full has lost the sequence: this node, and only this node, goes out of service.
func (p *Provider) push(e membership.Event) {
	if p.queue.Push(e) {
		return
	}
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if !closed {
		p.fail(fmt.Sprintf("the reader has not read %d events", membership.QueueLimit))
	}
}

// Fail does what a log write does that fails: the daemon has another durable record that it cannot keep.
func (p *Provider) Fail(why string) { p.fail(why) }

// fail takes this node out of the cluster for the rest of this process: its disk or its reader cannot be relied on (R20). The others see silence.
func (p *Provider) fail(why string) {
	p.stop(why+"; this node is out of the cluster until that is repaired and fenced is started again", false)
}

// stop is fail; heard says that this node goes on telling that it is there and does not count, so that the others can say so.
func (p *Provider) stop(why string, heard bool) {
	p.mu.Lock()
	if p.failed != "" || p.closed {
		p.mu.Unlock()
		return
	}
	p.failed, p.telling = why, heard
	if p.pres != nil {
		p.pres.sick = true
	}
	p.lost = why
	p.wg.Add(1)
	p.mu.Unlock()
	p.log.Error("membership is out of service on this node", "reason", why)
	p.queue.Push(membership.QuorumLost{Why: why, Final: !heard})
	go func() { // not on the caller's goroutine: Raft may be it
		defer p.wg.Done()
		if p.mux != nil {
			_ = p.mux.Close()
		}
		if p.mesh != nil && !heard {
			p.mesh.close()
		}
	}()
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

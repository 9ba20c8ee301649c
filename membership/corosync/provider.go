package corosync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

// Provider is one daemon's membership. Its goroutines are the link to corosync, the disk's writer, the ticker, and one for each snapshot that the
// reader makes; Close ends them all.
type Provider struct {
	cfg    Config
	log    *slog.Logger
	queue  *membership.Queue
	store  *store
	id     identity
	frames *frames
	link   *link

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	linked chan struct{} // closed when the link has ended

	mu       sync.Mutex // protects what follows; never held over a disk, corosync or the reader
	m        *agreement.Machine
	closed   bool
	failed   string
	durable  time.Time
	away     string // why there is no connection to corosync, "" if there is one
	refusal  string // why corosync's settings are refused
	total    int    // votes that votequorum counts in this part of the ring
	need     int    // of such votes, for a quorum
	doubted  bool   // the reader was told that two sides may be quorate
	names    map[fence.NodeID]string
	reported map[string]time.Time
	others   map[fence.NodeID]agreement.ProtocolError // what nodes of another protocol said last
}

var _ membership.Provider = (*Provider)(nil)

// Open starts a daemon's membership on its store. It does not wait for corosync; a store without a domain waits for Bootstrap, or takes the
// domain of the others over. The error says what to change.
func Open(cfg Config) (*Provider, error) {
	cfg.fill()
	err := cfg.check()
	if err == nil {
		err = supported()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot start corosync membership: %w", err)
	}
	p := &Provider{
		cfg: cfg, log: cfg.Logger, queue: membership.NewQueue(), frames: &frames{}, linked: make(chan struct{}),
		durable: time.Now(), away: "not connected yet", reported: make(map[string]time.Time), others: make(map[fence.NodeID]agreement.ProtocolError),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if err := p.open(); err != nil {
		_ = p.Close()
		return nil, fmt.Errorf("cannot start corosync membership: %w", err)
	}
	return p, nil
}

func (p *Provider) open() error {
	c := &p.cfg
	s, id, d, err := openStore(Dir(c.StateDir), c.Self.Node, c.WriteDeadline)
	if err != nil {
		close(p.linked)
		return err
	}
	s.written, s.failed = p.written, func(err error) { p.fail(err.Error()) }
	p.store, p.id = s, id
	go s.run()
	p.m, err = agreement.New(agreement.Config{
		Self: c.Self, Store: id.Store, Starts: id.Starts, Version: c.Version,
		FailMS: c.FailureTimeout.Milliseconds(), LeaseMS: c.Lease.Milliseconds(), JoinMS: 2 * c.Ping.Milliseconds(),
	}, d, membership.BootMS())
	if err == nil {
		p.link, err = newLink(c, p.frames, p)
	}
	if err != nil {
		close(p.linked)
		return err
	}
	p.do(func(*agreement.Machine, int64) {}) // what the disk has
	p.wg.Add(1)
	go p.ticks()
	go func() {
		defer close(p.linked)
		p.link.run(p.ctx)
	}()
	return nil
}

// do changes the machine and carries out what follows. What it hands on is queued, so that nobody waits here.
func (p *Provider) do(f func(m *agreement.Machine, now int64)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.locked(f)
}

// locked is do for who holds the lock.
func (p *Provider) locked(f func(m *agreement.Machine, now int64)) {
	if p.closed || p.failed != "" {
		return
	}
	f(p.m, membership.BootMS())
	if p.m.Entries() > p.cfg.SnapshotEvery {
		p.m.Compact()
	}
	p.frames.now(p.m.Session())
	for _, e := range p.m.Effects() {
		switch e := e.(type) {
		case agreement.Send:
			p.send(e.Message)
		case agreement.Write:
			p.store.write(e)
		case agreement.Tell:
			p.tell(e.Event)
		case agreement.Collect:
			p.collect(e.Log)
		case agreement.Expel:
			p.log.Warn("a node is back in the ring as the life that is to be fenced: its corosync is asked to end", "node", p.name(e.Node))
			p.link.expel(e.Node)
		}
	}
}

// send queues a message. The caller holds the lock.
func (p *Provider) send(m agreement.Message) {
	data, err := m.Encode()
	if err == nil && !p.frames.push(m, data) {
		err = fmt.Errorf("%d messages wait for corosync", maxFrames)
	}
	if err != nil {
		p.stop("cannot send: " + err.Error())
	}
}

// tell queues an event. A reader so far behind that the queue is full has lost the sequence: this node, and only this node, goes out of service.
func (p *Provider) tell(e membership.Event) {
	if !p.queue.Push(e) && !p.closed {
		p.stop(fmt.Sprintf("the reader has not read %d events", membership.QueueLimit))
	}
}

// collect asks the reader for its state, and brings it back.
func (p *Provider) collect(l agreement.Log) {
	reply := make(chan []byte, 1)
	p.tell(membership.SnapshotWanted{Reply: reply})
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		select {
		case b := <-reply:
			p.do(func(m *agreement.Machine, now int64) {
				if err := m.Compacted(l, b, now); err != nil {
					p.log.Error("cannot make a snapshot", "error", err)
				}
			})
		case <-p.ctx.Done():
		}
	}()
}

// written takes the disk's word.
func (p *Provider) written(seq uint64, at time.Time) {
	p.SetDurable(at)
	p.do(func(m *agreement.Machine, now int64) { m.Written(seq, now) })
}

// fail takes this node out of the cluster for the rest of this process: its disk or its reader cannot be relied on (R20).
func (p *Provider) fail(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop(why)
}

// Fail does what a log write does that fails: the daemon has another durable record that it cannot keep.
func (p *Provider) Fail(why string) { p.fail(why) }

// stop is fail. The connection to corosync ends with it, so that the others see this process go. The caller holds the lock.
func (p *Provider) stop(why string) {
	if p.failed != "" || p.closed {
		return
	}
	p.failed = why + "; this node is out of the cluster until that is repaired and fenced is started again"
	p.log.Error("membership is out of service on this node", "reason", why)
	p.queue.Push(membership.QuorumLost{Why: p.failed, Final: true})
	if p.m != nil {
		for _, n := range p.m.Abandon() { // nobody will ever say what became of them
			p.queue.Push(membership.Outcome{Number: n})
		}
	}
	p.cancel()
	if p.link != nil {
		p.link.wake()
	}
}

// Events is the ordered sequence.
func (p *Provider) Events() <-chan membership.Event { return p.queue.Out() }

// Propose asks for data to be put in the sequence; it is tried in every session until it is delivered or its deadline passes.
func (p *Provider) Propose(number uint64, data []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return membership.ErrClosed
	case p.failed != "":
		p.queue.Push(membership.Outcome{Number: number})
		return nil
	}
	var err error
	p.locked(func(m *agreement.Machine, now int64) {
		err = m.Propose(number, data, now+p.cfg.Outcome.Milliseconds(), now)
	})
	return err
}

// Deny stops acknowledging the pings of a life, for ever in this process (R14).
func (p *Provider) Deny(life fence.Incarnation) {
	p.do(func(m *agreement.Machine, _ int64) { m.Deny(life) })
}

var _ membership.Voucher = (*Provider)(nil)

// Vouch implements membership.Voucher (R23).
func (p *Provider) Vouch(life fence.Incarnation) {
	p.do(func(m *agreement.Machine, now int64) { m.Vouch(life, now) })
}

var _ membership.Expeller = (*Provider)(nil)

// Expel implements membership.Expeller (S1.3).
func (p *Provider) Expel(life fence.Incarnation) {
	p.do(func(m *agreement.Machine, now int64) { m.Expel(life, now) })
}

// SetDurable tells of a durable write of the daemon; the newest of these and of this provider's own counts.
func (p *Provider) SetDurable(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at.After(p.durable) {
		p.durable = at
	}
}

// Bootstrap makes a new domain of this id on this node, once, by an operator's word (R3). The first session with a quorum takes it over.
func (p *Provider) Bootstrap(domain string) error {
	err := membership.ErrClosed
	p.do(func(m *agreement.Machine, now int64) { err = m.Bootstrap(domain, now) })
	return err
}

// Names says how nodes are called where people read of them; until then they are numbers.
func (p *Provider) Names(names map[fence.NodeID]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names = names
}

// named is name for who does not hold the lock.
func (p *Provider) named(id fence.NodeID) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.name(id)
}

// name is that of a node. The caller holds the lock.
func (p *Provider) name(id fence.NodeID) string {
	if s := p.names[id]; s != "" {
		return s
	}
	return fmt.Sprintf("node %d", id)
}

// ticks drives the machine once in a ping interval.
func (p *Provider) ticks() {
	defer p.wg.Done()
	t := time.NewTicker(p.cfg.Ping)
	defer t.Stop()
	probed := time.Now()
	for {
		select {
		case <-t.C:
		case <-p.ctx.Done():
			return
		}
		now := time.Now()
		if now.Sub(probed) >= p.cfg.FailureTimeout/2 {
			probed = now
			p.store.probe()
		}
		if p.store.late(now) {
			p.fail(fmt.Sprintf("a write of the log takes longer than %v", p.cfg.WriteDeadline))
			return
		}
		var ghosts []fence.NodeID
		p.do(func(m *agreement.Machine, boot int64) {
			ghosts = m.Ghosts()
			if gap := m.Tick(now.Sub(p.durable).Milliseconds(), true, boot); gap > 0 {
				p.log.Warn("this process was stopped; timers restart and nothing is proposed for one lease", "stopped_ms", gap)
			}
		})
		for _, id := range ghosts {
			p.refuse(p.named(id), "corosync still lists a process of it, and it is not in the ring: ignored (a bug of corosync up to 3.1.7; it ends when its corosync starts and stops again)", "")
		}
	}
}

// Compact makes a snapshot of the log now, and forgets the log before it; it waits for the reader, until ctx ends.
func (p *Provider) Compact(ctx context.Context) error {
	var before agreement.Status
	p.do(func(m *agreement.Machine, _ int64) {
		before = m.Status()
		m.Compact()
	})
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for {
		p.mu.Lock()
		at := p.m.Status().SnapAt
		p.mu.Unlock()
		if at >= before.Committed {
			return nil
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return errors.New("the reader did not give its state in time")
		}
	}
}

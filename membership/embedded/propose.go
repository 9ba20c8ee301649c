package embedded

import (
	"errors"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// The bounds of proposals: open at a time, in one request, bytes of one.
const (
	maxOpen     = 1024
	maxBatch    = 64
	maxProposal = 64 << 10
)

// ErrTooMany: so many proposals are open that no more are taken until some have their outcome.
var ErrTooMany = errors.New("too many open proposals")

// ErrOpen: a proposal of this number has no outcome yet.
var ErrOpen = errors.New("this number is proposed already and has no outcome yet")

// ErrTooBig: a proposal may have 64 KiB.
var ErrTooBig = errors.New("proposal is too big")

type proposal struct {
	data     []byte
	deadline time.Time
	sent     time.Time // when it was last on its way to a leader
}

// Propose asks for data to be put in the sequence. It is tried again until it is delivered or its deadline passes; the log keeps it from being
// delivered twice.
func (p *Provider) Propose(number uint64, data []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return membership.ErrClosed
	case len(data) > maxProposal:
		return ErrTooBig
	case p.proposals[number] != nil:
		return ErrOpen
	case len(p.proposals) >= maxOpen:
		return ErrTooMany
	}
	p.proposals[number] = &proposal{data: slices.Clone(data), deadline: time.Now().Add(p.cfg.Outcome)}
	wake(p.work)
	return nil
}

// delivered answers proposals of this run that the log has; the log's goroutine calls it, after the entry itself was pushed.
func (p *Provider) delivered(r run, number uint64) {
	if r.Store != p.id.Store || r.Starts != p.id.Starts {
		return
	}
	p.mu.Lock()
	var done []uint64
	if number != 0 {
		if p.proposals[number] != nil {
			done = append(done, number)
		}
	} else {
		for n := range p.proposals {
			if r.Done.has(n) {
				done = append(done, n)
			}
		}
		slices.Sort(done)
	}
	for _, n := range done {
		delete(p.proposals, n)
	}
	p.mu.Unlock()
	for _, n := range done {
		p.push(membership.Outcome{Number: n, Delivered: true})
	}
}

// proposeLoop brings proposals to the leader and tells of those that ran out of time.
func (p *Provider) proposeLoop() {
	var c *conn
	var to fence.NodeID
	drop := func() {
		if c != nil {
			_ = c.Close()
			c = nil
		}
	}
	defer drop()
	for {
		select {
		case <-p.work:
		case <-p.ctx.Done():
			return
		}
		p.expire()
		r := p.running()
		leader := leaderOf(r)
		if leader == 0 || p.holds() {
			continue
		}
		entries, numbers := p.due()
		if len(entries) == 0 {
			continue
		}
		var err error
		if leader == p.cfg.Self.Node {
			err = p.commitHere(r, entries)
		} else {
			if c != nil && to != leader {
				drop()
			}
			if c == nil {
				c, _, err = p.mux.dial(leader, streamControl, "", p.mux.timeout)
				to = leader
			}
			if err == nil {
				var a response
				if a, err = p.askOn(c, request{Op: "propose", Entries: entries}); err == nil && !a.OK {
					err = errors.New(a.Reason)
				} else if err != nil {
					drop()
				}
			}
		}
		if err != nil {
			p.log.Debug("proposals did not reach the leader", "leader", leader, "error", err)
			p.again(numbers)
		} else {
			wake(p.work) // perhaps there are more
		}
	}
}

func (p *Provider) commitHere(r *raft.Raft, entries [][]byte) error {
	if r.State() != raft.Leader {
		return raft.ErrNotLeader
	}
	return p.commit(r, entries)
}

// holds: nothing is proposed for one lease after this process was stopped (R20), nor by a node that is out of service.
func (p *Provider) holds() bool {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	return now < p.pres.quietTil || p.failed != ""
}

// due is what is to be sent now, lowest numbers first: this run's own start until the log has it, then its proposals.
func (p *Provider) due() (entries [][]byte, numbers []uint64) {
	k := p.fsm.known()
	self := p.cfg.Self
	e := entry{Node: self.Node, Store: p.id.Store, Starts: p.id.Starts}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := k.runs[self.Node]; r.Store != e.Store || r.Starts != e.Starts {
		if now.Sub(p.announced) <= p.cfg.FailureTimeout { // a node that lags does not see it at once: one a timeout is enough
			return nil, nil
		}
		p.announced = now
		e.Kind, e.Boot, e.Instance = kindStarted, self.Boot, self.Instance
		return [][]byte{e.encode()}, nil
	}
	for n, o := range p.proposals {
		if now.Sub(o.sent) > p.cfg.FailureTimeout {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	numbers = numbers[:min(len(numbers), maxBatch)]
	for _, n := range numbers {
		o := p.proposals[n]
		o.sent = now
		e.Kind, e.Number, e.Data = kindData, n, o.data
		entries = append(entries, e.encode())
	}
	return entries, numbers
}

// again lets proposals be sent anew at the next tick.
func (p *Provider) again(numbers []uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.announced = time.Time{}
	for _, n := range numbers {
		if o := p.proposals[n]; o != nil {
			o.sent = time.Time{}
		}
	}
}

// expire gives an unknown outcome to what has run out of time.
func (p *Provider) expire() {
	now := time.Now()
	p.mu.Lock()
	var late []uint64
	for n, o := range p.proposals {
		if now.After(o.deadline) {
			late = append(late, n)
			delete(p.proposals, n)
		}
	}
	p.mu.Unlock()
	slices.Sort(late)
	for _, n := range late {
		p.push(membership.Outcome{Number: n})
	}
}

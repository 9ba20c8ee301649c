package memory

import (
	"slices"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/sim/embedded"
	"github.com/fenced-project/fenced/membership"
)

// Provider is one daemon's membership in memory.
type Provider struct {
	c     *Cluster
	i     int // its place
	self  membership.Self
	queue *membership.Queue

	// The cluster's lock protects what follows.
	model   *embedded.Daemon
	dead    bool
	keeping *keeping // the newest state that it was asked for
}

// keeping is a state that the reader was asked for, and what is to be done with it.
type keeping struct {
	reply chan []byte
	done  func([]byte)
}

var _ membership.Provider = (*Provider)(nil)

// Events is the ordered sequence.
func (p *Provider) Events() <-chan membership.Event { return p.queue.Out() }

// Propose queues a proposal; after Close or Kill it is membership.ErrClosed.
func (p *Provider) Propose(number uint64, data []byte) (err error) {
	p.c.outside(func() {
		if p.dead {
			err = membership.ErrClosed
			return
		}
		p.model.Propose(number+1, slices.Clone(data)) // the model's 0 is what a founding wrote
	})
	return err
}

// Deny stops acknowledging a life (R14).
func (p *Provider) Deny(life fence.Incarnation) { p.c.outside(func() { p.model.Deny(life) }) }

// SetDurable does nothing: there is no disk.
func (p *Provider) SetDurable(time.Time) {}

// Info is a snapshot for status.
func (p *Provider) Info() membership.Info {
	i := membership.Info{Provider: "memory", Domain: "memory", Need: membership.Need(p.c.cfg.Nodes)}
	p.c.outside(func() {
		i.Votes = len(p.model.State().View.Members)
		for at, v := range p.c.cfg.Nodes {
			if at == p.i {
				continue
			}
			path := membership.Path{Node: v.ID, LastSeen: -1}
			if ms, ok := p.model.HeardAt(at); ok {
				path.LastSeen = time.Duration(membership.BootMS()-ms) * time.Millisecond
			}
			i.Paths = append(i.Paths, path)
		}
	})
	return i
}

// Close ends this daemon. It may be called twice.
func (p *Provider) Close() error {
	p.end()
	return nil
}

func (p *Provider) end() {
	p.c.outside(func() {
		if !p.dead {
			p.dead = true
			p.c.providers[p.i] = nil
			p.model.End()
		}
	})
	p.queue.Close()
}

package memory

import (
	"slices"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/sim"
	"github.com/fenced-project/fenced/membership"
)

// Provider is one daemon's membership in memory.
type Provider struct {
	c     *Cluster
	self  membership.Self
	queue *membership.Queue
}

var _ membership.Provider = (*Provider)(nil)

// Events is the ordered sequence.
func (p *Provider) Events() <-chan membership.Event { return p.queue.Out() }

// Propose queues a proposal; after Close or Kill it is membership.ErrClosed.
func (p *Provider) Propose(number uint64, data []byte) error {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if !p.running() {
		return membership.ErrClosed
	}
	p.c.model.Propose(p.self.Node, number, slices.Clone(data))
	return nil
}

// Deny stops acknowledging a life (R14).
func (p *Provider) Deny(life fence.Incarnation) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if p.running() {
		p.c.model.Deny(p.self.Node, life)
	}
}

// SetDurable does nothing: there is no disk.
func (p *Provider) SetDurable(time.Time) {}

// Info is a snapshot for status.
func (p *Provider) Info() membership.Info {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	i := membership.Info{Provider: "memory", Domain: "memory"}
	i.Votes, i.Need = p.c.model.Votes()
	for _, v := range p.c.cfg.Nodes {
		if v.ID == p.self.Node {
			continue
		}
		path := membership.Path{Node: v.ID, LastSeen: -1}
		if at, ok := p.c.model.LastHeard(p.self.Node, v.ID); ok {
			path.LastSeen = time.Duration(membership.BootMS()-at) * time.Millisecond
		}
		i.Paths = append(i.Paths, path)
	}
	return i
}

// Close ends this daemon. It may be called twice.
func (p *Provider) Close() error {
	p.c.mu.Lock()
	p.c.remove(p)
	p.c.mu.Unlock()
	p.queue.Close()
	return nil
}

func (p *Provider) running() bool { return slices.Contains(p.c.providers, p) }

func translate(o sim.Output) membership.Event {
	switch o.Kind {
	case sim.KindEntry:
		if v := o.Entry.View; v != nil {
			return membership.ViewInstalled{Index: o.Entry.Index, View: view(*v)}
		}
		return membership.Committed{Index: o.Entry.Index, Proposer: member(o.Entry.Proposer), Number: o.Entry.Number, Data: slices.Clone(o.Entry.Data)}
	case sim.KindSnapshot:
		return membership.SnapshotInstalled{Index: o.Entry.Index, Data: o.Entry.Data}
	case sim.KindOutcome:
		return membership.Outcome{Number: o.Number, Delivered: o.Flag}
	case sim.KindLost:
		return membership.QuorumLost{Why: o.Why}
	case sim.KindHeld:
		return membership.QuorumHeld{}
	case sim.KindHeard:
		return membership.Heard{Member: member(o.Daemon)}
	case sim.KindSuspect:
		return membership.Suspect{Member: member(o.Daemon), Gone: o.Flag}
	case sim.KindLease:
		return membership.LeaseRenewed{SentMS: o.MS}
	}
	panic("memory: unknown output of the model")
}

func member(d sim.Daemon) membership.Member {
	return membership.Member{Incarnation: d.Incarnation, Instance: d.Instance}
}

func view(v sim.View) membership.View {
	out := membership.View{Quorate: v.Quorate}
	for _, d := range v.Members {
		out.Members = append(out.Members, member(d))
	}
	for _, d := range v.Left {
		how := membership.HowNodeGone
		if d.Process {
			how = membership.HowProcessGone
		}
		out.Left = append(out.Left, membership.Departure{Member: member(d.Daemon), How: how})
	}
	return out
}

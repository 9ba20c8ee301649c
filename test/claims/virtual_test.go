package claims

import (
	"slices"
	"sync"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/sim"
	"github.com/fenced-project/fenced/membership"
)

// virtual is the model of a provider, stepped by the clock of a synctest bubble. membership/memory steps the same model by the machine's clock,
// which no bubble has.
type virtual struct {
	mu     sync.Mutex
	model  *sim.Model
	queues map[fence.NodeID]*membership.Queue
	stop   chan struct{}
	done   chan struct{}
}

func newVirtual(timeout time.Duration) *virtual {
	v := &virtual{queues: map[fence.NodeID]*membership.Queue{}, stop: make(chan struct{}), done: make(chan struct{})}
	cfg := sim.Config{FailureTimeoutMS: timeout.Milliseconds(), ProposalMS: 2 * timeout.Milliseconds()}
	var voters []membership.Voter
	for id := fence.NodeID(1); id <= 3; id++ {
		cfg.Nodes = append(cfg.Nodes, sim.Node{ID: id, Votes: 1})
		voters = append(voters, membership.Voter{ID: id, Votes: 1})
	}
	cfg.Choose = func(up func(fence.NodeID) bool, mutual func(a, b fence.NodeID) bool) []fence.NodeID {
		return membership.Connected(voters, up, mutual)
	}
	v.model = sim.New(cfg)
	go v.run(timeout / 20)
	return v
}

func (v *virtual) run(every time.Duration) {
	defer close(v.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			v.mu.Lock()
			for _, o := range v.model.Step(now.UnixMilli()) {
				if e := event(o); e != nil && v.queues[o.To] != nil {
					v.queues[o.To].Push(e)
				}
			}
			v.mu.Unlock()
		case <-v.stop:
			return
		}
	}
}

func event(o sim.Output) membership.Event {
	named := func(d sim.Daemon) membership.Member {
		return membership.Member{Incarnation: d.Incarnation, Instance: d.Instance}
	}
	switch {
	case o.Kind == sim.KindOutcome:
		return membership.Outcome{Number: o.Number, Delivered: o.Flag}
	case o.Kind == sim.KindEntry && o.Entry.View != nil:
		view := membership.View{Quorate: o.Entry.View.Quorate}
		for _, d := range o.Entry.View.Members {
			view.Members = append(view.Members, named(d))
		}
		return membership.ViewInstalled{Index: o.Entry.Index, View: view}
	case o.Kind == sim.KindEntry:
		return membership.Committed{Index: o.Entry.Index, Proposer: named(o.Entry.Proposer), Number: o.Entry.Number, Data: slices.Clone(o.Entry.Data)}
	}
	return nil
}

func (v *virtual) cut(a, b fence.NodeID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.model.Cut(a, b)
}

func (v *virtual) heal() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.model.Heal()
}

func (v *virtual) close() {
	close(v.stop)
	<-v.done
}

func (v *virtual) start(self membership.Self) (membership.Provider, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.queues[self.Node] = membership.NewQueue()
	v.model.Start(sim.Daemon{Incarnation: fence.Incarnation{Node: self.Node, Boot: self.Boot}, Instance: self.Instance})
	return &virtualProvider{v: v, node: self.Node, queue: v.queues[self.Node]}, nil
}

type virtualProvider struct {
	v     *virtual
	node  fence.NodeID
	queue *membership.Queue
}

func (p *virtualProvider) Events() <-chan membership.Event { return p.queue.Out() }

func (p *virtualProvider) Propose(number uint64, data []byte) error {
	p.v.mu.Lock()
	defer p.v.mu.Unlock()
	p.v.model.Propose(p.node, number, slices.Clone(data))
	return nil
}

func (p *virtualProvider) Close() error {
	p.v.mu.Lock()
	p.v.model.Kill(p.node)
	delete(p.v.queues, p.node)
	p.v.mu.Unlock()
	p.queue.Close()
	return nil
}

func (*virtualProvider) Deny(fence.Incarnation) {}
func (*virtualProvider) SetDurable(time.Time)   {}
func (*virtualProvider) Info() membership.Info  { return membership.Info{} }

package embedded

import (
	"slices"

	"github.com/fenced-project/fenced/fence/sim"
)

// FSM is what the log's entries add up to, the same on every node at the same index.
type FSM struct {
	Index  int
	View   *View
	ViewAt int
	Runs   []Present
	Gone   [][]int // replaced stores of each node
	Conf   *Conf
}

// Present is the present run of a node's daemon; run is nil for a store that has not started.
type Present struct {
	Store int
	Run   *Run
	done  map[uint64]bool
}

// NewFSM is an empty log of n nodes.
func NewFSM(n int) *FSM {
	return &FSM{View: &View{}, Runs: make([]Present, n), Gone: make([][]int, n), Conf: &Conf{Store: make([]int, n), Voter: make([]bool, n)}}
}

func (f *FSM) clone() *FSM {
	c := *f
	c.Runs = slices.Clone(f.Runs)
	for i := range c.Runs {
		done := make(map[uint64]bool, len(f.Runs[i].done))
		for n := range f.Runs[i].done { // order: a set is copied
			done[n] = true
		}
		c.Runs[i].done = done
	}
	c.Gone = slices.Clone(f.Gone)
	return &c
}

// Take applies one entry. It reports whether it means something to the reader: a view, or data that was not there before.
func (f *FSM) Take(index int, e *Entry) bool {
	f.Index = index
	switch e.Kind {
	case KindConf:
		f.Conf = e.Conf
	case KindStore:
		if f.Runs[e.Node].Store != e.Store && !slices.Contains(f.Gone[e.Node], e.Store) {
			if old := f.Runs[e.Node].Store; old != 0 {
				f.Gone[e.Node] = append(slices.Clone(f.Gone[e.Node]), old)
			}
			f.Runs[e.Node] = Present{Store: e.Store}
		}
	case KindStarted:
		r := f.Runs[e.By.I]
		if r.Store == e.By.Store && (r.Run == nil || e.By.Starts > r.Run.Starts) {
			f.Runs[e.By.I] = Present{Store: e.By.Store, Run: e.By, done: map[uint64]bool{}}
		}
	case KindView:
		if e.Base == f.ViewAt {
			f.View, f.ViewAt = e.View, index
			return true
		}
	case KindData:
		r := f.Runs[e.By.I]
		if e.Number == 0 { // what the founding wrote
			return true
		}
		if r.Run == e.By && !r.done[e.Number] {
			r.done[e.Number] = true
			return true
		}
	}
	return false
}

// applySoon lets the daemon take what is committed.
func (p *Daemon) applySoon() {
	if p.applying {
		return
	}
	p.applying = true
	at := max(p.w.world.Now()+sim.Span(p.w.net.Delays, 0, 2*ms), p.h.LagUntil())
	p.h.At(at, p.apply)
}

func (p *Daemon) apply() {
	p.applying = false
	if p.Out {
		return
	}
	if p.w.world.Now() < p.h.LagUntil() {
		p.applySoon()
		return
	}
	changed := p.fsm.Index < p.raft.commit
	for p.fsm.Index < p.raft.commit {
		e, before := p.st.Log[p.fsm.Index], p.fsm.View
		if p.fsm.Take(p.fsm.Index+1, e) {
			p.h.Entry(p.fsm.Index, e, before)
		}
		if e.Kind == KindData && e.By == p.run {
			p.delivered(e.Number)
		}
	}
	if changed {
		p.wakeLead()
		p.wakeWork()
	}
}

// delivered answers a proposal of this run that the log has, after the entry itself.
func (p *Daemon) delivered(number uint64) {
	for i, o := range p.proposals {
		if o.number == number {
			p.proposals = slices.Delete(p.proposals, i, i+1)
			p.h.Outcome(number, true)
			return
		}
	}
}

// deliveredAll does so after a snapshot.
func (p *Daemon) deliveredAll() {
	r := p.fsm.Runs[p.i]
	if r.Run != p.run {
		return
	}
	for _, o := range slices.Clone(p.proposals) {
		if r.done[o.number] {
			p.delivered(o.number)
		}
	}
}

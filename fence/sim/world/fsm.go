package world

import (
	"slices"

	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
)

// runID is one run of a daemon on a store. It is one value for the whole world, so that it is compared by its address.
type runID struct {
	domain.Origin
	i      int // its node's place
	store  int
	starts uint64
	heard  member.Input // boxed once: it is wanted often
}

// view is an agreed membership.
type view struct {
	members []*runID // by node
	quorate bool
}

func (v *view) origins() []domain.Origin {
	out := make([]domain.Origin, len(v.members))
	for i, m := range v.members {
		out[i] = m.Origin
	}
	return out
}

// fsm is what the log's entries add up to, the same on every node at the same index.
type fsm struct {
	index  int
	view   *view
	viewAt int
	runs   []present
	gone   [][]int // replaced stores of each node
	conf   *conf
}

// present is the present run of a node's daemon; run is nil for a store that has not started.
type present struct {
	store int
	run   *runID
	done  map[uint64]bool
}

func newFSM(n int) *fsm {
	return &fsm{view: &view{}, runs: make([]present, n), gone: make([][]int, n), conf: &conf{store: make([]int, n), voter: make([]bool, n)}}
}

func (f *fsm) clone() *fsm {
	c := *f
	c.runs = slices.Clone(f.runs)
	for i := range c.runs {
		done := make(map[uint64]bool, len(f.runs[i].done))
		for n := range f.runs[i].done { // order: a set is copied
			done[n] = true
		}
		c.runs[i].done = done
	}
	c.gone = slices.Clone(f.gone)
	return &c
}

// snapshot is one moment of the log with the reader's state of the same moment.
type snapshot struct {
	fsm    *fsm
	domain []byte
}

// take applies one entry and returns what it means for the reader: nil for nothing.
func (f *fsm) take(index int, e *ent) member.Input {
	f.index = index
	switch e.kind {
	case entConf:
		f.conf = e.conf
	case entStore:
		if f.runs[e.node].store != e.store && !slices.Contains(f.gone[e.node], e.store) {
			if old := f.runs[e.node].store; old != 0 {
				f.gone[e.node] = append(slices.Clone(f.gone[e.node]), old)
			}
			f.runs[e.node] = present{store: e.store}
		}
	case entStarted:
		r := f.runs[e.by.i]
		if r.store == e.by.store && (r.run == nil || e.by.starts > r.run.starts) {
			f.runs[e.by.i] = present{store: e.by.store, run: e.by, done: map[uint64]bool{}}
		}
	case entView:
		if e.base == f.viewAt {
			f.view, f.viewAt = e.view, index
			return member.ViewInstalled{Index: uint64(index), Members: e.view.origins(), Quorate: e.view.quorate}
		}
	case entData:
		r := f.runs[e.by.i]
		if e.number == 0 { // what the founding wrote
			return member.EntryCommitted{Index: uint64(index), By: e.by.Origin, Data: e.data}
		}
		if r.run == e.by && !r.done[e.number] {
			r.done[e.number] = true
			return member.EntryCommitted{Index: uint64(index), By: e.by.Origin, Number: e.number, Data: e.data}
		}
	}
	return nil
}

// applySoon lets the daemon take what is committed.
func (p *proc) applySoon() {
	if p.applying {
		return
	}
	p.applying = true
	at := max(p.w.now+span(p.w.delays, 0, 2*ms), p.n.lagUntil)
	p.w.push(event{at: at, p: p, f: p.apply})
}

func (p *proc) apply() {
	p.applying = false
	if p.out {
		return
	}
	if p.w.now < p.n.lagUntil {
		p.applySoon()
		return
	}
	changed := p.fsm.index < p.raft.commit
	for p.fsm.index < p.raft.commit {
		e := p.st.log[p.fsm.index]
		in := p.fsm.take(p.fsm.index+1, e)
		if in != nil {
			p.pushInput(in)
		}
		if e.kind == entData && e.by == p.run {
			p.delivered(e.number)
		}
	}
	if changed {
		p.wakeLead()
		p.wakeWork()
	}
}

// delivered answers a proposal of this run that the log has, after the entry itself.
func (p *proc) delivered(number uint64) {
	for i, o := range p.proposals {
		if o.number == number {
			p.proposals = slices.Delete(p.proposals, i, i+1)
			p.pushInput(member.ProposalDone{Number: number, Delivered: true})
			return
		}
	}
}

// deliveredAll does so after a snapshot.
func (p *proc) deliveredAll() {
	r := p.fsm.runs[p.n.i]
	if r.run != p.run {
		return
	}
	for _, o := range slices.Clone(p.proposals) {
		if r.done[o.number] {
			p.delivered(o.number)
		}
	}
}

// pushSnapshot hands the reader a whole state.
func (p *proc) pushSnapshot(s *snapshot) {
	b, index := s.domain, uint64(s.fsm.index)
	p.push(func() {
		state, err := domain.Restore(b)
		if err != nil {
			p.w.check.fail("V16", "%s cannot restore a snapshot: %v", p.n.name, err)
			return
		}
		state.Index = max(state.Index, index)
		p.w.check.restored(p, state)
		p.step(member.SnapshotInstalled{State: state})
	})
}

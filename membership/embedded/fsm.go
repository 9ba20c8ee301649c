package embedded

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// run is the present run of a node's daemon as the log knows it.
type run struct {
	Store    string `json:"store"`
	Starts   uint64 `json:"starts"`
	Boot     string `json:"boot"`
	Instance string `json:"instance"`
	Done     window `json:"done"`
}

func (r run) member(id fence.NodeID) membership.Member {
	return membership.Member{Incarnation: fence.Incarnation{Node: id, Boot: r.Boot}, Instance: r.Instance}
}

// logState is what the log's entries add up to: the same on every node at the same index, and part of every snapshot.
type logState struct {
	Index  uint64                `json:"index"`
	View   membership.View       `json:"view"`
	ViewAt uint64                `json:"view_at"`
	Runs   map[fence.NodeID]*run `json:"runs"`
	Voters []raft.ServerID       `json:"voters"`
	// Replaced are the earlier stores of each node, the newest maxReplaced: none of them ever speaks for it again (R3).
	Replaced map[fence.NodeID][]string `json:"replaced,omitempty"`
}

const maxReplaced = 32

// fsm turns committed entries into events. Raft calls it from one goroutine; others read under the lock.
type fsm struct {
	push      func(membership.Event)     // in order; never blocks
	delivered func(r run, number uint64) // a run's proposal is delivered; number 0: whatever its window has
	changed   func()                     // somebody may be waiting for what was applied
	committed func(index uint64)         // the log is committed up to here; never blocks
	stop      <-chan struct{}            // closed when the provider closes

	mu    sync.Mutex
	state logState
	// serversAt is the index of the newest committed change of Raft's servers since this daemon began, 0 before the first.
	serversAt uint64
}

var _ raft.ConfigurationStore = (*fsm)(nil)

func emptyState() logState {
	return logState{Runs: make(map[fence.NodeID]*run), Replaced: make(map[fence.NodeID][]string)}
}

func newFSM() *fsm { return &fsm{state: emptyState(), committed: func(uint64) {}} }

// Apply takes one committed entry. It decides nothing but what every node decides alike from the log.
func (f *fsm) Apply(l *raft.Log) any {
	f.committed(l.Index)
	f.mu.Lock()
	defer f.changed()
	defer f.mu.Unlock()
	f.state.Index = l.Index
	e, err := decodeEntry(l.Data)
	if err != nil {
		return err
	}
	switch e.Kind {
	case kindData:
		return f.data(l.Index, e)
	case kindView:
		return f.view(l.Index, e)
	case kindStarted:
		return f.started(e)
	case kindStore:
		return f.newStore(e)
	case kindRecover:
		return f.recovered(l.Index, e)
	}
	return fmt.Errorf("unknown kind of entry %q", e.Kind)
}

// data delivers a proposal of a node's present run, once.
func (f *fsm) data(index uint64, e entry) error {
	r := f.state.Runs[e.Node]
	if r == nil || r.Store != e.Store || r.Starts != e.Starts || r.Instance == "" {
		return fmt.Errorf("proposal of a run that is not the present one of node %d", e.Node)
	}
	if r.Done.first(e.Number) {
		f.push(membership.Committed{Index: index, Proposer: r.member(e.Node), Number: e.Number, Data: e.Data})
	}
	f.delivered(*r, e.Number)
	return nil
}

func (f *fsm) view(index uint64, e entry) error {
	if e.View == nil || e.Base != f.state.ViewAt {
		return fmt.Errorf("view was made for the view at %d, the view is that at %d", e.Base, f.state.ViewAt)
	}
	f.state.View, f.state.ViewAt = *e.View, index
	f.push(membership.ViewInstalled{Index: index, View: *e.View})
	return nil
}

// started: only a node's present store, and only with a higher count than ever (R3).
func (f *fsm) started(e entry) error {
	r := f.state.Runs[e.Node]
	switch {
	case r == nil: // the node that bootstrapped
	case r.Store != e.Store:
		return fmt.Errorf("store %s of node %d was replaced by %s", e.Store, e.Node, r.Store)
	case e.Starts <= r.Starts:
		return fmt.Errorf("store %s of node %d was started %d times already", e.Store, e.Node, r.Starts)
	}
	f.state.Runs[e.Node] = &run{Store: e.Store, Starts: e.Starts, Boot: e.Boot, Instance: e.Instance}
	return nil
}

// newStore: from now on this store speaks for the node, its earlier one never again (R3).
func (f *fsm) newStore(e entry) error {
	old := f.state.Runs[e.Node]
	if old != nil && old.Store == e.Store {
		return nil
	}
	gone := f.state.Replaced[e.Node]
	if slices.Contains(gone, e.Store) {
		return fmt.Errorf("store %s of node %d was replaced before", e.Store, e.Node)
	}
	if old != nil {
		gone = append(slices.Clone(gone), old.Store)
		f.state.Replaced[e.Node] = gone[max(0, len(gone)-maxReplaced):]
	}
	f.state.Runs[e.Node] = &run{Store: e.Store}
	return nil
}

// recovered: every other store was of the domain before, and none of them ever speaks again (R4).
func (f *fsm) recovered(index uint64, e entry) error {
	for id, r := range f.state.Runs {
		gone := append(slices.Clone(f.state.Replaced[id]), r.Store)
		f.state.Replaced[id] = gone[max(0, len(gone)-maxReplaced):]
	}
	f.state.Runs = map[fence.NodeID]*run{e.Node: {Store: e.Store}}
	f.state.View, f.state.ViewAt = membership.View{}, index
	f.push(membership.Recovered{Index: index, Data: e.Data})
	return nil
}

// StoreConfiguration remembers who votes in Raft: only their votes make a view quorate, because only they keep what is committed.
func (f *fsm) StoreConfiguration(index uint64, c raft.Configuration) {
	f.committed(index)
	f.mu.Lock()
	defer f.changed()
	defer f.mu.Unlock()
	f.state.Index, f.serversAt = index, index
	f.state.Voters = nil
	for _, s := range c.Servers {
		if s.Suffrage == raft.Voter {
			f.state.Voters = append(f.state.Voters, s.ID)
		}
	}
}

// known is a copy of what the leader and the pings need.
type known struct {
	index  uint64
	view   membership.View
	viewAt uint64
	runs   map[fence.NodeID]run
	voters []raft.ServerID
	gone   map[fence.NodeID][]string // replaced stores; the slices are never written
}

func (f *fsm) known() known {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := known{
		index: f.state.Index, view: f.state.View, viewAt: f.state.ViewAt, runs: make(map[fence.NodeID]run),
		voters: slices.Clone(f.state.Voters), gone: maps.Clone(f.state.Replaced),
	}
	for id, r := range f.state.Runs {
		c := *r
		c.Done = window{}
		k.runs[id] = c
	}
	return k
}

func sortedIDs(m map[fence.NodeID]*run) []fence.NodeID {
	var ids []fence.NodeID
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

package embedded

import (
	"sync"

	"github.com/hashicorp/raft"
)

// nudges tells followers at once how far the log is committed. Raft itself tells them with the next entry or after CommitTimeout, and every
// operation has three commits that its actor waits for, wherever it runs.
//
// A nudge is a request that Raft itself could send: no entries, as previous entry the last one that this very follower acknowledged in this very
// term, and a commit index that is not beyond it (R6). The follower compares index and term of that entry with its own log before it believes
// the commit index; what it has beyond it, perhaps of a leader that was never elected by all, is left alone. The answer is not used: Raft's own
// requests do the book-keeping, and a nudge that is lost costs CommitTimeout. One is on its way to each follower at a time; it carries the
// newest, whatever was committed meanwhile.
type nudges struct {
	send  func(raft.ServerID, raft.ServerAddress, *raft.AppendEntriesRequest) error
	leads func(term uint64) bool // this node leads in this term, now
	spawn func(func())           // runs it beside the caller

	wg        sync.WaitGroup
	mu        sync.Mutex
	closed    bool
	applied   uint64 // as this node's own fsm was given, so it is committed
	term      uint64 // of all followers below
	followers map[raft.ServerID]*follower
}

func newNudges(send func(raft.ServerID, raft.ServerAddress, *raft.AppendEntriesRequest) error, leads func(uint64) bool) *nudges {
	return &nudges{send: send, leads: leads, spawn: func(f func()) { go f() }, followers: make(map[raft.ServerID]*follower)}
}

// follower is what a leader knows of one follower's log in one term.
type follower struct {
	to   raft.ServerAddress
	args raft.AppendEntriesRequest // its previous entry is the last that the follower acknowledged
	told uint64                    // the commit index that it was told
	busy bool                      // a nudge is on its way
}

// acknowledged takes a request of Raft that the follower answered with success: its log equals the leader's up to the last entry named there.
// Within a term that never goes back.
func (f *follower) acknowledged(to raft.ServerAddress, args *raft.AppendEntriesRequest) {
	index, term := args.PrevLogEntry, args.PrevLogTerm
	if k := len(args.Entries); k > 0 {
		index, term = args.Entries[k-1].Index, args.Entries[k-1].Term
	}
	if index >= f.args.PrevLogEntry {
		f.to = to
		f.args = raft.AppendEntriesRequest{RPCHeader: args.RPCHeader, Term: args.Term, PrevLogEntry: index, PrevLogTerm: term}
	}
	f.told = max(f.told, min(args.LeaderCommitIndex, index))
}

// next is the nudge that is due, if one is, and counts it as told.
func (f *follower) next(applied uint64) (raft.AppendEntriesRequest, bool) {
	args := f.args
	args.LeaderCommitIndex = min(applied, f.args.PrevLogEntry)
	if args.LeaderCommitIndex <= f.told {
		return args, false
	}
	f.told = args.LeaderCommitIndex
	return args, true
}

// answered is called with every answer to Raft's own requests that may carry entries.
func (n *nudges) answered(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !resp.Success || resp.Term != args.Term || args.Term < n.term {
		return
	}
	if args.Term > n.term { // what was acknowledged to an earlier leader counts for nothing
		n.term = args.Term
		clear(n.followers)
	}
	f := n.followers[id]
	if f == nil {
		f = &follower{}
		n.followers[id] = f
	}
	f.acknowledged(to, args)
	n.tell(id, f)
}

// committed is called when this node's fsm is given an entry. A node that does not lead has no followers.
func (n *nudges) committed(index uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.applied = max(n.applied, index)
	for id, f := range n.followers {
		n.tell(id, f)
	}
}

// tell sends what is due, unless something is on its way already. The caller holds the lock.
func (n *nudges) tell(id raft.ServerID, f *follower) {
	if f.busy || n.closed || min(n.applied, f.args.PrevLogEntry) <= f.told {
		return
	}
	f.busy = true
	n.wg.Add(1)
	n.spawn(func() {
		defer n.wg.Done()
		n.deliver(id, f)
	})
}

// deliver sends until nothing is due; the transport's own deadline bounds each.
func (n *nudges) deliver(id raft.ServerID, f *follower) {
	for {
		n.mu.Lock()
		args, due := f.next(n.applied)
		if !due || n.closed {
			f.busy = false
			n.mu.Unlock()
			return
		}
		to := f.to
		n.mu.Unlock()
		if n.leads(args.Term) {
			_ = n.send(id, to, &args)
		}
	}
}

// stop lets nothing more be sent; what is on its way ends with the transport.
func (n *nudges) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
}

// wait waits for what is on its way, after stop.
func (n *nudges) wait() { n.wg.Wait() }

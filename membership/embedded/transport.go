package embedded

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
)

// transport is Raft's own, with two things that Raft lacks: followers learn at once what is committed (nudge.go), and a follower that was away
// gets its log as soon as it answers.
//
// Raft v1.8.0 waits longer after each request that failed, up to 10 s, and nothing ends that wait; a node that returns after a minute would be
// without its log for so long, cannot say that it is clean, and is fenced for it where post_join_delay is short. Raft only counts a failure when
// it is told of one. So a request for a silent follower is kept here and tried again, at once when a ping of that follower is heard, else at
// pace. It ends with an answer, or with the error when there is no point any more: this node does not lead in that term, the follower
// is not in the configuration, or the provider closes. Heartbeats, by which Raft knows whom it reaches, go straight through.
type transport struct {
	wire
	ctx    context.Context
	pace   time.Duration
	point  func(id raft.ServerID, term uint64) bool // there is one in trying again
	nudges *nudges

	mu    sync.Mutex
	tries []*try
	beats map[raft.ServerID]time.Time // when the last heartbeat to each was sent
}

// wire is what Raft asks of a transport, and how it is closed.
type wire interface {
	raft.Transport
	raft.WithPreVote
	raft.WithClose
	CloseStreams()
}

var _ wire = (*raft.NetworkTransport)(nil)

// try is one request for a follower that does not answer.
type try struct {
	id   raft.ServerID
	node fence.NodeID
	wake chan struct{}
}

// newTransport wraps Raft's transport. leads and point are asked from many goroutines.
func newTransport(ctx context.Context, w wire, pace time.Duration, leads func(uint64) bool, point func(raft.ServerID, uint64) bool) *transport {
	return &transport{
		wire: w, ctx: ctx, pace: pace, point: point, beats: make(map[raft.ServerID]time.Time),
		nudges: newNudges(func(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest) error {
			return w.AppendEntries(id, to, args, &raft.AppendEntriesResponse{})
		}, leads),
	}
}

// heartbeat is what Raft's own receiver takes for one.
func heartbeat(a *raft.AppendEntriesRequest) bool {
	return a.PrevLogEntry == 0 && a.PrevLogTerm == 0 && len(a.Entries) == 0 && a.LeaderCommitIndex == 0
}

// AppendEntries asks a follower, patiently if it is no heartbeat.
func (t *transport) AppendEntries(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if heartbeat(args) {
		if !t.space(id) {
			return raft.ErrTransportShutdown
		}
		return t.wire.AppendEntries(id, to, args, resp)
	}
	err := t.patiently(id, args.Term, func() error {
		*resp = raft.AppendEntriesResponse{}
		return t.wire.AppendEntries(id, to, args, resp)
	})
	if err == nil {
		t.nudges.answered(id, to, args, resp)
	}
	return err
}

// space waits until a quarter of Raft's heartbeat timeout is over since the last heartbeat to this follower, so that four fit into it. Raft sends
// five to ten, and they were a third of what an idle leader took. It says false when the provider closes.
func (t *transport) space(id raft.ServerID) bool {
	t.mu.Lock()
	due := t.beats[id].Add(t.pace / 4)
	t.mu.Unlock()
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.beats[id] = time.Now()
	return true
}

// patiently tries until there is an answer or no point.
func (t *transport) patiently(id raft.ServerID, term uint64, ask func() error) error {
	err := ask()
	if err == nil {
		return nil
	}
	w := t.begin(id)
	defer t.end(w)
	for err != nil && t.pause(w) && t.point(id, term) {
		err = ask()
	}
	return err
}

func (t *transport) begin(id raft.ServerID) *try {
	w := &try{id: id, wake: make(chan struct{}, 1)}
	w.node, _, _ = parseServerID(string(id))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tries = append(t.tries, w)
	return w
}

func (t *transport) end(w *try) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tries = slices.DeleteFunc(t.tries, func(o *try) bool { return o == w })
}

// pause waits for a sign of life, at most for the pace; it says false when the provider closes.
func (t *transport) pause(w *try) bool {
	timer := time.NewTimer(t.pace)
	defer timer.Stop()
	select {
	case <-w.wake:
	case <-timer.C:
	case <-t.ctx.Done():
		return false
	}
	return true
}

// heard is called with every ping of a node.
func (t *transport) heard(node fence.NodeID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.tries {
		if w.node == node {
			wake(w.wake)
		}
	}
}

// silent reports whether a follower has a request that it does not answer.
func (t *transport) silent(id raft.ServerID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.tries, func(w *try) bool { return w.id == id })
}

// InstallSnapshot sends a snapshot, once the follower answers at all: a stream cannot be tried again.
func (t *transport) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	knock := raft.AppendEntriesRequest{RPCHeader: args.RPCHeader, Term: args.Term}
	err := t.patiently(id, args.Term, func() error {
		return t.wire.AppendEntries(id, to, &knock, &raft.AppendEntriesResponse{})
	})
	if err != nil {
		return err
	}
	return t.wire.InstallSnapshot(id, to, args, resp, data)
}

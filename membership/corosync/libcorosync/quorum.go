//go:build linux && (amd64 || arm64)

package libcorosync

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/ebitengine/purego"
)

// ErrNoQuorumProvider says that corosync counts no votes at all: whatever it is asked, it would be quorate.
var ErrNoQuorumProvider = errors.New("corosync has no quorum provider: put `provider: corosync_votequorum` into the section `quorum` of corosync.conf on every node and restart corosync")

// Quorum is one connection to the quorum service. One goroutine at a time may use it.
type Quorum struct {
	handle    uint64
	collected []QuorumEvent
	broken    error
}

// OpenQuorum connects and subscribes: the present ring is the first event. ErrNoQuorumProvider where corosync.conf names none.
func OpenQuorum() (*Quorum, error) {
	if err := Load(); err != nil {
		return nil, err
	}
	q := &Quorum{}
	var kind uint32
	data := &quorumModelV1{Model: quorumModel1, Quorum: onQuorum, Nodelist: onNodelist}
	if err := failed("quorum_model_initialize", quorumModelInitialize(&q.handle, quorumModel1, data, &kind, 0)); err != nil {
		return nil, err
	}
	if kind != quorumSet {
		return nil, errors.Join(ErrNoQuorumProvider, failed("quorum_finalize", quorumFinalize(q.handle)))
	}
	quorums.Store(q.handle, q)
	if err := failed("quorum_trackstart", quorumTrackstart(q.handle, trackCurrent|trackChanges)); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return q, nil
}

// Close ends the connection.
func (q *Quorum) Close() error {
	quorums.Delete(q.handle)
	return failed("quorum_finalize", quorumFinalize(q.handle))
}

// FD becomes readable when there is something to dispatch, and hangs up when corosync ends.
func (q *Quorum) FD() (int, error) {
	var fd int32
	err := failed("quorum_fd_get", quorumFdGet(q.handle, &fd))
	return int(fd), err
}

// Dispatch is as that of Group.
func (q *Quorum) Dispatch() (events []QuorumEvent, more bool, err error) {
	s := OK
	for len(q.collected) < batch && s == OK && q.broken == nil {
		s = quorumDispatch(q.handle, oneNonblocking)
	}
	events, q.collected = q.collected, nil
	if q.broken != nil {
		return events, false, q.broken
	}
	if s == TryAgain {
		return events, false, nil
	}
	return events, s == OK, failed("quorum_dispatch", s)
}

func (q *Quorum) collect(e QuorumEvent, listed ...uint32) {
	for _, n := range listed {
		if n > mostListed {
			q.broken = fmt.Errorf("libquorum lists %d nodes: not the library that fenced knows", n)
			return
		}
	}
	q.collected = append(q.collected, e)
}

var quorums handles[*Quorum]

var onQuorum, onNodelist uintptr

func makeQuorumCallbacks() {
	onQuorum = purego.NewCallback(func(h uint64, quorate uint32, ringNode uintptr, ringSeq uint64, n uint32, nodes unsafe.Pointer) {
		if q, ok := quorums.Load(h); ok {
			q.collect(QuorumChanged{Ring: RingID{uint32(ringNode), ringSeq}, Quorate: quorate != 0, Nodes: nodeIDs(nodes, min(n, mostListed))}, n)
		}
	})
	// Joined comes before left here, other than in CPG.
	onNodelist = purego.NewCallback(func(h uint64, ringNode uintptr, ringSeq uint64, nm uint32, members unsafe.Pointer, nj uint32, joined unsafe.Pointer, nl uint32, left unsafe.Pointer) {
		if q, ok := quorums.Load(h); ok {
			q.collect(NodesChanged{
				Ring: RingID{uint32(ringNode), ringSeq}, Nodes: nodeIDs(members, min(nm, mostListed)),
				Joined: nodeIDs(joined, min(nj, mostListed)), Left: nodeIDs(left, min(nl, mostListed)),
			}, nm, nj, nl)
		}
	})
}

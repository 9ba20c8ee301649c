//go:build linux && (amd64 || arm64)

package libcorosync

import (
	"errors"
	"unsafe"

	"github.com/ebitengine/purego"
)

// VoteQuorum is one connection to the vote counter. One goroutine at a time may use it.
type VoteQuorum struct {
	handle  uint64
	changed bool
}

// OpenVoteQuorum connects and subscribes to changes of what is counted; it is not there where corosync.conf names no quorum provider.
func OpenVoteQuorum() (*VoteQuorum, error) {
	if err := Load(); err != nil {
		return nil, err
	}
	v := &VoteQuorum{}
	if err := failed("votequorum_initialize", votequorumInitialize(&v.handle, &votequorumCallbacks{Quorum: onVotes, Expected: onExpected})); err != nil {
		return nil, err
	}
	voteQuorums.Store(v.handle, v)
	if err := failed("votequorum_trackstart", votequorumTrackstart(v.handle, 0, trackChanges)); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

// Close ends the connection.
func (v *VoteQuorum) Close() error {
	voteQuorums.Delete(v.handle)
	return failed("votequorum_finalize", votequorumFinalize(v.handle))
}

// FD becomes readable when there is something to dispatch, and hangs up when corosync ends.
func (v *VoteQuorum) FD() (int, error) {
	var fd int32
	err := failed("votequorum_fd_get", votequorumFdGet(v.handle, &fd))
	return int(fd), err
}

// Dispatch says whether anything that Votes tells may have changed since the last call: expected votes, whoever changed them, or a device's word. It
// does not wait; more says that there may be more at once.
func (v *VoteQuorum) Dispatch() (changed, more bool, err error) {
	s := OK
	for i := 0; i < batch && s == OK; i++ {
		s = votequorumDispatch(v.handle, oneNonblocking)
	}
	changed, v.changed = v.changed, false
	if s == TryAgain {
		return changed, false, nil
	}
	return changed, s == OK, failed("votequorum_dispatch", s)
}

// Votes is what is known of a node's votes, and of all; NotExist for a node that was never in the ring.
func (v *VoteQuorum) Votes(node uint32) (Votes, error) {
	i := &votequorumInfo{}
	if err := failed("votequorum_getinfo", votequorumGetinfo(v.handle, node, i)); err != nil {
		return Votes{}, err
	}
	return Votes{
		Node: i.NodeID, State: NodeState(i.NodeState), Votes: i.NodeVotes, Expected: i.NodeExpected, HighestExpected: i.HighestExpected,
		Total: i.TotalVotes, Quorum: i.Quorum, Flags: VoteFlags(i.Flags), DeviceVotes: i.DeviceVotes, DeviceName: goString(i.DeviceName[:]),
	}, nil
}

var voteQuorums handles[*VoteQuorum]

var onVotes, onExpected uintptr

// makeVoteCallbacks makes what libvotequorum calls. What it brings is not taken: Votes asks for all of it at one moment.
func makeVoteCallbacks() {
	changed := func(h uint64) {
		if v, ok := voteQuorums.Load(h); ok {
			v.changed = true
		}
	}
	onVotes = purego.NewCallback(func(h, _ uint64, _, _ uint32, _ unsafe.Pointer) { changed(h) })
	onExpected = purego.NewCallback(func(h, _ uint64, _ uint32) { changed(h) })
}

//go:build linux && (amd64 || arm64)

package libcorosync

// VoteQuorum is one connection to the vote counter. One goroutine at a time may use it.
type VoteQuorum struct{ handle uint64 }

// OpenVoteQuorum connects; it is not there where corosync.conf names no quorum provider.
func OpenVoteQuorum() (*VoteQuorum, error) {
	if err := Load(); err != nil {
		return nil, err
	}
	v := &VoteQuorum{}
	if err := failed("votequorum_initialize", votequorumInitialize(&v.handle, nil)); err != nil {
		return nil, err
	}
	return v, nil
}

// Close ends the connection.
func (v *VoteQuorum) Close() error {
	return failed("votequorum_finalize", votequorumFinalize(v.handle))
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

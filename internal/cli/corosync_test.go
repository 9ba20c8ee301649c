package cli_test

import (
	"time"

	"github.com/fenced-project/fenced/membership/corosync"
)

// fakeCorosync is a corosync of two nodes with two_node.
func fakeCorosync() (corosync.Settings, error) {
	return corosync.Settings{
		Cluster: "test", Token: 3 * time.Second, Written: 3 * time.Second, Consensus: 3600 * time.Millisecond, Provider: "corosync_votequorum", Encrypted: true,
		TwoNode: true, WaitForAll: true,
		Nodes: []corosync.Listed{{ID: 1, Name: "n1", Addresses: []string{"10.0.0.1"}, Votes: 1}, {ID: 2, Name: "n2", Addresses: []string{"10.0.0.2"}, Votes: 1}},
	}, nil
}

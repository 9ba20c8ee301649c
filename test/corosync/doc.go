// Package corosync runs real corosync instances for tests: each in a network and a mount namespace of its own, joined by a bridge in another.
//
// The namespaces have no names: they live as long as the threads and the corosyncs in them, which end with the test's process, so that nothing can
// be left on the machine. libqb's sockets are abstract and so belong to the network namespace; its shared memory is in the mount namespace. A
// thread that enters both (Node.Enter) can speak to that node's corosync.
//
// It needs root, iproute2 and corosync; Start skips by name where one is missing. Start reading at cluster.go.
package corosync

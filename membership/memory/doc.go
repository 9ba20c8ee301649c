// Package memory is a membership provider inside one process, for tests of what stands on membership: the simulator's model of the embedded log and
// its mesh (fence/sim/embedded), run by one goroutine at the pace of the machine's clock. It has no disk and no network, but the same promises, and
// handles to cut, heal, kill and restart.
//
// Start reading at cluster.go.
package memory

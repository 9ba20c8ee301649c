// Package memory is a membership provider inside one process, for tests of what stands on membership: fence/sim's network and log model run by
// one goroutine. It has no disk and no network, but the same promises, and handles to cut, heal, kill and restart.
//
// Start reading at cluster.go.
package memory

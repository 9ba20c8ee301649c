// Package sim is the simulated world. This first part is the network and log model: who reaches whom, who is there, and one ordered log that
// only a connected majority can extend. membership/memory runs it in goroutines. The simulator's worlds (fence/sim/world) have models of their own,
// which can do more; that memory is to run those is not done yet.
//
// It is pure: time is an argument, nothing is random, no goroutine, no map order decides anything.
//
// Start reading at model.go.
package sim

// Package sim is the simulated world. This first part is the network and log model: who reaches whom, who is there, and one ordered log that
// only a connected majority can extend. membership/memory runs it in goroutines; the simulator will run it on its event heap. There is one
// model, not two.
//
// It is pure: time is an argument, nothing is random, no goroutine, no map order decides anything.
//
// Start reading at model.go.
package sim

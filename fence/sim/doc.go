// Package sim is what every simulated world stands on: virtual time, and a network whose links may be cut, slow or lossy. The models of what the two
// membership providers may do stand on it (fence/sim/embedded, fence/sim/evs), and on those the simulator (fence/sim/world); membership/memory runs
// the embedded one in a goroutine.
//
// It is pure: chance comes from a generator that its owner seeded, no goroutine, no map order decides anything.
//
// Start reading at time.go.
package sim

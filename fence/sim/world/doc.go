// Package world is the simulator: whole clusters of the real deciding code (fence/member, fence/domain, fence/operation) over a model of
// everything else, in one goroutine, on one heap of events, from one seed.
//
// The model may do every legal thing that the embedded provider, the daemon's shell and hardware can do, and nothing that they cannot: a
// violation is a bug in the rules or in the model, never bad luck. Ground truth is the hardware: which life runs, what the shared disk saw.
// The same options give the same run, bit for bit: no clock, no goroutine, no map order, chance only from generators that the seed made.
//
// The embedded membership is the model of fence/sim/embedded, which membership/memory runs as well: around.go gives it this world. With
// Options.Membership Corosync the log is the real membership/corosync/agreement over fence/sim/evs: coro.go, corodisk.go, rings.go.
//
// What is not modelled: two machines under one name, upgrades.
//
// Start reading at world.go (time), run.go (one seed), then around.go (order and presence), daemon.go (the shell), machine.go and
// device.go (physics), watchdog.go and keeper.go (a watchdog, and what the daemon knows of it), faults.go (what goes wrong), check.go (what must never be seen), live.go (what must come about) and operator.go (what people do for that). script.go is a world
// whose faults somebody else makes (test/scenarios).
package world

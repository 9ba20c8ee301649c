// Package playground builds whole clusters of real fenced daemons on one machine, with a test BMC for each, and takes them away again
// without a trace. `fenced dev` (the demo and the playground) and the end-to-end tests in test/e2e are made of it.
//
// The power state of a node is the truth of its BMC: the BMC's on and off really start and kill that node's daemon (`fenced-dev power`),
// with a new boot id for each start. Nothing here decides anything for fenced, and nothing here reaches the real machine: every daemon
// gets --system-root of its own, so resets, sysrq and watchdogs are files.
//
// Two networks: loopback (no rights needed; a node cannot be cut off) and namespaces (root and iproute2; links are really cut).
//
// Start reading at cluster.go (Start, Stop), then node.go and bmc.go (what a test can do to a cluster), script.go (the demo), sweep.go
// (how nothing is left behind, even after a SIGKILL).
package playground

// Package domain is what all members agree on. If two members could disagree about it, it belongs here, and it changes only in Apply and
// ApplyView, which are functions of (state, log entry): no clock, no randomness, no I/O, no goroutine, no map order.
//
// Time does not exist here. Whoever needs a delay waits in fence/member by its own clock and then proposes an entry; Apply judges only
// whether the entry is allowed now. A rejected entry is rejected alike by every member, counted and told to its proposer (R11).
//
// Start reading at state.go (what is remembered of a node), then apply.go, view.go (how victims come to be) and verdict.go (how they end);
// health.go with fenceable.go is what the newest probes of devices said, by which nothing is decided.
package domain

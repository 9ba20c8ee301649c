// Package embedded is a model of what the embedded membership (membership/embedded) may do, as fence/sim/evs is one of corosync's groups: a log of
// Raft with leaders that change, lost and duplicated proposals, entries applied late, snapshots, minorities that hear nothing, stores that are wiped
// or restored from a copy; a mesh of pings, and the view that follows from who hears whom.
//
// There is one such model. The simulator (fence/sim/world) gives it machines, disks and a network that fail, and readers that fence each other;
// membership/memory gives it none of that, and one goroutine.
//
// It is pure: its owner gives it time, chance and the words of others, one at a time, through World and Host (cluster.go).
//
// Start reading at cluster.go, then raft.go.
package embedded

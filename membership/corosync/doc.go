// Package corosync is the membership provider for clusters that run corosync already: one CPG group for the order of messages, the quorum service for
// who counts, and an agreement of its own for what is committed (R6), because corosync delivers and does not commit.
//
// What is decided is in agreement, which is pure; this package only moves: from corosync to the machine and back (link.go), from the machine to
// the disk and back (store.go), from the machine to the reader (provider.go). Whatever may block has a goroutine of its own: corosync's libraries
// wait for ever for a corosync that is stopped, and a disk may hang.
//
// It knows no victim, no evidence and no device. It never starts corosync, and a corosync that is not there, or ends, is waited for and said.
//
// votes.go makes fenced's own count of what votequorum calls quorate; with two_node the reader vouches for what replaces the other's vote (Vouch, R23).
//
// Start reading at provider.go, then link.go.
package corosync

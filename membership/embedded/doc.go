// Package embedded is the membership provider that needs nothing else: hashicorp/raft for the order of entries, a ping mesh of its own for
// presence (R20), one port with mutual TLS from one shared key (R28), a store with an identity and a start count (R3).
//
// It decides who is there and in which order entries are committed; it knows no victim, no evidence and no device, and never bootstraps because
// a file is absent. Raft's own heartbeats elect leaders and nothing else: who is in the view follows from the pings.
//
// Start reading at provider.go (how it starts and ends), then presence.go (who is there), fsm.go (what the log means), judge.go, floors.go
// and rival.go (who is refused) and lead.go (what the leader does).
package embedded

// Package client is fenced's public face for Go programs: the JSON documents of fenced/v1 and a client for the daemon's unix socket.
//
// The documents are additive only: readers ignore fields they do not know, and a field that exists keeps its name and its meaning.
// Times are RFC 3339 in UTC, durations are integers in fields that end in _ms, lists are never null, and nothing secret has a field.
// The package decides nothing and imports nothing but the standard library.
//
// Start reading at status.go (what a cluster looks like), then act.go (what one may ask for), client.go and watch.go (how). A program that uses
// what the cluster shares starts at notice.go and session.go.
package client

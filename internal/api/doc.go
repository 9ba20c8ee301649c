// Package api serves fenced/v1: HTTP and JSON on the daemon's unix socket.
//
// It holds no rule. It finds out who asks (SO_PEERCRED, SO_PEERGROUPS), checks that the question is well formed, puts it to the interfaces
// of node.go, which internal/daemon implements, and writes the answer or an error that carries its exit code. It touches no device, knows
// no state of the cluster and cannot delay whoever decides: everything it holds is bounded (limits.go), and a reader of events that does
// not keep up is dropped (feed.go, watch.go).
//
// Start reading at node.go (what the daemon must answer), then routes.go; register.go and stream.go are the way to registered programs.
package api

// Package checklog proves or refutes the invariants offline, from what the nodes said (event lines) and what really happened (ground truth:
// what a shared disk saw, what BMCs counted). Every end-to-end test ends with it; administrators run it over collected event streams.
//
// It believes nobody: it knows no state of the daemons, only their lines. It decides nothing for a running cluster.
//
// Start reading at check.go; each invariant has a file or a function of its own, and a test with a log that must be refused.
package checklog

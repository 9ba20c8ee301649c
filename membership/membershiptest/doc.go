// Package membershiptest holds the contract tests that every membership provider passes: memory, embedded, later corosync.
//
// A provider's test calls Run with a Factory. The tests wait for events, never for time alone, and use only the contract.
//
// Start reading at cluster.go (what a provider must offer to be tested), then run.go (the promises).
package membershiptest

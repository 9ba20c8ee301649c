// Package membership is the contract between fenced and whatever gives it order and presence: one ordered sequence of entries, identical
// on all members that share a view, with the views themselves in that order.
//
// It knows no victim, no evidence and no device. It may not decide who is fenced; it says who is there, who went, and what was committed.
// The same contract tests (membershiptest) run against memory, embedded and corosync.
//
// Start reading at membership.go.
package membership

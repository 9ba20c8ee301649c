// Package residual looks for shared state that an earlier daemon of this boot left in the kernel, and says what is there, with a class.
// Whether that makes the node dirty is fence/member's decision (the start table in DESIGN.md).
//
// It may not change anything, write anything, or answer "none" where it could not look: what is unreadable, hung or out of bounds is a finding
// of class state (V12). Only a path that does not exist is nothing. The scan never blocks its caller beyond its deadline.
//
// Start reading at report.go (what is said), then scan.go (deadlines), then one probe a file: session.go, dlm.go, gfs2.go. RESIDUAL.md has
// the facts about the kernel.
package residual

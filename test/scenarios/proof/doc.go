// Package proof collects which test proves which scenario and which rule, and writes the page that says so, docs/scenarios.md.
//
// A proof is one of three: a file of test/scenarios, a marker in the doc comment of a test function, or (for rules) a mutant of test/mutants with
// the test that catches it. A marker is the line `proves: S1.9, R13`, or `part of: S1.9` where the test shows only a part: that leaves the
// scenario open.
//
// Start reading at proof.go, then marker.go and page.go; sides.go has the two memberships beside each other.
package proof
